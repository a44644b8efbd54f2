"""The background plate: a portrait's background as if the person were not there."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SMALL = 96  # longer side, pixels, of the picture in which the hole is filled
_RIM = 0.012  # of the longer side: how far the person's colours reach past its matte
_PERSON = 0.02  # a matte above this shows the person


def background_plate(image: NDArray[np.uint8], matte: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The background, smoothly filled behind the person.

    image: (H, W, 3) uint8 RGB. matte: (H, W) float32 in [0, 1], one on the person. Returns (H, W, 3) uint8:
    `image` itself, bit for bit, further than 3 % of the longer side from where the matte is above 0.02; its
    mean colour where the person fills the picture.
    """
    height, width = matte.shape
    longer = max(height, width)
    rim = max(1, round(_RIM * longer))
    person = (matte > _PERSON).astype(np.uint8)
    grown = cv2.dilate(person, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1)))
    if not grown.any():
        return image.copy()
    if grown.all():
        return np.broadcast_to(np.rint(image.mean((0, 1))), image.shape).astype(np.uint8)
    fill = _filled(image, grown, min(1.0, _SMALL / longer))
    # Soft outwards only: inside the grown matte nothing of the picture shows.
    soft = cv2.blur(cv2.dilate(grown, np.ones((2 * rim + 1, 2 * rim + 1), np.uint8)).astype(np.float32), (rim, rim))
    weight = np.where(grown > 0, np.float32(1), soft)[..., None]
    return np.rint(image + weight * (fill - image)).astype(np.uint8)


def _filled(image: NDArray[np.uint8], hole: NDArray[np.uint8], scale: float) -> NDArray[np.float32]:
    """The picture with its hole (H, W), nonzero inside, filled at a small size: (H, W, 3) float32."""
    height, width = hole.shape
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    there = (hole == 0).astype(np.float32)
    small = cv2.resize(image * there[..., None], size, interpolation=cv2.INTER_AREA)
    seen = cv2.resize(there, size, interpolation=cv2.INTER_AREA)
    known = seen > 0.25
    if not known.any():
        known = seen >= seen.max()
    mean = np.clip(small / np.maximum(seen, 1e-3)[..., None], 0, 255).astype(np.uint8)
    filled = cv2.inpaint(mean, (~known).astype(np.uint8), 4, cv2.INPAINT_TELEA).astype(np.float32)
    smooth = cv2.GaussianBlur(filled, (0, 0), 3)
    deep = cv2.GaussianBlur((~known).astype(np.float32), (0, 0), 2)[..., None] * ~known[..., None]
    filled += deep * (smooth - filled)
    return cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255)
