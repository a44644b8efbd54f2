"""Sources in layers, as training sees them: person and background of a reference, and heads moved by hand.

A moved head is exact: the person is bent over the background plate by a similarity of the head that falls to
nothing at the shoulders. Still portraits teach large motions that way.

S side of a square picture in pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...animate.compositing.matte import background_plate, head_share

Image = NDArray[np.uint8]
Points = NDArray[np.float32]

_TURN, _GROW, _SHIFT = 14.0, 0.16, 0.13  # degrees, log scale and shift over S of a moved head at most


def moved_head(image: Image, matte: Image, points: Points, rng: np.random.Generator) -> tuple[Image, Points]:
    """`image` (S, S, 3) with its head moved at random, and its landmarks `points` (68, 2) moved with it.

    matte: (S, S) uint8, the person.
    """
    size, soft = len(image), matte.astype(np.float32) / 255
    angle, scale = rng.uniform(-_TURN, _TURN), float(np.exp(rng.uniform(-_GROW, _GROW)))
    pivot = points[8] if rng.random() < 0.5 else points.mean(0)
    matrix = cv2.getRotationMatrix2D((float(pivot[0]), float(pivot[1])), angle, scale)
    matrix[:, 2] += rng.uniform(-_SHIFT, _SHIFT, 2) * size * rng.random()
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    share, back = head_share(moved, soft), cv2.invertAffineTransform(matrix)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    across, down = (
        (here + share * (row[0] * x + row[1] * y + row[2] - here)).astype(np.float32)
        for here, row in zip((x, y), back, strict=True)
    )
    plate = background_plate(image, soft)
    person = cv2.remap(image, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.remap(matte, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[..., None] / 255
    mixed = plate + cover * (person.astype(np.float32) - plate)
    return np.rint(mixed).clip(0, 255).astype(np.uint8), moved.astype(np.float32)
