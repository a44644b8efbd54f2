"""Weights on disk: safetensors in half precision, with the configuration as JSON in the file's metadata."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path

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
from .generator import Generator
from .layers import channels_last
from .original import Original

AnyGenerator = Generator | AttentionFlow | Original
"""A model that draws frames: whoever only runs it takes any of them."""

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
    """Write `module`'s parameters in float16 and `config` (JSON-able); whole or not at all.

    exact: parameters whose names begin so keep their precision. licence: for the metadata, if it is not ours.
    """
    from safetensors.torch import save_file

    path = Path(path)
    tensors = {
        name: value.detach().cpu().contiguous()
        if (exact and name.startswith(exact)) or not value.is_floating_point()
        else value.detach().cpu().half().contiguous()
        for name, value in module.state_dict().items()
    }
    metadata = {"config": json.dumps(config)} | ({"licence": licence} if licence else {})
    with whole_file(path) as part:
        save_file(tensors, part, metadata=metadata)


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    """The parameters in float32 and the configuration. WeightsError if the file is missing or not ours."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise WeightsError(path, "no such weights file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise WeightsError(path, f"not a safetensors file ({error})") from error
    if "config" not in metadata:
        raise WeightsError(path, "no gfla configuration in it; it was not written by this program")
    floats = {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
    return floats, json.loads(metadata["config"])


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
    try:
        generator.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise WeightsError(name, f"the weights do not fit their configuration: {error}") from error
    return channels_last(generator.to(device)).eval()
