"""The square around a face: find it, crop to it, paste back. `crop` and `paste` are inverses.

Pixel centres lie at integers, x then y; a square of side s at (x, y) holds the pixel columns x to x + s - 1.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .landmarks import Landmarks

# One face is the longer side of the landmark box.
_SIDE = 2.0  # crop side in faces: the median of the training clips and portraits
_RAISE = 0.2  # faces from the box's centre up to the crop's centre, the same medians
_TIGHTEST = 1.6  # minimum crop side in faces: 95 of 100 training crops are wider
_WIDEST = 2.8  # a square picture up to this many faces wide is taken as a training crop
_FEATHER = 0.1  # of the side: width of the border in which the pasted square fades into the picture


@dataclass(frozen=True)
class FaceSquare:
    """A square of whole pixels, which may extend beyond its image: left column x, top row y, side."""

    x: int
    y: int
    side: int


def face_square(landmarks: Landmarks, image_size: tuple[int, int]) -> FaceSquare:
    """The square around a face as in the training crops, inside the image (width, height) where it fits.

    A square image that already is such a crop is taken whole. Where the image is too small the square
    shrinks, down to 1.6 faces; then it extends beyond the border.
    """
    width, height = image_size
    low, high = landmarks.points.min(0).astype(float), landmarks.points.max(0).astype(float)
    face = max(float((high - low).max()), 1.0)
    if width == height and width <= _WIDEST * face:
        return FaceSquare(0, 0, width)
    side = round(max(min(_SIDE * face, width, height), _TIGHTEST * face, 2))
    centre = (low + high) / 2 - (0, _RAISE * face)
    x, y = (
        _inside(round(float(at) - (side - 1) / 2), side, length)
        for at, length in zip(centre, image_size, strict=True)
    )
    return FaceSquare(x, y, side)


def crop(image: NDArray[np.uint8], square: FaceSquare, size: int = 256) -> NDArray[np.uint8]:
    """The square of `image` (H, W, C) uint8 as (size, size, C); beyond the border the border pixels repeat.

    At side == size no pixel is resampled.
    """
    height, width = image.shape[:2]
    columns = np.arange(square.x, square.x + square.side).clip(0, width - 1)
    rows = np.arange(square.y, square.y + square.side).clip(0, height - 1)
    if square.side == columns[-1] - columns[0] + 1 == rows[-1] - rows[0] + 1:  # all inside: no copy needed
        return _resize(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], size)
    return _resize(image[np.ix_(rows, columns)], size)


def room(square: FaceSquare, image_size: tuple[int, int], size: int = 256) -> NDArray[np.float32]:
    """(size, size) distance of each pixel of the square's crop to the nearest side beyond which the image
    (width, height) continues, in pixels of the crop; infinite if it continues nowhere."""
    steps = np.arange(size) + 0.5
    free = []
    for begin, length in ((square.x, image_size[0]), (square.y, image_size[1])):
        before = steps if begin > 0 else np.inf
        after = steps[::-1] if begin + square.side < length else np.inf
        free.append(np.broadcast_to(np.minimum(before, after), size))
    return np.minimum(free[0], free[1][:, None]).astype(np.float32)


def feather(space: NDArray[np.float32]) -> NDArray[np.float32]:
    """The weight of a pasted square at each pixel, in (0, 1], from its `room`: it fades towards sides
    within the image."""
    ramp = np.minimum(space / (_FEATHER * len(space)), 1)
    return ramp * ramp * (3 - 2 * ramp)  # smooth at both ends


def paste(image: NDArray[np.uint8], face: NDArray[np.uint8], square: FaceSquare) -> NDArray[np.uint8]:
    """A copy of `image` (H, W, 3) uint8 with the square replaced by `face` (side, side, 3) uint8; the inverse
    of `crop` at the square's own side."""
    height, width = image.shape[:2]
    left, top = max(square.x, 0), max(square.y, 0)
    right, bottom = min(square.x + square.side, width), min(square.y + square.side, height)
    out = image.copy()
    out[top:bottom, left:right] = face[top - square.y : bottom - square.y, left - square.x : right - square.x]
    return out


def to_crop(points: NDArray, square: FaceSquare, size: int = 256) -> NDArray[np.float32]:
    """Image points (N, 2) in pixels of the square's crop of side `size`, x then y."""
    origin = np.array([square.x, square.y], np.float64)
    return ((points - origin + 0.5) * (size / square.side) - 0.5).astype(np.float32)


def _inside(begin: int, side: int, length: int) -> int:
    """`begin` moved so that the side lies within the length; centred on it if it is longer."""
    if side > length:
        return -((side - length) // 2)
    return min(max(begin, 0), length - side)


def _resize(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    side = image.shape[0]
    if side == size:
        return np.ascontiguousarray(image)
    how = cv2.INTER_AREA if size < side else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(image), (size, size), interpolation=how)  # type: ignore[return-value]
