"""The source in terms of the face model: what retargeting knows of the person in a portrait, and where it
moves it."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..face.morphable_model import Faces, Floats, angles, load_face_model, nose_length, openings, own_shape
from ..face.shoulders import shoulders
from ..ibug68 import EYES, LIDS
from .limits import triangles
from .parameters import UNMOVED, FaceMotion, calibrate, lid_range, no_slack, read_signals

_OPEN_EYE, _USUAL = (
    0.27,
    (0.5, 1.4),
)  # lids' distance over an eye's width, median of train; a ratio's limits
_EYES = ((LIDS[:2], EYES[0]), (LIDS[2:], EYES[1]))


@dataclass(frozen=True, eq=False)
class Person:
    """The source in terms of the face model.

    points: (70, 2). shape: (P, 3), the person's own, so that `draw` returns exactly the points. face, motion:
    pose and motion in the portrait. units: (3,) an opening of 1 in model units: of the lids by the person's
    own eyes, of the lips by the person's nose. usual: (2,) how far eyes of this width are usually open, over
    how far these are. triangles: those that must not fold, see `limits.triangles`. shoulders: (2, 2), at
    rest.
    """

    points: Floats
    shape: Floats
    face: Faces
    motion: FaceMotion
    units: Floats
    usual: Floats
    triangles: NDArray[np.intp]
    shoulders: NDArray[np.float32]


class Moved(NamedTuple):
    """Target points of the source, (70, 2) float32; the part of the irises' movement that is gaze, (2, 2)
    float32 pixels; where its shoulders go, (2, 2) float32; its fine motion, (n, n, 2) in the unit of
    `fine_flow`, and the slack of the points, (68, 2), as there."""

    points: NDArray[np.float32]
    look: NDArray[np.float32]
    shoulders: NDArray[np.float32]
    fine: NDArray
    slack: NDArray[np.float32]

    @classmethod
    def none(cls, places: NDArray[np.float32]) -> Self:
        """Of a source with these points (70, 2), at rest."""
        return cls(places, np.zeros((2, 2), np.float32), shoulders(places), UNMOVED, no_slack(1)[0])


def fit_source(points: NDArray) -> Person:
    """A source from its points (70, 2)."""
    points, model = np.asarray(points, np.float64), load_face_model()
    shape, face = own_shape(model, points)
    uncalibrated = read_signals(model, shape, face, points[None])
    motion = calibrate(uncalibrated, lid_range(uncalibrated.opening))
    units = np.ones(3)
    units[2] = nose_length(shape) / nose_length(model.mean)
    units[:2] = openings(points[None], face)[0, :2] / np.maximum(motion.opening[0, :2], 0.3)
    own = [_gap(points, pairs) / np.linalg.norm(points[eye[3]] - points[eye[0]]) for pairs, eye in _EYES]
    usual = np.clip(_OPEN_EYE / np.maximum(own, 0.05), *_USUAL)
    return Person(points, shape, face, motion, units, usual, triangles(points[:68]), shoulders(points))


def unlikeness(signals: FaceMotion, person: Person) -> Floats:
    """(T,) distance of each frame's motion to the person's in the portrait, for choosing the reference."""
    model, own = load_face_model(), person.motion
    turned = angles(signals.turn @ own.turn[0].T) / (8, 8, 12)
    moved = (signals.expression - own.expression) / np.maximum(model.spread, 0.1)
    opened = (signals.opening - own.opening) / (0.25, 0.25, 0.06)
    return (turned**2).sum(1) + (moved**2).mean(1) + (opened**2).mean(1)


def _gap(points: Floats, pairs: tuple[tuple[int, int], ...]) -> float:
    """The mean distance of the `pairs` of points (P, 2)."""
    return float(np.mean([np.linalg.norm(points[low] - points[up]) for up, low in pairs]))
