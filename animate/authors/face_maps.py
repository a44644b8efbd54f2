"""The 16 structure channels of the released face network: edges, 14 distances and a part label, of one frame.

What our own maps do smoothly is done here in whole pixels, as in the training of that network: single pixels
of fitted curves, integer distances, and the edges of the picture itself outside the face.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..structure import EDGES, PARTS

SIDE = 256
"""Side of the network's maps in pixels."""

_MEETING = 254 / 255  # where a curve and an edge of the picture meet: two bytes of 255 were added
_STEEPEST = 1.0  # a fitted parabola whose square term is larger is left out
_CANNY = (25.5, 51.0)  # thresholds
_FINENESS = 16  # steps of a slope, so that thresholds are met to a fraction
_GREY = np.array((0.299, 0.587, 0.114), np.float32)


def face_maps(
    points: NDArray[np.floating], size: tuple[int, int], edges: NDArray[np.bool_], side: int = SIDE
) -> NDArray[np.float32]:
    """Draw a frame's guidance.

    Args:
        points: (68, 2) landmarks, pixels of a picture of `size` (height, width), x then y; cut to integers.
        edges: (side, side) of the picture, as `picture_edges` finds them; those on the face are dropped.

    Returns:
        (16, side, side): channel 0 curves and edges, 1 or nearly; 1-14 the distance to each curve, pixels
        over 765; 15 the part, 0 to 6.
    """
    whole = points.astype(np.int64)
    label = face_label(whole, size, side)
    scaled = (_with_forehead(whole) * (side / size[1], side / size[0])).astype(np.int64)
    maps = np.zeros((2 + len(EDGES), side, side), np.float32)
    drawn = np.zeros((side, side), bool)
    for channel, edge in zip(maps[1:-1], EDGES, strict=True):
        away = np.full((side, side), 255, np.uint8)
        for first in range(0, len(edge) - 1, 2):
            x, y = _fitted(scaled[list(edge[first : first + 3])])
            inside = (x >= 0) & (x < side) & (y >= 0) & (y < side)
            away[y[inside], x[inside]] = 0
        drawn |= away == 0
        channel[:] = (cv2.distanceTransform(away, cv2.DIST_L1, 3) / 3).clip(0, 255).astype(np.uint8)
    maps[1:-1] /= 255
    seen = edges & (label == 0)
    maps[0], maps[-1] = drawn | seen, label
    maps[0][drawn & seen] = _MEETING
    return maps


def face_label(points: NDArray[np.int64], size: tuple[int, int], side: int = SIDE) -> NDArray[np.uint8]:
    """(side, side) the part of the face at each pixel, 0 outside; arguments as of `face_maps`."""
    label = np.zeros(size, np.uint8)
    places = _with_forehead(points)
    for part, polygon in PARTS:
        cv2.fillPoly(label, [places[list(polygon)].astype(np.int32)], part)
    return cv2.resize(label, (side, side), interpolation=cv2.INTER_NEAREST_EXACT).astype(np.uint8)


def picture_edges(image: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.bool_]:
    """Canny edges (side, side) of `image` (H, W, 3) RGB."""
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    smooth = cv2.GaussianBlur(small @ _GREY, (0, 0), 1)
    slopes = (cv2.Sobel(smooth, cv2.CV_32F, *axis) * _FINENESS for axis in ((1, 0), (0, 1)))
    across, down = (np.rint(slope).astype(np.int16) for slope in slopes)  # all that cv2.Canny takes
    low, high = (_FINENESS * threshold for threshold in _CANNY)
    found = np.asarray(cv2.Canny(across, down, low, high, L2gradient=True)) > 0
    found[[0, -1]] = found[:, [0, -1]] = False
    return found


def _with_forehead(points: NDArray[np.int64]) -> NDArray[np.int64]:
    """Append 15 forehead points in whole pixels: the jaw mirrored at the ears' height, two thirds as far."""
    base = (points[0, 1] + points[16, 1]) / 2
    jaw = points[15:0:-1]
    above = np.stack((jaw[:, 0], base + (base - jaw[:, 1]) * 2 // 3), axis=1)
    return np.concatenate((points, above.astype(np.int64)))


def _fitted(points: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels (x, y) of the parabola through three points, or the line through two, along the axis of the
    larger step."""
    steep = np.abs(np.diff(points[:, 1])).max() > np.abs(np.diff(points[:, 0])).max()
    along, across = points.T[::-1] if steep else points.T
    if along[0] > along[-1]:
        along, across = along[::-1], across[::-1]
    if along[0] == along[-1]:
        return along[:0], along[:0]
    places = np.linspace(along[0], along[-1], int(along[-1] - along[0]))
    slope = (across[-1] - across[0]) / (along[-1] - along[0])
    fitted = across[0] + (places - along[0]) * slope
    if len(along) == 3 and len(set(along)) == 3:
        off = across[1] - across[0] - (along[1] - along[0]) * slope  # of the middle, from the line
        square = off / ((along[1] - along[0]) * (along[1] - along[2]))
        if abs(square) > _STEEPEST:
            return along[:0], along[:0]
        fitted = fitted + (places - along[0]) * (places - along[-1]) * square
    pixels = places.astype(np.int64), (fitted + 1e-6).astype(np.int64)  # a whole number stays one
    return (pixels[1], pixels[0]) if steep else pixels
