"""A 3-D morphable model of the landmarks: fitted to points as pose and expression, and projected back.

A face is mean + identity + expression, seen through a weak-perspective camera. Mean and identity are the
person, pose and expression the motion, so that either can be used without the other.

T frames, P = 70 points (the 68, then the irises of the left and right eye), K expression directions. Shapes
are (P, 3): x right, y down, z away from the camera, the eyes about one unit apart. Points are (P, 2) pixels,
x then y.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save

from ..ibug68 import JAW, LIDS, LIPS, NOSE
from ..options import PARTS

Floats = NDArray[np.float64]

GROUPS = PARTS[1:]
"""The parts of a face with a gain of their own; a direction belongs to one, by its name."""
_FORMAT = "gfla face model 1"
_FILE = Path(__file__).parents[1] / "assets" / "face.safetensors"
_NOISE = 0.02  # standard deviation of a tracked point, in eye distances
_WEIGHTS = np.ones(70)
_WEIGHTS[JAW] = 0.35  # the contour of a turned head is another line of skin
_STEPS, _NEAR_STEPS = 5, 2
_BATCH = 64  # frames fitted together: 4 MB


@dataclass(frozen=True, eq=False)
class FaceModel:
    """The linear model.

    mean: (P, 3). identity: (I, P, 3), each one standard deviation among people. expression: (K, P, 3), one
    unit a strong movement; a blink of 1 shuts the mean's eye. names: of the K directions. spread: (K,)
    standard deviations. limits: (2, K) smallest and largest value seen.
    """

    mean: Floats
    identity: Floats
    expression: Floats
    names: tuple[str, ...]
    spread: Floats
    limits: Floats

    def group(self, name: str) -> NDArray[np.bool_]:
        """(K,) which directions belong to this one of GROUPS; not to be written to."""
        return _group(self.names, name)


@cache
def _group(directions: tuple[str, ...], name: str) -> NDArray[np.bool_]:
    begins = {"eyes": ("blink", "eye"), "mouth": ("mouth", "smile", "pucker", "jaw")}
    begins |= {"brows": ("brows", "frown"), "gaze": ("gaze",)}
    return np.array([direction.startswith(begins[name]) for direction in directions])


class Faces(NamedTuple):
    """Pose and expression of T faces.

    Attributes:
        turn: (T, 3, 3) rotations of the head. scale: (T,) pixels per unit. shift: (T, 2) pixels, the
        projection of the shape's origin. expression: (T, K).
    """

    turn: Floats
    scale: Floats
    shift: Floats
    expression: Floats


def draw(shape: Floats, faces: Faces, expression: Floats) -> Floats:
    """The points (T, P, 2) of a person's own shape (P, 3) with these poses and expressions.

    expression: the directions (K, P, 3), the model's or a person's own version of them.
    """
    shapes = shape + np.tensordot(faces.expression, expression, 1)
    seen = np.einsum("tij,tpj->tpi", faces.turn[:, :2], shapes)
    return faces.scale[:, None, None] * seen + faces.shift[:, None]


def fit(
    model: FaceModel, points: NDArray, shape: Floats | None = None, near: Faces | None = None
) -> tuple[Floats, Faces]:
    """The person's shape (P, 3) without expression, and the faces, that best explain `points` (T, P, 2).

    shape: the person's, if known; otherwise estimated from all frames together. near: faces to start from,
    which saves steps. Gauss-Newton with the model's standard deviations as a prior.
    """
    if shape is not None:
        return shape, _fit_all(model, shape, points, near)
    chosen = points[np.linspace(0, len(points) - 1, min(len(points), 60)).round().astype(int)]
    chosen = np.asarray(chosen, np.float64)
    shape = model.mean
    for _ in range(4):
        shape = _fit_shape(model, _fit_faces(model, shape, chosen), chosen)
    return shape, _fit_all(model, shape, points)


def own_shape(model: FaceModel, points: NDArray) -> tuple[Floats, Faces]:
    """`fit` of one face (P, 2), with the residual added to the shape so that `draw` returns exactly these
    points."""
    shape, face = fit(model, points[None])
    missing = (points - draw(shape, face, model.expression)[0]) / face.scale[0]  # (P, 2) as the camera sees
    return shape + missing @ face.turn[0, :2], face


def angles(turn: Floats) -> Floats:
    """(..., 3) yaw, pitch and roll of rotations in degrees, positive to the right of the image, down, and
    clockwise in the image."""
    yaw = np.arcsin(np.clip(turn[..., 2, 0], -1, 1))
    pitch = np.arctan2(turn[..., 2, 1], turn[..., 2, 2])
    roll = np.arctan2(turn[..., 1, 0], turn[..., 0, 0])
    return np.degrees(np.stack([yaw, pitch, roll], -1))


def rotation(degrees: NDArray) -> Floats:
    """The inverse of `angles`: (..., 3) yaw, pitch, roll in degrees to (..., 3, 3)."""
    yaw, pitch, roll = np.moveaxis(np.radians(degrees), -1, 0)
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)

    def matrix(*rows: tuple) -> Floats:
        return np.stack([np.stack(row, -1) for row in rows], -2)

    about_z = matrix(
        (np.cos(roll), -np.sin(roll), zero), (np.sin(roll), np.cos(roll), zero), (zero, zero, one)
    )
    about_y = matrix((np.cos(yaw), zero, -np.sin(yaw)), (zero, one, zero), (np.sin(yaw), zero, np.cos(yaw)))
    about_x = matrix(
        (one, zero, zero), (zero, np.cos(pitch), -np.sin(pitch)), (zero, np.sin(pitch), np.cos(pitch))
    )
    return about_z @ about_y @ about_x


def turn_by(turn: Floats, gain: float) -> Floats:
    """Rotations (T, 3, 3) about the same axes with the angles times `gain`."""
    return turn if gain == 1 else _turned(gain * _vectors(turn))


def turn_more(turn: Floats, axes: Floats, gain: float) -> Floats:
    """Rotations (T, 3, 3) with their part about the unit vectors `axes` (T, 3) times `gain`."""
    vectors = _vectors(turn)
    along = (vectors * axes).sum(1, keepdims=True)
    return _turned(vectors + (gain - 1) * along * axes)


def openings(points: NDArray, faces: Faces) -> Floats:
    """(T, 3) opening of the left eye, the right eye and the inner lips, in the model's units."""
    down = faces.turn[:, :2, 1] / np.maximum(
        np.linalg.norm(faces.turn[:, :2, 1], axis=1, keepdims=True), 1e-6
    )
    down = down / faces.scale[:, None]

    def gap(pairs: tuple[tuple[int, int], ...]) -> Floats:
        return np.mean([((points[:, low] - points[:, up]) * down).sum(1) for up, low in pairs], 0)

    return np.stack([gap(LIDS[:2]), gap(LIDS[2:]), gap(LIPS)], 1)


def nose_length(shape: Floats) -> float:
    """Length of the nose of a shape (P, 3), the measure of a face to which the mouth's opening refers."""
    return float(np.linalg.norm(shape[NOSE[6]] - shape[NOSE[0]]))


@cache
def load_face_model() -> FaceModel:
    """The shipped model."""
    with safe_open(_FILE, "numpy") as file:
        header = file.metadata()
    if header.get("format") != _FORMAT:
        raise ValueError(f"{_FILE} is not a face model of this version.")
    arrays = {name: array.astype(np.float64) for name, array in load_file(_FILE).items()}
    return FaceModel(**arrays, names=tuple(json.loads(header["names"])))


def save_face_model(model: FaceModel, path: Path) -> None:
    """Write the model's arrays in float32 and the directions' names, as safetensors."""
    arrays = {
        name: np.ascontiguousarray(getattr(model, name), np.float32)
        for name in ("mean", "identity", "expression", "spread", "limits")
    }
    path.write_bytes(save(arrays, {"format": _FORMAT, "names": json.dumps(model.names)}))


def _fit_all(model: FaceModel, shape: Floats, points: NDArray, near: Faces | None = None) -> Faces:
    """`_fit_faces` in batches, so that memory does not grow with the video."""
    if near or len(points) <= _BATCH:
        return _fit_faces(model, shape, points, near)
    parts = [_fit_faces(model, shape, points[i : i + _BATCH]) for i in range(0, len(points), _BATCH)]
    return Faces(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _fit_faces(model: FaceModel, shape: Floats, points: NDArray, near: Faces | None = None) -> Faces:
    points = np.asarray(points, np.float64)
    faces = near or _rigid(model, shape, points)
    weights = _WEIGHTS[:, None] / _NOISE
    prior = np.r_[np.zeros(6), 1 / model.spread**2]
    count = len(points)
    for _ in range(_STEPS if near is None else _NEAR_STEPS):
        turn, scale, shift, expression = faces
        turned = np.einsum("tij,tpj->tpi", turn, shape + np.tensordot(expression, model.expression, 1))
        x, y, z = np.moveaxis(turned, 2, 0)
        zero, one = np.zeros_like(x), np.ones_like(x)
        # Columns: a small turn about x, y, z; relative scale; shift in units; expression.
        pose = np.stack(
            [np.stack([zero, z, -y, x, one, zero], 2), np.stack([-z, zero, x, y, zero, one], 2)], 2
        )
        moves = np.einsum("tij,kpj->tpik", turn[:, :2], model.expression)  # (T, P, 2, K)
        slopes = (np.concatenate([pose, moves], 3) * weights[..., None]).reshape(count, -1, len(prior))
        rest = (points - shift[:, None]) / scale[:, None, None] - turned[..., :2]
        rest = (rest * weights).reshape(count, -1, 1)
        system = slopes.transpose(0, 2, 1) @ slopes + np.diag(prior + 1e-6)
        goal = (slopes.transpose(0, 2, 1) @ rest)[..., 0]
        goal[:, 6:] -= expression * prior[6:]
        step = np.linalg.solve(system, goal[..., None])[..., 0]
        faces = Faces(
            _turned(step[:, :3]) @ turn,
            scale * np.exp(np.clip(step[:, 3], -0.5, 0.5)),
            shift + scale[:, None] * step[:, 4:6],
            expression + step[:, 6:],
        )
    return faces


def _fit_shape(model: FaceModel, faces: Faces, points: Floats) -> Floats:
    """The identity that best explains all frames with these poses and expressions."""
    weights = _WEIGHTS[:, None] / _NOISE
    slopes = np.einsum("tij,kpj->tpik", faces.turn[:, :2], model.identity) * weights[..., None]
    slopes = slopes.reshape(-1, len(model.identity))
    rest = (points - draw(model.mean, faces, model.expression)) / faces.scale[:, None, None] * weights
    weight = min(1.0, 4 / len(points))  # errors within a clip are correlated: many frames count as four
    system = slopes.T @ slopes * weight + np.eye(len(model.identity))
    solved: Floats = np.linalg.solve(system, slopes.T @ rest.reshape(-1) * weight)
    return model.mean + np.tensordot(solved, model.identity, 1)


def _rigid(model: FaceModel, shape: Floats, points: Floats) -> Faces:
    """Initial poses: the best affine camera, reduced to a rotation with one scale (POS)."""
    solid = shape - shape.mean(0)
    flat = points - points.mean(1, keepdims=True)
    affine = np.einsum("tpi,jp->tij", flat, np.linalg.pinv(solid))  # (T, 2, 3)
    u, size, v = np.linalg.svd(affine, full_matrices=False)
    rows = u @ v
    turn = np.concatenate([rows, np.cross(rows[:, 0], rows[:, 1])[:, None]], 1)
    scale = np.maximum(size.mean(1), 1e-3)
    shift = points.mean(1) - scale[:, None] * np.einsum("tij,j->ti", turn[:, :2], shape.mean(0))
    return Faces(turn, scale, shift, np.zeros((len(points), len(model.names))))


def _vectors(turn: Floats) -> Floats:
    """The vectors (T, 3) about which rotations (T, 3, 3) turn, as long as their angles in radians."""
    cosine = (turn[:, 0, 0] + turn[:, 1, 1] + turn[:, 2, 2] - 1) / 2
    angle = np.arccos(np.clip(cosine, -1, 1))
    axis = np.stack(
        [turn[:, 2, 1] - turn[:, 1, 2], turn[:, 0, 2] - turn[:, 2, 0], turn[:, 1, 0] - turn[:, 0, 1]], 1
    )
    length = np.maximum(np.linalg.norm(axis, axis=1), 1e-12)
    return axis / length[:, None] * angle[:, None]


def _turned(small: Floats) -> Floats:
    """Rotations (T, 3, 3) about the vectors (T, 3), radians (Rodrigues)."""
    angle = np.maximum(np.linalg.norm(small, axis=1), 1e-9)
    x, y, z = (small / angle[:, None]).T
    zero = np.zeros_like(x)
    cross = np.stack([np.stack(row, 1) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))], 1)
    sin, cos = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.eye(3) + sin * cross + (1 - cos) * (cross @ cross)
