"""Named controls of a face and their curves over time, for edits and for the shipped motions.

A control's value is a change from the portrait as it is; 0 changes nothing. Right and down are positive; left
and right are those of the picture.
"""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..face.morphable_model import Floats, load_face_model, rotation
from ..ibug68 import LIPS
from .parameters import STILL, UNMOVED, FaceMotion, no_slack

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
"""Every control and the meaning of its value. After the first six, 1 is a strong movement."""
_PUCKER = {"pucker": 1.3, "smile": -1.0, "mouth_1": 0.5, "mouth_6": -1.2}
"""What a kiss is made of: narrow lips, corners drawn in, kept in their place, full lips. The direction of its
own name narrows a mouth by a tenth only."""
RATE = Fraction(25)
_LIPS_OPEN = 0.1  # opening of the lips at rest, in model units, so that they can shut


def control_signals(curves: Curves) -> FaceMotion:
    """FaceMotion (T) of the controls' values, (T,) each; 0 for those not named. Relative to `rest` it is
    exactly these changes."""
    model = load_face_model()
    count = len(next(iter(curves.values())))

    def value(name: str) -> Floats:
        return np.asarray(curves.get(name, np.zeros(count)), np.float64)

    expression = np.zeros((count, len(model.names)))
    blinks = [value("blink") + value(name) for name in ("blink_left", "blink_right")]
    for name, amount in zip(("blink_left", "blink_right"), blinks, strict=True):
        expression[:, model.names.index(name)] = amount
    for name in ("mouth_open", "smile", "jaw_side", "brows", "frown", "gaze_x", "gaze_y"):
        expression[:, model.names.index(name)] = value(name)
    for name, share in _PUCKER.items():
        expression[:, model.names.index(name)] += share * value("pucker")
    opens = model.expression[model.names.index("mouth_open")]
    gap = float(np.mean([opens[low, 1] - opens[up, 1] for up, low in LIPS]))
    mouth = value("mouth_open")
    lips = _LIPS_OPEN + np.where(mouth > 0, gap * mouth, _LIPS_OPEN * np.maximum(mouth, -1))
    return FaceMotion(
        rotation(np.stack([value("yaw"), value("pitch"), value("roll")], 1)),
        1 + value("scale"),
        np.stack([value("shift_x"), value("shift_y")], 1),
        expression,
        np.stack([*(np.maximum(1 - amount, 0) for amount in blinks), lips], 1),
        np.broadcast_to(STILL, (count, 2, 2)),
        np.broadcast_to(UNMOVED, (count, 1, 1, 2)),
        no_slack(count),
    )


def rest() -> FaceMotion:
    """The motion of no change, T = 1."""
    return control_signals({"yaw": np.zeros(1)})


def check_control(name: str, value: float) -> None:
    """InputError if there is no such control or the value is out of range."""
    if name not in CONTROLS:
        raise InputError(name, "there is no such control", f"choose one of {', '.join(CONTROLS)}")
    most = 90 if name in ("yaw", "pitch", "roll") else 3
    least = -0.9 if name == "scale" else -most
    if not least <= value <= most:
        raise InputError(f"{name} {value:g}", "out of range", f"give a value between {least:g} and {most:g}")


def key_frames(keys: Mapping[Fraction, Mapping[str, float]], rate: Fraction = RATE) -> Curves:
    """Curves through the values of {seconds: {control: value}}, from 0 to the last key. Each control eases
    from key to key, and keeps its first and last value outside its keys."""
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
