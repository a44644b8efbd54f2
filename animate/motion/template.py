"""Motion templates: a driver's motion as a file of numbers, without pictures, points or face shape."""

import json
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..errors import InputError
from ..face.morphable_model import angles, load_face_model, rotation
from ..io.atomic import atomic_file
from ..io.paths import existing_file, new_file
from .parameters import STILL, UNMOVED, FaceMotion, no_slack
from .presets import SHIPPED, SUFFIX, names_motion
from .recording import DriverMotion, motion_of_curves

_FORMAT, _VERSION = "gfla motion", 2  # 1 measured lips in eye distances


def open_motion(
    driving: object, start: Fraction | float | None = None, end: Fraction | float | None = None
) -> DriverMotion | None:
    """The motion that `driving` names (`names_motion`), from start to end; None if it names none."""
    if not names_motion(driving):
        return None
    path = Path(str(driving))
    motion = (
        load_motion(path)
        if path.suffix.lower() == SUFFIX
        else motion_of_curves(SHIPPED[path.name](), path.name)
    )
    return motion.cut(start, end)


def save_motion(motion: DriverMotion, path: str | os.PathLike, overwrite: bool = False) -> Path:
    """Write a calibrated motion (`DriverMotion.ready`) as a template."""
    assert motion.lids is None
    target = new_file(path, overwrite, (SUFFIX,))
    signals, rest = motion.signals, motion.rest
    unit, origin = float(np.median(signals.scale)), signals.shift[0]
    arrays = {name: getattr(motion, name).astype(np.uint8) for name in ("found", "cuts")}
    arrays["pts"] = motion.pts
    arrays |= _pack(signals, unit, origin)
    if rest is not None:
        arrays |= {f"rest.{name}": array for name, array in _pack(rest, unit, origin).items()}
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        "names": load_face_model().names,
        "rate": str(motion.rate),
        "time_base": str(motion.time_base),
        "zero": str(motion.zero),
    }
    with atomic_file(target) as part:
        part.write_bytes(save(arrays, {"gfla": json.dumps(header)}))
    return target


def load_motion(path: str | os.PathLike) -> DriverMotion:
    """Read a motion template. InputError if the file is not one, is damaged, or is of another version."""
    file, names = existing_file(path), load_face_model().names
    try:
        with safe_open(file, "numpy") as stored:
            header = json.loads((stored.metadata() or {})["gfla"])
            arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118, no mapping
        if header["format"] != _FORMAT:
            raise ValueError
        if header["version"] != _VERSION or tuple(header["names"]) != names:
            raise InputError(file, "a template of another version of gfla", "save it again from its video")
        pts, found = arrays["pts"].astype(np.int64), arrays["found"].astype(bool)
        cuts = arrays["cuts"].astype(bool) if "cuts" in arrays else np.zeros_like(found)
        signals = _unpack(arrays, "", int(found.sum()), len(names))
        rest = _unpack(arrays, "rest.", 1, len(names)) if "rest.scale" in arrays else None
        time_base, rate, zero = (Fraction(header[name]) for name in ("time_base", "rate", "zero"))
        if (
            not pts.shape == found.shape == cuts.shape
            or not found.any()
            or not (np.diff(pts) > 0).all()
            or rate <= 0
        ):
            raise ValueError
    except InputError:
        raise
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, ZeroDivisionError):
        raise InputError(file, "not a whole motion template", "make one with --save-motion") from None
    pts -= round(zero / time_base)  # a video's clock may begin anywhere
    return DriverMotion(file, pts, time_base, rate, Fraction(0), found, cuts, signals, rest=rest)


def _pack(signals: FaceMotion, unit: float, origin: NDArray) -> dict[str, NDArray]:
    """FaceMotion as float32 arrays, lengths in units of `unit` and positions relative to `origin`."""
    arrays = {
        "angles": angles(signals.turn),
        "scale": signals.scale / unit,
        "shift": (signals.shift - origin) / unit,
        "expression": signals.expression,
        "opening": signals.opening,
        "shoulders": (signals.shoulders - origin) / unit,
    }
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}


def _unpack(arrays: dict[str, NDArray], prefix: str, count: int, directions: int) -> FaceMotion:
    shapes = {"angles": (3,), "scale": (), "shift": (2,), "expression": (directions,), "opening": (3,)}
    parts = {name: arrays[prefix + name].astype(np.float64) for name in shapes}
    shapes["shoulders"] = (2, 2)  # not in files from before they were followed
    still = np.broadcast_to(STILL, (count, 2, 2))
    parts["shoulders"] = arrays.get(f"{prefix}shoulders", still).astype(np.float64)
    for name, shape in shapes.items():
        if parts[name].shape != (count, *shape) or not np.isfinite(parts[name]).all():
            raise ValueError
    if not (parts["scale"] > 0).all():
        raise ValueError
    turn = rotation(parts.pop("angles"))
    fine = np.broadcast_to(UNMOVED, (count, 1, 1, 2))  # of one face's skin, and large
    return FaceMotion(turn, **parts, fine=fine, slack=no_slack(count))
