"""The source in terms of the face model: what retargeting knows of the person in a portrait."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..face.morphable_model import Faces, Floats, angles, load_face_model, nose_length, openings, own_shape
from ..face.shoulders import shoulders
from ..ibug68 import EYES, LIDS
from .limits import triangles
from .parameters import FaceMotion, calibrate, lid_range, read_signals

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
