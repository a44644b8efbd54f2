"""Everything an exact resume needs, in one safetensors file and a JSON beside the tensors in its metadata."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..models.config import ADDED_SETTINGS


def save_checkpoint(path: Path, modules: dict[str, torch.nn.Module], optimisers: dict, loop: dict) -> None:
    """Write the states of named modules and optimisers and the loop's own numbers, whole or not at all.
    OSError in a sentence if the disk takes it not; the checkpoint before it stays."""
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
    partial = path.with_name(path.name + ".part")
    with whole_or_not(path):
        save_file(tensors, partial, metadata={"loop": json.dumps(loop)})
        os.replace(partial, path)


@contextmanager
def whole_or_not(path: Path) -> Iterator[None]:
    """Around the writing of `path` by way of `path`.part: OSError in a sentence if the disk takes it not, the
    part removed."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise OSError(f"{path} cannot be written ({error}); the one before it stays.") from error
    finally:
        path.with_name(path.name + ".part").unlink(missing_ok=True)


def load_checkpoint(path: Path, modules: dict[str, torch.nn.Module], optimisers: dict, model: dict) -> dict:
    """Restore what `save_checkpoint` wrote; returns the loop's numbers. ValueError in a sentence if the file
    is damaged or the loop's `model` is not `model`: then nothing was changed."""
    try:
        with safe_open(path, framework="pt") as file:
            loop = json.loads(file.metadata()["loop"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no checkpoint of gfla-train ({error}).") from None
    if ADDED_SETTINGS | (loop.get("model") or {}) != json.loads(json.dumps(model)):
        raise ValueError(
            f"{path} is of another configuration: {loop.get('model')}. Name its --config, or another --out."
        )
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


def going_on(path: Path, loop: dict, config: dict) -> str:
    """What to say of a run that goes on from the checkpoint `path` with these numbers of the `loop`, by the
    schedule `config`: where, and what of the schedule is other than before. ValueError in a sentence if the
    schedule ends sooner."""
    step, steps = loop["step"], _steps(config)
    if step > steps:
        raise ValueError(f"{path} is at step {step} already, not within {steps}: ask for more --steps.")
    now = json.loads(json.dumps(config))
    before = now | (loop.get("config") or {})
    changed = [f"{steps} steps and not {_steps(before)}"] if steps != _steps(before) else []
    if [stage | {"steps": 0} for stage in before["stages"]] != [s | {"steps": 0} for s in now["stages"]]:
        changed.append("other stages")
    changed += [f"another {name}" for name in now if name != "stages" and now[name] != before[name]]
    how = f", by another schedule than before: {', '.join(changed)}" if changed else ""
    return f"{path.parent} goes on at step {step} of {steps}{how}."


def _steps(config: dict) -> int:
    return sum(stage["steps"] for stage in config["stages"])
