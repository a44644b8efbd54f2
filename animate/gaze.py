"""Turns the eyes of a finished crop: the network is guided by lids alone, so irises move in the picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .editor import EYES

_LEAST = 0.3  # pixels below which nobody sees that an eye has moved
_REACH = 0.35  # of the eye's width: how far around the iris the picture goes along


def look_aside(
    image: NDArray[np.uint8], points: NDArray[np.float32], look: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """`image` (S, S, 3) with the iris of each eye moved by `look` (2, 2) pixels, x then y, between the lids.

    points: (68, 2), where the lids are in it. What lies before the iris is squeezed, what it leaves is
    stretched, and the lids stay: a backward flow that fades out at the lids and a little beyond the iris.
    """
    out = image
    for eye, way in zip(EYES, look, strict=True):
        lids = points[eye]
        opening = float(np.ptp(lids @ _upright(lids), axis=0)[1])
        if np.hypot(*way) < _LEAST or opening < 2:
            continue
        out = _moved(out, lids, way)
    return out


def _moved(
    image: NDArray[np.uint8], lids: NDArray[np.float32], way: NDArray[np.float32]
) -> NDArray[np.uint8]:
    width = float(np.hypot(*(lids[3] - lids[0])))
    low = np.floor(lids.min(0) - width / 2).astype(int).clip(0)
    high = np.ceil(lids.max(0) + width / 2).astype(int).clip(None, (image.shape[1] - 1, image.shape[0] - 1))
    if (high - low < 4).any():
        return image
    mask = np.zeros((high - low)[::-1] + 1, np.uint8)
    outline = np.round((lids - low) * 16).astype(np.int32)
    cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA, 4)
    inside = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), max(width / 30, 0.6))
    x, y = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
    middle = lids.mean(0) + way
    near = np.exp(-(((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / (2 * (_REACH * width) ** 2)))
    share = (inside * near).astype(np.float32)
    part = cv2.remap(
        image,
        (x - share * way[0]).astype(np.float32),
        (y - share * way[1]).astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    out = image.copy()
    out[low[1] : high[1] + 1, low[0] : high[0] + 1] = part
    return out


def _upright(lids: NDArray[np.float32]) -> NDArray[np.float32]:
    along = (lids[3] - lids[0]) / max(float(np.hypot(*(lids[3] - lids[0]))), 1e-6)
    return np.array([[along[0], -along[1]], [along[1], along[0]]], np.float32)
