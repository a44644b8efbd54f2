"""Motion by hand: named controls of a face, their curves in time, and the motions that we ship as curves.

A control's value is a change from the portrait as it is; 0 changes nothing. The signs are the picture's:
right and down are positive, left and right are those of the picture.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .editor import LIPS, Floats, load_face_model, rotation
from .errors import InputError
from .recording import Recording
from .signals import Signals

Curves = Mapping[str, NDArray[np.float64]]

CONTROLS = {
    "yaw": "degrees that the head turns to the right",
    "pitch": "degrees that it looks down",
    "roll": "degrees that it tilts clockwise",
    "shift_x": "to the right, in distances between the eyes",
    "shift_y": "down, in distances between the eyes",
    "scale": "of growth: 0.1 is a tenth larger",
    "mouth_open": "1 is wide open, -1 shuts an open mouth",
    "smile": "1 is a broad smile, -1 the corners drawn in and down",
    "pucker": "1 is lips as for a kiss",
    "jaw_side": "1 is the jaw far to the right",
    "brows": "1 is raised high, -1 lowered",
    "frown": "1 is drawn together",
    "blink": "of both eyes: 1 is shut, below 0 wider open",
    "blink_left": "of the eye on the left",
    "blink_right": "of the eye on the right",
    "gaze_x": "1 looks far to the right",
    "gaze_y": "1 looks far down",
}
"""Every control and what its value means. All but the first six are 1 at a strong movement."""
RATE = Fraction(25)
_LIPS_OPEN = 0.1  # what the reference's lips are open, so that they can shut


def control_signals(curves: Curves) -> Signals:
    """Signals (T) of controls' values, (T,) each; what is not named is 0. Against `rest` they are exactly
    these changes."""
    model = load_face_model()
    count = len(next(iter(curves.values())))

    def value(name: str) -> Floats:
        return np.asarray(curves.get(name, np.zeros(count)), np.float64)

    expression = np.zeros((count, len(model.names)))
    blinks = [value("blink") + value(name) for name in ("blink_left", "blink_right")]
    for name, amount in zip(("blink_left", "blink_right"), blinks, strict=True):
        expression[:, model.names.index(name)] = amount
    for name in ("mouth_open", "smile", "pucker", "jaw_side", "brows", "frown", "gaze_x", "gaze_y"):
        expression[:, model.names.index(name)] = value(name)
    opens = model.expression[model.names.index("mouth_open")]
    gap = float(np.mean([opens[low, 1] - opens[up, 1] for up, low in LIPS]))
    mouth = value("mouth_open")
    lips = _LIPS_OPEN + np.where(mouth > 0, gap * mouth, _LIPS_OPEN * np.maximum(mouth, -1))
    return Signals(
        rotation(np.stack([value("yaw"), value("pitch"), value("roll")], 1)),
        1 + value("scale"),
        np.stack([value("shift_x"), value("shift_y")], 1),
        expression,
        np.stack([*(np.maximum(1 - amount, 0) for amount in blinks), lips], 1),
    )


def rest() -> Signals:
    """The signals of no change, T = 1."""
    return control_signals({"yaw": np.zeros(1)})


def recorded(curves: Curves, name: str, rate: Fraction = RATE) -> Recording:
    """The motion of these curves, a value a frame."""
    signals = control_signals(curves)
    count = len(signals.scale)
    found = np.ones(count, bool)
    return Recording(Path(name), np.arange(count), 1 / rate, rate, Fraction(0), found, signals, rest=rest())


def check_control(name: str, value: float) -> None:
    """InputError if there is no such control or the value makes no sense."""
    if name not in CONTROLS:
        raise InputError(f"{name}: there is no such control; choose of {', '.join(CONTROLS)}.")
    most = 90 if name in ("yaw", "pitch", "roll") else 3
    least = -0.9 if name == "scale" else -most
    if not least <= value <= most:
        raise InputError(f"{name} {value:g}: give a value between {least:g} and {most:g}.")


def key_frames(keys: Mapping[Fraction, Mapping[str, float]], rate: Fraction = RATE) -> Curves:
    """Curves through values at given seconds, {seconds: {control: value}}, from 0 to the last of them; each
    control eases from key to key and keeps its first and last value outside them."""
    last = max(keys)
    times = np.arange(int(last * rate) + 1) / float(rate)
    curves = {}
    for name in sorted({name for values in keys.values() for name in values}):
        at = sorted((float(time), values[name]) for time, values in keys.items() if name in values)
        known, amounts = (np.array(column) for column in zip(*at, strict=True))
        place = np.interp(times, known, np.arange(len(known)))
        index = np.floor(place).astype(int).clip(0, max(len(known) - 2, 0))
        part = place - index
        following = np.minimum(index + 1, len(known) - 1)
        ease = part * part * (3 - 2 * part)
        curves[name] = amounts[index] + ease * (amounts[following] - amounts[index])
    return curves


def shipped_motion(name: str) -> Recording:
    """A motion that we ship, by the name in SHIPPED."""
    return recorded(SHIPPED[name](), name)


def _bump(times: Floats, centre: float, width: float) -> Floats:
    return np.exp(-(((times - centre) / width) ** 4))


def _seconds(length: float) -> Floats:
    return np.arange(round(length * RATE)) / float(RATE)


def _eased(times: Floats, length: float, edge: float = 0.4) -> Floats:
    """1 in the middle, easing to 0 at both ends, so that every motion begins and ends at rest."""
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
        "pucker": 0.25 * phrase * np.clip(np.sin(2 * np.pi * 1.7 * t + 2.2), 0, None),
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
