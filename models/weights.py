"""Save and load weights: safetensors in half precision with the configuration inside, so that one file says
it all."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


def save_weights(path: str | Path, module: nn.Module, config: dict[str, Any]) -> None:
    """Write the module's state as fp16 tensors with the configuration as JSON metadata; whole or not at
    all."""
    path = Path(path)
    tensors = {
        name: (value.half() if value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in module.state_dict().items()
    }
    unfinished = path.with_name(path.name + ".tmp")
    save_file(tensors, unfinished, {"config": json.dumps(config)})
    os.replace(unfinished, path)


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(state in float32, configuration) of a file that save_weights wrote."""
    with safe_open(str(path), "pt") as file:
        config = json.loads(file.metadata()["config"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return {k: v.float() if v.dtype == torch.float16 else v for k, v in tensors.items()}, config
