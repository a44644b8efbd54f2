"""A stream's state on disk, so that a render goes on where it was cut off: safetensors and JSON, no pickle.

The types that a state is made of are listed here; a field of a new type is an error until it is added.
"""

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...models import GeneratorMemory, LayerPyramid, OriginalReference, Reference
from ..compositing.closeups import CloseupReferences
from ..compositing.detail import Canvas, Closeup, Drawing
from ..face.crop import FaceSquare
from ..face.fine_flow import FineKey
from ..face.landmarks import Landmarks
from ..face.morphable_model import Faces
from ..face.registration import KeyFrame
from ..face.shoulders import BodyKey
from ..face.tracking import Sighting
from ..io.atomic import atomic_file
from ..motion.no_face import Presence
from ..motion.parameters import FaceMotion
from ..motion.person import Person
from ..motion.recording import Tracked
from ..motion.retarget import Driver, MotionState
from ..motion.smoothing import OneEuro
from ..state import AnimationState, Portrait, RetargetState, SourceState, Target, TrackingState

_PLAIN = (bool, int, float, str, type(None))
_TYPES: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        AnimationState,
        TrackingState,
        SourceState,
        RetargetState,
        Sighting,
        KeyFrame,
        BodyKey,
        FineKey,
        Landmarks,
        Tracked,
        Portrait,
        Canvas,
        Closeup,
        CloseupReferences,
        FaceSquare,
        Target,
        Drawing,
        Presence,
        MotionState,
        Person,
        Driver,
        Faces,
        FaceMotion,
        OneEuro,
        Reference,
        LayerPyramid,
        OriginalReference,
        GeneratorMemory,
    )
}
"""What a saved state may hold beside plain values, arrays and tensors, by name."""


def save_state(path: Path, state: Any, start: Any) -> None:
    """Write `state` to `path`, whole or not at all, without what it still shares with `start`.

    start: the state that `Animator.prepare` gave; `load_state` needs the same one. TypeError for what
    cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    plan = _pack(state, start, "state", tensors)
    with atomic_file(path) as part:
        save_file(tensors, part, metadata={"plan": json.dumps(plan)})


def load_state(path: Path, start: Any, device: torch.device) -> Any:
    """The state that `save_state` wrote, its tensors on `device` if they were not on the CPU.

    ValueError if the file is damaged or holds other types.
    """
    try:
        with safe_open(path, framework="pt") as file:
            plan = json.loads((file.metadata() or {})["plan"])
            return _unpack(plan, start, file.get_tensor, device)
    except (SafetensorError, KeyError, TypeError, AttributeError, ImportError) as error:
        raise ValueError(f"{path} holds no state of ours ({error!r})") from error


def _pack(value: Any, start: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """`value` as JSON, its tensors put into `tensors`."""
    if isinstance(value, _PLAIN):
        return {"value": value}
    if value is start:
        return {"kept": True}
    if isinstance(value, Fraction):
        return {"fraction": [value.numerator, value.denominator]}
    if isinstance(value, np.generic):
        return {"scalar": str(value.dtype), "of": _pack(np.asarray(value), None, name, tensors)}
    if isinstance(value, Tensor | np.ndarray):
        tensor = value if isinstance(value, Tensor) else torch.from_numpy(np.array(value, order="K"))
        tensors[name] = tensor.detach().cpu().contiguous().clone()
        kind = "array" if isinstance(value, np.ndarray) else "tensor"
        return {kind: name, "stride": tensor.stride(), "cpu": tensor.device.type == "cpu"}
    inner: dict[str, Any]
    if is_dataclass(value) and not isinstance(value, type):
        inner = {field.name: getattr(value, field.name) for field in fields(value)}
        shape: dict[str, Any] = {"object": _name(type(value))}
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        inner, shape = value._asdict(), {"object": _name(type(value))}  # type: ignore[attr-defined]
    elif isinstance(value, tuple | list):
        inner, shape = {str(index): item for index, item in enumerate(value)}, {type(value).__name__: True}
    elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
        inner, shape = value, {"dict": True}
    else:
        raise TypeError(f"{name} is a {type(value).__name__}, which a saved state cannot hold")
    parts = {k: _pack(v, _part(start, k, type(value)), f"{name}.{k}", tensors) for k, v in inner.items()}
    return {**shape, "parts": parts}


def _unpack(plan: dict[str, Any], start: Any, get: Callable[[str], Tensor], device: torch.device) -> Any:
    if "value" in plan:
        return plan["value"]
    if "kept" in plan:
        return start
    if "fraction" in plan:
        return Fraction(*plan["fraction"])
    if "scalar" in plan:
        return _unpack(plan["of"], None, get, device)[()]
    if name := plan.get("tensor", plan.get("array")):
        tensor = _strided(get(name), plan["stride"])
        if "array" in plan:
            return tensor.numpy()
        return tensor if plan["cpu"] else tensor.to(device)
    kind = _TYPES[plan["object"]] if "object" in plan else None
    parts = {k: _unpack(v, _part(start, k, kind), get, device) for k, v in plan["parts"].items()}
    if kind is not None:
        return kind(**parts)
    if "dict" in plan:
        return parts
    return tuple(parts.values()) if "tuple" in plan else list(parts.values())


def _part(start: Any, name: str, kind: type | None) -> Any:
    """The part `name` of `start`, if both are of the same type with named parts."""
    return getattr(start, name, None) if kind is not None and type(start) is kind else None


def _strided(tensor: Tensor, stride: list[int]) -> Tensor:
    """The same values laid out in memory as they were: kernels are chosen by layout, and round by kernel."""
    if 0 in stride or not tensor.numel() or tensor.ndim != len(stride):
        return tensor
    laid = torch.empty_strided(tensor.shape, stride, dtype=tensor.dtype)
    return laid.copy_(tensor) if laid.untyped_storage().nbytes() == tensor.nbytes else tensor


def _name(kind: type) -> str:
    if _TYPES.get(kind.__name__) is not kind:
        raise TypeError(f"{kind.__name__} is not among the types of a saved state")
    return kind.__name__
