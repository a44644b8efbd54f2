"""A driver's motion on disk, tracked once, because many jobs of a batch share a driver."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..io.atomic import atomic_file
from ..motion.parameters import FaceMotion
from ..motion.recording import DriverMotion

_ARRAYS = ("pts", "found", "cuts", "points", "lids", "shape")
_FRACTIONS = ("time_base", "rate", "zero")


def cached_motion(file: Path, track: Callable[[], DriverMotion]) -> DriverMotion:
    """The motion in `file`, or else the result of `track`, written to `file`: equal to the bit.

    track: gives the motion as `track_driver` does. A damaged file costs one more call. The caller holds a
    lock on `file`.
    """
    try:
        return _load(file)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        pass
    motion = track()
    _save(motion, file)
    return motion


def _save(motion: DriverMotion, file: Path) -> None:
    arrays = {name: getattr(motion, name) for name in _ARRAYS} | motion.signals._asdict()
    header = {name: str(getattr(motion, name)) for name in ("path", *_FRACTIONS)}
    with atomic_file(file) as part:
        part.write_bytes(
            save({k: np.ascontiguousarray(v) for k, v in arrays.items()}, {"gfla": json.dumps(header)})
        )


def _load(file: Path) -> DriverMotion:
    with safe_open(file, "numpy") as stored:
        header = json.loads((stored.metadata() or {})["gfla"])
        arrays = {name: stored.get_tensor(name) for name in (*_ARRAYS, *FaceMotion._fields)}
    signals = FaceMotion(*(arrays.pop(name) for name in FaceMotion._fields))
    fractions = {name: Fraction(header[name]) for name in _FRACTIONS}
    return DriverMotion(path=Path(header["path"]), signals=signals, **fractions, **arrays)
