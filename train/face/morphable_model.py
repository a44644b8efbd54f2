"""Fits the shipped morphable landmark model (`animate/face/morphable_model.py`) to face meshes.

The meshes are three-dimensional, so a similarity removes the pose. Of the rest, what is constant in a clip is
the person, and what changes is expression. A named direction of expression comes from regression on a
measured quantity (such as the opening of a lid) within its part of the face; the part's remaining variation
gives principal components.

T frames, P = 70 points (68 and the irises), K directions of expression. Shapes are (P, 3) float64: x right,
y down, z away from the camera, the eyes one unit apart, a face seen from the front.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...animate.cli.options import run_command
from ...animate.errors import InputError
from ...animate.face.morphable_model import FaceModel, save_face_model
from ...animate.ibug68 import (
    BROWS,
    EYE_CORNERS,
    EYES,
    IRISES,
    LIDS,
    LIPS,
    MIRROR,
    MOUTH,
    MOUTH_CORNERS,
    NOSTRILS,
)
from ..data.clips import find_dataset
from .faces import MESH

STEADY = np.r_[0:3, 14:17, 27:31, EYE_CORNERS]
"""Points that expression hardly moves: ears, the bridge of the nose, eye corners."""
_EYE, _BROWS, _IRISES = np.array(EYES[0]), np.concatenate(BROWS), np.array(IRISES)
_MOUTH = np.r_[3:14, NOSTRILS, MOUTH]  # with the jaw and the nostrils, which move along
IDENTITIES = 24
Shapes = NDArray[np.float64]


def read_people(data: Path, split: str, frames: int = 120) -> list[Shapes]:
    """The meshes of every clip and portrait of `split`, each (T, P, 3) pixels, at most `frames` of a clip."""
    people = []
    with (data / "index.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            path = (data / row["file"]).with_suffix(".npz")
            if row["split"] == split and path.is_file():
                with np.load(path) as arrays:
                    mesh = arrays["mesh"].reshape(-1, 478, 3)
                step = max(1, len(mesh) // frames)
                people.append(mesh[::step][:frames, MESH].astype(np.float64))
    if not people:
        raise InputError(data / "index.csv", f"no meshes of split {split!r}")
    return people


def align(shapes: Shapes, goal: Shapes, points: NDArray = STEADY) -> Shapes:
    """Shapes (T, P, 3) under the similarity that brings `points` closest to those of `goal` (P, 3) (Umeyama
    1991)."""
    centre, goal_centre = shapes[:, points].mean(1, keepdims=True), goal[points].mean(0)
    a, b = shapes[:, points] - centre, goal[points] - goal_centre
    u, size, v = np.linalg.svd(np.einsum("pj,tpi->tji", b, a))
    sign = np.ones_like(size)
    sign[:, 2] = np.sign(np.linalg.det(u @ v))
    scale = (size * sign).sum(1) / (a * a).sum((1, 2))
    turn = (u * sign[:, None]) @ v
    return scale[:, None, None] * ((shapes - centre) @ turn.transpose(0, 2, 1)) + goal_centre


def mirrored(shapes: Shapes) -> Shapes:
    return shapes[..., MIRROR, :] * np.array([-1.0, 1, 1])


def fit_face_model(meshes: Sequence[Shapes]) -> FaceModel:
    """The model of the people read by `read_people`."""
    mean = _mean(meshes)
    people = [align(shapes, mean) for shapes in meshes]
    own = [np.median(shapes, 0) for shapes in people]
    changes = np.concatenate([s - o for s, o in zip(people, own, strict=True) if len(s) > 10])
    changes = np.concatenate([changes, mirrored(changes)])
    names, expression = _directions(changes)
    flat = expression.reshape(len(names), -1)
    spread = (changes.reshape(len(changes), -1) @ np.linalg.pinv(flat)).std(0)
    for _ in range(4):  # a lasting smile is constant too: split by probability
        identity, deviation, mean = _identity(np.stack(own))
        own = [
            _without_expression(o, mean, identity * deviation[:, None, None], expression, spread) for o in own
        ]
    identity, deviation, mean = _identity(np.stack(own))
    expression = _closing(expression, names, mean)
    flat = expression.reshape(len(names), -1)
    seen = np.concatenate([_solve(s - o, expression, spread) for s, o in zip(people, own, strict=True)])
    limits = np.percentile(seen, [0.3, 99.7], axis=0)
    return FaceModel(
        mean=mean,
        identity=identity * deviation[:, None, None],
        expression=expression,
        names=names,
        spread=seen.std(0),
        limits=limits,
    )


def _mean(meshes: Sequence[Shapes]) -> Shapes:
    """The symmetric mean of the people's median shapes, eyes one unit apart, looking ahead."""
    first = [s[len(s) // 2] for s in meshes]
    sized = np.stack([(s - s.mean(0)) / np.linalg.norm(s - s.mean(0)) for s in first])
    mean = np.median(sized, 0)
    for _ in range(8):
        mean = (mean + mirrored(mean)) / 2
        mean = mean / np.linalg.norm(mean[EYES[1]].mean(0) - mean[EYES[0]].mean(0))
        mean = mean - mean.mean(0)
        mean = np.mean([np.median(align(s, mean), 0) for s in meshes], 0)
    return (mean + mirrored(mean)) / 2


def _directions(changes: Shapes) -> tuple[tuple[str, ...], Shapes]:
    """Names and directions (K, P, 3) in `changes` (T, P, 3), the named ones first in each part. One unit is a
    strong movement, the 99th percentile."""

    def gap(pairs: Sequence[tuple[int, int]]) -> Shapes:
        return np.mean([changes[:, low, 1] - changes[:, up, 1] for up, low in pairs], 0)

    x, y, z = np.moveaxis(changes, 2, 0)
    corners, lips = list(MOUTH_CORNERS), [51, 57]
    width = x[:, corners[1]] - x[:, corners[0]]
    lift = y[:, lips].mean(1) - y[:, corners].mean(1)
    forward = z[:, corners].mean(1) - z[:, lips].mean(1)
    look = changes[:, _IRISES].mean(1) - changes[:, EYE_CORNERS].mean(1)

    eyes = _part(changes, _EYE, {"blink_left": -gap(LIDS[:2])}, 2, "eye_left")
    other = [(name.replace("left", "right"), mirrored(direction)) for name, direction in eyes]
    mouth = {
        "mouth_open": gap(LIPS),
        "smile": width / 2 + lift,
        "pucker": forward - width,
        "jaw_side": x[:, 8],
    }
    brows = {"brows": -y[:, _BROWS].mean(1), "frown": x[:, 21] - x[:, 22]}
    found = [
        *(pair for both in zip(eyes, other, strict=True) for pair in both),
        *_part(changes, _MOUTH, mouth, 7, "mouth"),
        *_part(changes, _BROWS, brows, 2, "brows"),
        *_part(changes, _IRISES, {"gaze_x": look[:, 0], "gaze_y": look[:, 1]}, 0, "gaze"),
    ]
    return tuple(name for name, _ in found), np.stack([direction for _, direction in found])


def _part(
    changes: Shapes, points: NDArray, measures: dict[str, NDArray], more: int, name: str
) -> list[tuple[str, Shapes]]:
    """Regress the changes of `points` on each measure in turn, then take `more` principal components."""
    left = changes[:, points].reshape(len(changes), -1).copy()
    found, used = [], []
    for sense, measure in measures.items():
        for other in used:
            measure = measure - other * (other @ measure) / (other @ other)
        used.append(measure)
        direction = left.T @ measure / (measure @ measure)
        left -= np.outer(measure, direction)
        found.append((sense, direction * np.percentile(np.abs(measure), 99)))
    for index, direction in enumerate(np.linalg.svd(left.T @ left)[0].T[:more]):
        found.append((f"{name}_{index + 1}", direction * np.percentile(np.abs(left @ direction), 99)))
    shapes = []
    for sense, direction in found:
        shape = np.zeros((len(MESH), 3))
        shape[points] = direction.reshape(-1, 3)
        shapes.append((sense, shape))
    return shapes


def _closing(expression: Shapes, names: Sequence[str], mean: Shapes) -> Shapes:
    """`expression` with the blinks scaled so that one unit exactly shuts each pair of the mean's lids."""
    expression = expression.copy()
    for name, pairs in (("blink_left", LIDS[:2]), ("blink_right", LIDS[2:])):
        blink = expression[names.index(name)]
        open_by = np.array([mean[low, 1] - mean[up, 1] for up, low in pairs])
        closes = np.array([blink[up, 1] - blink[low, 1] for up, low in pairs])
        blink *= open_by.mean() / closes.mean()
        for (up, low), gap in zip(pairs, open_by, strict=True):
            missing = gap - (blink[up, 1] - blink[low, 1])
            blink[up, 1] += missing * 0.8  # the upper lid does most of it
            blink[low, 1] -= missing * 0.2
    return expression


def _identity(own: Shapes) -> tuple[Shapes, NDArray, Shapes]:
    """Principal components (IDENTITIES, P, 3) of people's shapes (N, P, 3) and their mirror images, of unit
    length; their standard deviations; and the mean."""
    both = np.concatenate([own, mirrored(own)])
    mean = both.mean(0)
    _, size, axes = np.linalg.svd((both - mean).reshape(len(both), -1), full_matrices=False)
    deviation = size[:IDENTITIES] / np.sqrt(len(both))
    return axes[:IDENTITIES].reshape(-1, *mean.shape), deviation, mean


def _without_expression(
    own: Shapes, mean: Shapes, identity: Shapes, expression: Shapes, spread: NDArray
) -> Shapes:
    """`own` (P, 3) minus its most likely expression, given how shapes and expressions vary among people."""
    basis = np.concatenate([identity, expression])
    prior = np.concatenate([np.ones(len(identity)), spread])
    solved = _solve((own - mean)[None], basis, prior)[0]
    return own - np.tensordot(solved[len(identity) :], expression, 1)


def _solve(changes: Shapes, basis: Shapes, spread: NDArray, noise: float = 0.012) -> NDArray:
    """Coefficients (T, K) of `changes` (T, P, 3) by least squares with a Gaussian prior. spread: (K,) its
    standard deviations. noise: standard deviation of a coordinate."""
    flat = basis.reshape(len(basis), -1)
    system = flat @ flat.T + np.diag((noise / spread) ** 2)
    return np.linalg.solve(system, flat @ changes.reshape(len(changes), -1).T).T


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gfla.train.face.morphable_model", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with index.csv (default: GFLA_DATA)")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    options = parser.parse_args(arguments)

    def work() -> None:
        model = fit_face_model(read_people(find_dataset(options.data), "train"))
        save_face_model(model, options.out)
        for name, low, high in zip(model.names, *model.limits, strict=True):
            print(f"{name:12} seen from {low:6.2f} to {high:6.2f}")

    return run_command("morphable_model", work)


if __name__ == "__main__":
    sys.exit(main())
