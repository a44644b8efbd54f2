"""Position and roll of a face, and upright crops of it: shared by the tracker and its training."""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..ibug68 import MIRROR

CROP_MARGIN = 1.45
"""Side of the aligner's crop over the longer side of the points' box; the weights were trained with it."""
_LEFT = [0, 1, 2, 3, 4, 17, 18, 19, 20, 21, 36, 39, 31, 48, 49, 59]
_RIGHT = MIRROR[_LEFT]  # jaw, brows, eyes, nostrils, mouth


@dataclass(frozen=True)
class FacePose:
    """The upright box around a face's 68 points: centre x, y and longer side in pixels, and the roll of the
    face in radians, clockwise in the image."""

    x: float
    y: float
    size: float
    roll: float


def face_pose(points: NDArray[np.float32]) -> FacePose:
    """points (68, 2) pixels -> their upright box.

    The roll is the mean direction of the lines between mirrored points; they are parallel on a head, so yaw
    does not change it.
    """
    across = (points[_RIGHT] - points[_LEFT]).sum(0)
    roll = math.atan2(across[1], across[0])
    cos, sin = math.cos(roll), math.sin(roll)
    upright = points @ np.array([[cos, -sin], [sin, cos]], points.dtype)
    low, high = upright.min(0), upright.max(0)
    x, y = (low + high) / 2
    return FacePose(float(x * cos - y * sin), float(x * sin + y * cos), float((high - low).max()), roll)


def crop_matrix(pose: FacePose, side: int) -> NDArray[np.float64]:
    """(2, 3) affine matrix from image pixels to pixels of the aligner's upright crop, `side` pixels wide."""
    scale = side / (CROP_MARGIN * max(pose.size, 1.0))
    cos, sin = scale * math.cos(pose.roll), scale * math.sin(pose.roll)
    middle = (side - 1) / 2
    return np.array(
        [
            [cos, sin, middle - cos * pose.x - sin * pose.y],
            [-sin, cos, middle + sin * pose.x - cos * pose.y],
        ]
    )


def warp(
    image: NDArray[Any],
    matrix: NDArray[Any],
    size: tuple[int, int],
    border: int = cv2.BORDER_CONSTANT,
    onto: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """cv2.warpAffine to `size` (width, height); averages first where it shrinks, so that nothing aliases."""
    shrink = int(1 / max(math.sqrt(abs(np.linalg.det(matrix[:, :2]))), 1e-6) + 1e-3)
    if shrink >= 2:
        image, matrix = _reduced(image, matrix, size, shrink)
    if onto is not None:
        return cv2.warpAffine(image, matrix, size, dst=onto.copy(), flags=cv2.INTER_LINEAR, borderMode=border)  # type: ignore[return-value]
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border)  # type: ignore[return-value]


def transform(matrix: NDArray[Any], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Points (N, 2) mapped by an affine matrix (2, 3)."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def _reduced(
    image: NDArray[Any], matrix: NDArray[Any], size: tuple[int, int], shrink: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of the image that the warp reads, averaged over shrink x shrink pixels, and the matrix that
    warps this part instead."""
    back = cv2.invertAffineTransform(matrix)
    width, height = size
    corners = transform(back, np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float32))
    low = np.floor(corners.min(0)).astype(int) - 2 * shrink
    high = np.ceil(corners.max(0)).astype(int) + 2 * shrink
    x0, y0 = np.clip(low // shrink * shrink, 0, None)
    x1, y1 = min(int(high[0]), image.shape[1]), min(int(high[1]), image.shape[0])
    if x1 - x0 < shrink or y1 - y0 < shrink:
        return image, matrix
    columns, rows = (x1 - x0) // shrink, (y1 - y0) // shrink
    part = image[y0 : y0 + rows * shrink, x0 : x0 + columns * shrink]
    part = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    # A reduced pixel u is centred on x0 + (u + 1/2) * shrink - 1/2.
    offset = np.array([x0, y0]) + (shrink - 1) / 2
    moved = np.column_stack([matrix[:, :2] * shrink, matrix[:, 2] + matrix[:, :2] @ offset])
    return part, moved  # type: ignore[return-value]
