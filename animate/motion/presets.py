"""The shipped motions, written as curves of named controls; nobody was filmed for them."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..face.morphable_model import Floats
from .controls import RATE, Curves, key_frames

SUFFIX = ".motion"
"""File suffix of a motion template."""


def names_motion(driving: object) -> bool:
    """Whether `driving` is a motion template or the name of one in SHIPPED, not a video."""
    if not isinstance(driving, str | os.PathLike):
        return False
    path = Path(driving)
    return path.suffix.lower() == SUFFIX or (str(driving) in SHIPPED and not path.exists())


def _bump(times: Floats, centre: float, width: float) -> Floats:
    return np.exp(-(((times - centre) / width) ** 4))


def _seconds(length: float) -> Floats:
    return np.arange(round(length * RATE)) / float(RATE)


def _eased(times: Floats, length: float, edge: float = 0.4) -> Floats:
    """1 in the middle, easing to 0 at both ends, so that every motion starts and ends at rest."""
    rise = np.clip(np.minimum(times, length - 1 / float(RATE) - times) / edge, 0, 1)
    return rise * rise * (3 - 2 * rise)


def _blink() -> Curves:
    t = _seconds(2)
    return {"blink": _bump(t, 0.6, 0.09) + _bump(t, 1.35, 0.09), "gaze_y": 0.15 * _bump(t, 0.6, 0.12)}


def _nod() -> Curves:
    t = _seconds(2)
    wave = _eased(t, 2) * np.sin(2 * np.pi * 1.5 * t)
    return {"pitch": 9 * wave, "shift_y": 0.07 * wave, "blink": _bump(t, 1.0, 0.08)}


def _shake() -> Curves:
    t = _seconds(2)
    return {"yaw": 14 * _eased(t, 2) * np.sin(2 * np.pi * 1.25 * t), "blink": _bump(t, 0.3, 0.08)}


def _smile() -> Curves:
    t = _seconds(3)
    much = _eased(t, 3, 0.9)
    return {
        "smile": 0.8 * much,
        "mouth_open": 0.12 * much,
        "brows": 0.25 * much,
        "blink_left": 0.15 * much,
        "blink_right": 0.15 * much,
        "pitch": -2 * much,
        "blink": _bump(t, 1.5, 0.08) * 0.85,
    }


def _talk() -> Curves:
    t = _seconds(4)
    edge = _eased(t, 4)
    beat = np.sin(2 * np.pi * 4.3 * t) * (0.7 + 0.3 * np.sin(2 * np.pi * 0.9 * t + 1))
    phrase = _eased(t, 4) * (1 - _bump(t, 1.9, 0.16))
    return {
        "mouth_open": 0.42 * phrase * np.clip(0.25 + beat, 0, None),
        "smile": 0.22 * phrase * np.sin(2 * np.pi * 2.1 * t + 0.6),
        "pucker": 0.18 * phrase * np.clip(np.sin(2 * np.pi * 1.7 * t + 2.2), 0, None),
        "yaw": 4 * edge * np.sin(2 * np.pi * 0.4 * t),
        "pitch": 2.5 * edge * np.sin(2 * np.pi * 0.7 * t + 0.5),
        "roll": 1.5 * edge * np.sin(2 * np.pi * 0.35 * t + 1),
        "brows": 0.35 * edge * np.sin(2 * np.pi * 0.5 * t) ** 2,
        "blink": _bump(t, 1.1, 0.08) + _bump(t, 3.0, 0.08),
    }


def _look_around() -> Curves:
    keys = {
        0: {"gaze_x": 0, "gaze_y": 0, "yaw": 0, "pitch": 0},
        0.6: {"gaze_x": -0.9, "yaw": 0},
        1.2: {"gaze_x": -0.4, "yaw": -14, "pitch": 0},
        2.2: {"gaze_x": 0.9, "yaw": 10, "pitch": -5, "gaze_y": -0.6},
        2.9: {"gaze_x": 0.3, "yaw": 14, "pitch": -5, "gaze_y": -0.3},
        3.9: {"gaze_x": 0, "gaze_y": 0, "yaw": 0, "pitch": 0},
    }
    curves = dict(key_frames({Fraction(str(time)): values for time, values in keys.items()}))
    t = np.arange(len(curves["yaw"])) / float(RATE)
    return curves | {"blink": _bump(t, 0.85, 0.08) + _bump(t, 1.75, 0.08) + _bump(t, 3.2, 0.08)}


SHIPPED: dict[str, Callable[[], Curves]] = {
    "blink": _blink,
    "nod": _nod,
    "shake": _shake,
    "smile": _smile,
    "talk": _talk,
    "look-around": _look_around,
}
