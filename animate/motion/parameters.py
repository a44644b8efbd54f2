"""Motion without the person: what a face does in a frame, as numbers that are smoothed, kept and given on.

T frames, K directions of the face model's expression. FaceMotion are of image pixels or of any other unit of
length: only ratios and differences over the scale are used.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..face.morphable_model import FaceModel, Faces, Floats, draw, openings

_BATCH = 1024  # frames looked at together: memory does not grow with the video
_LIPS_SHUT = 0.02  # model's units that a tracker still sees between shut lips, on val
_LIDS_SHUT, _LEAST_OPEN = 0.25, 0.85  # as `lid_range` says; on val
_OPEN = 0.95  # of what is usual counts as open: noise is no blink


class FaceMotion(NamedTuple):
    """What T faces do.

    Attributes:
        turn: (T, 3, 3) rotations of the head. scale: (T,). shift: (T, 2). expression: (T, K).
        opening: (T, 3) of the eye 36-41 and the eye 42-47, 1 as the person usually has them and 0 shut, and
        of the lips, in units of the face model, 0 shut.
    """

    turn: Floats
    scale: Floats
    shift: Floats
    expression: Floats
    opening: Floats

    def at(self, index: int) -> Self:
        """The one frame, T = 1."""
        return type(self)(*(part[index : index + 1] for part in self))


def read_signals(model: FaceModel, shape: Floats, faces: Faces, points: NDArray) -> FaceMotion:
    """What the person of `shape` (P, 3) does in `points` (T, P, 2), fitted as `faces`; the opening of the
    eyes is yet that of the points, against the shape's, for `calibrate` to make sense of."""
    opening = []
    for begin in range(0, len(points), _BATCH):
        part = slice(begin, begin + _BATCH)
        some = Faces(*(numbers[part] for numbers in faces))
        at_rest = some._replace(expression=np.zeros_like(some.expression))
        rest = openings(draw(shape, at_rest, model.expression), at_rest)
        opening.append(openings(points[part], some))
        opening[-1][:, :2] /= np.maximum(rest[:, :2], 0.03)
        opening[-1][:, 2] -= _LIPS_SHUT
    return FaceMotion(*faces, np.maximum(np.concatenate(opening), 0))


def lid_range(opening: Floats) -> Floats:
    """(2, 2): how far each eye is open when it is open, and what of that is left when it is shut, as read.

    Our tracker sees shut lids a quarter open at most; a driver that is seen to shut them further is
    believed.
    """
    wide = np.maximum(np.percentile(opening[:, :2], 75, axis=0), _LEAST_OPEN)
    return np.stack([wide, np.minimum(np.percentile(opening[:, :2], 0.5, axis=0) / wide, _LIDS_SHUT)])


def calibrate(signals: FaceMotion, lids: Floats) -> FaceMotion:
    """The signals with the eyes' opening 1 at what is usual and 0 where shut; lids: `lid_range`.

    Eyes blink together, and a tracker may see one of them shut less: it goes with the other, up to twice as
    far as seen, so that a wink stays one.
    """
    wide, shut = lids
    ratio = signals.opening[:, :2] / wide
    closed = 1 - np.clip((ratio - shut) / (_OPEN - shut), 0, 1)
    closed = np.maximum(closed, np.minimum(closed[:, ::-1], 2 * closed))
    eyes = np.where(ratio > 1, ratio, 1 - closed)
    return signals._replace(opening=np.concatenate([eyes, signals.opening[:, 2:]], 1))
