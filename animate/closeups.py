"""Close-ups of the mouth and both eyes: squares of a picture in which each lies alike, whatever the head does.

A square is centred on its part, turned with the line between the eyes and as large as eyes and nose say, so
that a mouth that opens changes nothing about it. The eye of points 42-47 is seen in a mirror: for a network
all eyes are the eye 36-41. A place p of the picture is at matrix @ (p, 1) in the square; pixel centres lie at
integers, x then y, in both.
"""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from .landmarks import MIRROR

Image = NDArray[np.uint8]
Part = Literal["mouth", "right", "left"]

PARTS: tuple[Part, ...] = ("mouth", "right", "left")
"""The squares, in the order of a batch: the mouth, the eye of points 36-41, the eye of points 42-47."""
SIZE = 96
_SIDES = {"mouth": 1.25, "right": 0.8, "left": 0.8}  # of a square, in the face's own measure
_CORNERS = {"mouth": [48, 54], "right": [36, 39], "left": [42, 45]}
_LOWER = {"mouth": 0.04, "right": 0.0, "left": 0.0}  # of the measure: the centre lies below the corners' middle


def closeup_matrix(points: NDArray, part: Part, size: int = SIZE) -> NDArray[np.float64]:
    """(2, 3), from pixels of the picture to pixels of the square of side `size`. points: (70, 2) of the face
    in the picture; those of `part`, the eyes' corners and the nose's base count."""
    points = np.asarray(points, np.float64)
    right, left = points[[36, 39]].mean(0), points[[42, 45]].mean(0)
    across, down = left - right, points[33] - (left + right) / 2
    # Turned aside the eyes come closer, nodding the nose: both together keep their size longest.
    measure = max(float(np.hypot(np.hypot(*across), np.hypot(*down))), 1e-3)
    length = float(np.hypot(*across))
    u = across / length if length > 1e-6 else np.array([1.0, 0.0])
    v = np.array([-u[1], u[0]])
    centre = points[_CORNERS[part]].mean(0) + _LOWER[part] * measure * v
    scale = size / (_SIDES[part] * measure)
    turn = scale * np.stack((-u if part == "left" else u, v))
    return np.concatenate((turn, ((size - 1) / 2 - turn @ centre)[:, None]), axis=1)


def into_square(points: NDArray, matrix: NDArray, part: Part) -> NDArray[np.float32]:
    """Points (70, 2) of the picture in pixels of the square of `matrix`; in a mirror, those of the mirrored
    face."""
    moved = np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return (moved[MIRROR] if part == "left" else moved).astype(np.float32)


def inverse(matrix: NDArray) -> NDArray[np.float64]:
    """(2, 3), from pixels of the square to pixels of the picture."""
    back = np.linalg.inv(matrix[:, :2])
    return np.concatenate((back, -back @ matrix[:, 2:]), axis=1)


def read_square(image: Image, matrix: NDArray, size: int = SIZE) -> Image:
    """The square (size, size, 3) of `image` (H, W, 3); beyond the border the border repeats. Where the square
    is coarser than the image, its pixels are means."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    whole = max(int(np.ceil(1 / scale - 1e-6)), 1)
    if whole > 1:  # drawn several times as large, and averaged
        matrix = whole * matrix
        matrix[:, 2] += (whole - 1) / 2
    shape = (whole * size, whole * size)
    square = cv2.warpAffine(image, matrix, shape, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    if whole > 1:
        square = cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)
    return square  # type: ignore[return-value]
