"""Motion parameters without the person: pose, expression and openings of a face in each frame.

T frames, K expression directions of the face model. Scale and shift may be in any unit of length: only ratios
of scales and shifts over the scale are used.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..face.morphable_model import FaceModel, Faces, Floats, draw, nose_length, openings

UNMOVED = np.zeros((1, 1, 2), np.int8)
"""The fine motion of a driver nobody looked at: one cell, no motion."""
STILL = np.array([[-1.0, 0.0], [1.0, 0.0]])
"""Two places of shoulders that nobody saw: they never move."""
_BATCH = 1024  # frames processed together: memory does not grow with the video
_LIPS_SHUT = 0.01  # opening that a tracker measures between shut lips, model units: eight tenths of train
_LIPS_SLOPES = (1.7, 1.02)  # small openings and others: labels over readings, 359 frames of train
_LIDS_SHUT = 0.25  # largest opening of shut lids, over the open ones, that a tracker measures; on val
_LIDS_OPEN = 0.85  # smallest opening of open lids, over the shape's own; on val
_OPEN = 0.95  # of the usual opening counts as open: noise is not a blink


class FaceMotion(NamedTuple):
    """The motion of T frames.

    Attributes:
        turn: (T, 3, 3) rotations of the head. scale: (T,). shift: (T, 2). expression: (T, K).
        opening: (T, 3) of the left eye and the right eye, 1 as usual for the person and 0 shut, and of the
        inner lips in model units of a face with the mean's nose, 0 shut. shoulders: (T, 2, 2) two places of
        the body, in the unit of shift. fine: (T, n, n, 2) int8, see `fine_flow`, since the shot's first
        frame. slack: (T, 68, 2) float16, see `fine_flow.slack`, of the points that all this says.
    """

    turn: Floats
    scale: Floats
    shift: Floats
    expression: Floats
    opening: Floats
    shoulders: Floats
    fine: NDArray[np.int8]
    slack: NDArray[np.float16]

    def at(self, index: int) -> Self:
        """One frame, T = 1."""
        return self.some(slice(index, index + 1))

    def some(self, frames: slice | NDArray[np.bool_]) -> Self:
        """Those `frames`."""
        return self._make(np.asarray(part[frames]) for part in self)


def read_signals(
    model: FaceModel,
    shape: Floats,
    faces: Faces,
    points: NDArray,
    shoulders: NDArray | None = None,
    fine: NDArray[np.int8] | None = None,
) -> FaceMotion:
    """The motion in `points` (T, P, 2) of the person with `shape` (P, 3), fitted as `faces`. The opening of
    the eyes is relative to the shape's and not yet calibrated; see `calibrate`. shoulders: (T, 2, 2), fine:
    (T, n, n, 2), None if nobody looked."""
    opening = []
    for begin in range(0, len(points), _BATCH):
        part = slice(begin, begin + _BATCH)
        some = Faces(*(numbers[part] for numbers in faces))
        at_rest = some._replace(expression=np.zeros_like(some.expression))
        rest = openings(draw(shape, at_rest, model.expression), at_rest)
        opening.append(openings(points[part], some))
        opening[-1][:, :2] /= np.maximum(rest[:, :2], 0.03)
        lips = opening[-1][:, 2] * nose_length(model.mean) / nose_length(shape)
        opening[-1][:, 2] = np.minimum(_LIPS_SLOPES[0] * (lips - _LIPS_SHUT), _LIPS_SLOPES[1] * lips)
    body = np.broadcast_to(STILL if shoulders is None else shoulders, (len(points), 2, 2))
    fine = np.broadcast_to(UNMOVED, (len(points), 1, 1, 2)) if fine is None else fine
    return FaceMotion(
        *faces, np.maximum(np.concatenate(opening), 0), body.astype(np.float64), fine, no_slack(len(points))
    )


def no_slack(count: int) -> NDArray[np.float16]:
    """Of `count` frames."""
    return np.broadcast_to(np.zeros((1, 68, 2), np.float16), (count, 68, 2))


def lid_range(opening: Floats) -> Floats:
    """(2, 2): each eye's opening when open, and the fraction of it that is measured when shut.

    `opening`: (T, 3) uncalibrated. Our tracker measures shut lids as a quarter open at most; where a driver's
    go further down, that is taken as shut.
    """
    wide = np.maximum(np.percentile(opening[:, :2], 75, axis=0), _LIDS_OPEN)
    return np.stack([wide, np.minimum(np.percentile(opening[:, :2], 0.5, axis=0) / wide, _LIDS_SHUT)])


def calibrate(signals: FaceMotion, lids: Floats) -> FaceMotion:
    """The motion with the eyes' opening 1 as usual and 0 where shut. lids: from `lid_range`.

    Eyes blink together, and a tracker may miss part of one eye's blink: that eye follows the other, up to
    twice as far as measured, so that a wink stays a wink.
    """
    wide, shut = lids
    ratio = signals.opening[:, :2] / wide
    closed = 1 - np.clip((ratio - shut) / (_OPEN - shut), 0, 1)
    closed *= (_OPEN - shut) + (1 - (_OPEN - shut)) * closed  # what shut lids lack is made up as they shut
    closed = np.maximum(closed, np.minimum(closed[:, ::-1], 2 * closed))
    eyes = np.where(ratio > 1, ratio, 1 - closed)
    return signals._replace(opening=np.concatenate([eyes, signals.opening[:, 2:]], 1))
