"""Weights on disk: safetensors in half precision with the configuration beside them, read strictly.

A file names what it is: its metadata holds the configuration as JSON, so loading needs nothing else.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, fields
from pathlib import Path

import torch
from torch import Tensor, nn

from .attention_flow import AttentionFlow
from .config import ADDED_SETTINGS, AttentionFlowConfig, GeneratorConfig, Task, config_from_json
from .generator import Generator
from .layers import channels_last

FOLDER = Path(__file__).parent / "weights"


def save_weights(path: str | Path, module: nn.Module, config: dict) -> None:
    """Write `module`'s parameters in float16 and `config` (JSON-able); whole or not at all."""
    from safetensors.torch import save_file

    path = Path(path)
    tensors = {
        name: (value.half() if value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in module.state_dict().items()
    }
    partial = path.with_name(path.name + ".part")
    save_file(tensors, partial, metadata={"config": json.dumps(config)})
    os.replace(partial, path)


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    """The parameters in float32 and the configuration. Raises ValueError naming the file when it is not
    one of ours, FileNotFoundError when it is missing."""
    from safetensors import SafetensorError, safe_open  # whoever only computes does without

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no weights file {path}.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file ({error}).") from error
    if "config" not in metadata:
        raise ValueError(f"{path} holds no gfla configuration; it was not written by this program.")
    floats = {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
    return floats, json.loads(metadata["config"])


def save_generator(path: str | Path, generator: Generator | AttentionFlow) -> None:
    """Write a model's parameters in float16 and its config, as `load_generator` reads them."""
    save_weights(path, generator, asdict(generator.config))


def weights_file(name: str | Path) -> Path:
    """The file that `name` means: that of shipped weights, or else `name` as a path."""
    shipped = FOLDER / f"{name}.safetensors"
    return shipped if shipped.is_file() else Path(name)


def new_generator(config: GeneratorConfig) -> Generator | AttentionFlow:
    """An untrained model of the kind that `config` is of."""
    return AttentionFlow(config) if isinstance(config, AttentionFlowConfig) else Generator(config)


def load_generator(
    name: str | Path = "face-256", device: str | torch.device = "cpu", task: Task | None = None
) -> Generator | AttentionFlow:
    """A trained generator in eval mode: a shipped name (see `models/weights`) or the path of a weights file,
    which says of which model it is.

    task: what they must be for. Raises FileNotFoundError or ValueError with one sentence for the user.
    """
    tensors, values = read_weights(weights_file(name))
    values = ADDED_SETTINGS | values
    known, others = ({f.name for f in fields(kind)} for kind in (GeneratorConfig, AttentionFlowConfig))
    if set(values) not in (known, others):
        raise ValueError(
            f"{name} is of another version: its settings are {sorted(values)}, ours {sorted(known)}."
        )
    if task and values["task"] != task:
        raise ValueError(f"{name}: these weights are for a {values['task']}, not for a {task}.")
    kind = AttentionFlowConfig if set(values) == others else GeneratorConfig
    generator = new_generator(config_from_json(kind, values))
    try:
        generator.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise ValueError(f"{name} does not fit its own configuration: {error}") from error
    return channels_last(generator.to(device)).eval()
