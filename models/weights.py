"""Weights on disk: safetensors in half precision, with the configuration as JSON in the file's metadata."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .attention_flow import AttentionFlow
from .config import (
    ADDED_SETTINGS,
    AttentionFlowConfig,
    GeneratorConfig,
    OriginalConfig,
    Task,
    config_from_json,
)
from .frames import FrameModel
from .generator import Generator
from .layers import channels_last
from .original import Original

AnyGenerator = FrameModel[GeneratorConfig, Any, Any]
"""A model that draws frames: whoever only runs it takes any kind."""

FOLDER = Path(__file__).parent / "weights"


class WeightsError(ValueError):
    """A weights file that cannot be used. subject: the file or name as given; reason: what is wrong."""

    def __init__(self, subject: str | Path, reason: str):
        super().__init__(f"{subject}: {reason}.")
        self.subject, self.reason = str(subject), reason


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields a path to write to, which is flushed to disk and renamed to `path`; removed on an error."""
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def save_weights(
    path: str | Path, module: nn.Module, config: dict, *, exact: str | None = None, licence: str = ""
) -> None:
    """Write `module`'s parameters in float16, unless one is too large for it, and `config` (JSON-able); whole
    or not at all.

    exact: parameters whose names begin so keep their precision. licence: for the metadata, if it is not ours.
    OSError if the file cannot be written.
    """
    from safetensors.torch import save

    path = Path(path)
    tensors: dict[str, Tensor] = {}
    for name, value in module.state_dict().items():
        value = value.detach().cpu()
        halved = value.half() if value.is_floating_point() else value
        keep = (exact and name.startswith(exact)) or bool((halved.isinf() & value.isfinite()).any())
        tensors[name] = (value if keep else halved).contiguous()
    metadata = {"config": json.dumps(config)} | ({"licence": licence} if licence else {})
    with whole_file(path) as part:
        part.write_bytes(save(tensors, metadata))  # their `save_file` lets nobody else read the file


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    """The parameters in float32 and the configuration. WeightsError if the file is missing or not ours."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        made = " (gfla-import makes it of the authors' checkpoint)" * path.name.startswith("authors-")
        raise WeightsError(path, f"no such weights file{made}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        with path.open("rb") as file:
            is_torch = file.read(2) in (b"PK", b"\x80\x02")  # a zip archive, or a pickle
        known = "a checkpoint of torch; gfla-import makes weights files of those of the paper's authors"
        reason = known if is_torch else f"not a safetensors file ({error})"
        raise WeightsError(path, reason) from error
    if "config" not in metadata:
        raise WeightsError(path, "no gfla configuration in it; it was not written by this program")
    floats = {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
    return floats, json.loads(metadata["config"])


Shapes = dict[str, torch.Size]


def shapes_of(module: nn.Module) -> Shapes:
    """The shapes of its parameters and buffers, by name."""
    return {name: value.shape for name, value in module.state_dict().items()}


def misfit(wanted: Shapes, tensors: dict[str, Tensor], *, extra: bool = False) -> str:
    """Why `tensors` are not the parameters of a module of the shapes `wanted`; nothing if they are. extra:
    there may be others too."""
    missing = [name for name in wanted if name not in tensors]
    if missing:
        return f"{len(missing)} of {len(wanted)} tensors are missing, {missing[0]} first"
    for name, shape in wanted.items():
        if tensors[name].shape != shape:
            return f"{name} has the shape {tuple(tensors[name].shape)}, not {tuple(shape)}"
    unknown = [name for name in tensors if name not in wanted]
    return f"{len(unknown)} tensors are too many" if unknown and not extra else ""


def save_generator(path: str | Path, generator: AnyGenerator) -> None:
    """Write a model's parameters in float16 and its config, as `load_generator` reads them."""
    save_weights(path, generator, asdict(generator.config))


def weights_file(name: str | Path) -> Path:
    """The file of the shipped weights `name`, or `name` as a path."""
    shipped = FOLDER / f"{name}.safetensors"
    return shipped if shipped.is_file() else Path(name)


def new_generator(config: GeneratorConfig) -> Generator | AttentionFlow:
    """An untrained model of `config`'s kind."""
    return AttentionFlow(config) if isinstance(config, AttentionFlowConfig) else Generator(config)


def read_config(
    values: dict, name: str | Path = "these weights"
) -> GeneratorConfig | AttentionFlowConfig | OriginalConfig:
    """The configuration of a generator from JSON `values`. WeightsError, about `name`, for another
    version's."""
    if "kind" in values:  # of what draws no pictures
        raise WeightsError(name, f"the weights of another network, {values['kind']}")
    values = ADDED_SETTINGS | values
    kinds = (GeneratorConfig, AttentionFlowConfig, OriginalConfig)
    kind = next((kind for kind in kinds if {f.name for f in fields(kind)} == set(values)), None)
    if kind is None:
        known = sorted(f.name for f in fields(GeneratorConfig))
        raise WeightsError(
            name, f"written by another version: its settings are {sorted(values)}, ours {known}"
        )
    return config_from_json(kind, values)


def load_generator(
    name: str | Path = "face-256", device: str | torch.device = "cpu", task: Task | None = None
) -> AnyGenerator:
    """A trained generator in eval mode. name: a shipped one (see `models/weights`) or the path of a weights
    file. task: what the weights must be for. WeightsError if it cannot be used."""
    tensors, values = read_weights(weights_file(name))
    config = read_config(values, name)
    if task and config.task != task:
        raise WeightsError(name, f"weights for a {config.task}, not for a {task}")
    generator = Original(config) if isinstance(config, OriginalConfig) else new_generator(config)
    if unfit := misfit(shapes_of(generator), tensors):
        raise WeightsError(name, f"the weights do not fit their configuration: {unfit}")
    generator.load_state_dict(tensors)
    return channels_last(generator.to(device)).eval()
