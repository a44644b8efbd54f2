"""Checkpoints: everything that an exact resume needs, in one safetensors file with JSON in its metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...animate.errors import InputError
from ...animate.io.atomic import atomic_file
from ...models import AttentionFlow, Generator, new_generator
from ...models.config import ADDED_SETTINGS
from ...models.weights import read_config

Modules = Mapping[str, torch.nn.Module]


def save_checkpoint(path: Path, modules: Modules, optimisers: dict, loop: dict) -> None:
    """Write the states of named modules and optimisers and the loop's own values, whole or not at all.
    OSError if the disk refuses; the previous checkpoint is kept."""
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= {
            f"{name}/{key}": value.detach().clone().contiguous() for key, value in module.state_dict().items()
        }
    for name, optimiser in optimisers.items():
        for index, state in optimiser.state_dict()["state"].items():
            tensors |= {
                f"{name}/{index}/{key}": value.detach().clone().contiguous() for key, value in state.items()
            }
    with name_file_in_errors(path), atomic_file(path) as part:
        save_file(tensors, part, metadata={"loop": json.dumps(loop)})


@contextmanager
def name_file_in_errors(path: Path) -> Iterator[None]:
    """Turn errors of writing `path` atomically into an OSError that names it."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise OSError(f"{path}: cannot be written ({error}); the previous one is kept.") from error


def load_checkpoint(path: Path, modules: Modules, optimisers: dict, model: dict) -> dict:
    """Restore what `save_checkpoint` wrote; returns the loop's values. InputError if the file is damaged or
    its `model` settings differ from `model`; nothing is changed then."""
    try:
        with safe_open(path, framework="pt") as file:
            loop = json.loads(file.metadata()["loop"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"not a checkpoint of ours ({error})") from None
    added = {name: value for name, value in ADDED_SETTINGS.items() if name in model}
    if added | (loop.get("model") or {}) != json.loads(json.dumps(model)):
        reason = f"of another configuration: {loop.get('model')}"
        raise InputError(path, reason, "give its --config, or another --out")
    for name, module in modules.items():
        prefix = f"{name}/"
        module.load_state_dict(
            {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        )
    for name, optimiser in optimisers.items():
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(f"{name}/"):
                _, index, field = key.split("/")
                state.setdefault(int(index), {})[field] = value
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return loop


def averaged_network(path: Path) -> tuple[Generator | AttentionFlow, int, int]:
    """The network with the averaged weights of the checkpoint `path`, the step that it was written at, and
    the last step of its schedule. InputError if the file is damaged or not of a generator."""
    try:
        with safe_open(path, framework="pt") as file:
            loop = json.loads(file.metadata()["loop"])
            tensors = {
                name.removeprefix("average/"): file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118 (no mapping)
                if name.startswith("average/")
            }
        network = new_generator(read_config(loop["model"]))
        network.load_state_dict(tensors)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise InputError(path, f"not a checkpoint of a generator of ours ({error})") from None
    return network, loop["step"], _steps(loop["config"])


def describe_resume(path: Path, loop: dict, config: dict) -> str:
    """A sentence about a run that continues from the checkpoint `path` with these values of its `loop` under
    the schedule `config`: where, and how the schedule differs from before. InputError if the schedule ends
    sooner."""
    step, steps = loop["step"], _steps(config)
    if step > steps:
        raise InputError(path, f"already at step {step} of {steps}", "ask for more --steps")
    now = json.loads(json.dumps(config))
    before = now | (loop.get("config") or {})
    changed = [f"{steps} steps instead of {_steps(before)}"] if steps != _steps(before) else []
    if [stage | {"steps": 0} for stage in before["stages"]] != [s | {"steps": 0} for s in now["stages"]]:
        changed.append("other stages")
    changed += [f"another {name}" for name in now if name != "stages" and now[name] != before[name]]
    how = f", under a changed schedule: {', '.join(changed)}" if changed else ""
    return f"{path.parent}: continues at step {step} of {steps}{how}."


def _steps(config: dict) -> int:
    return sum(stage["steps"] for stage in config["stages"])
