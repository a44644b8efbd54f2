"""A portrait taken apart, to be looked at: the person, the plate behind, and what goes with the head."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..compositing.matte import background_plate, head_share
from ..matting import portrait_matte
from .visualize import Picture

_BEHIND = (24, 26, 34)
_HEAD = (230, 70, 60)


class Layers(NamedTuple):
    """A portrait (H, W). matte: (H, W) float32, one on the person. plate: (H, W, 3) uint8. share: (H, W)
    float32, how far each place goes with the head."""

    matte: NDArray[np.float32]
    plate: Picture
    share: NDArray[np.float32]


def take_apart(image: Picture, points: NDArray[np.floating]) -> Layers:
    """image: (H, W, 3) uint8 RGB. points: (68, 2), the face's landmarks in its pixels, x then y."""
    matte = portrait_matte(image)
    return Layers(matte, background_plate(image, matte), head_share(points, matte))


def person_picture(image: Picture, layers: Layers) -> Picture:
    """The person alone, over dark."""
    behind = np.array(_BEHIND, np.float32)
    return np.rint(behind + layers.matte[..., None] * (image - behind)).astype(np.uint8)


def head_picture(image: Picture, layers: Layers) -> Picture:
    """The picture in grey, red where the person goes with the head."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    red = 0.6 * (layers.share * layers.matte)[..., None]
    return np.rint(grey + red * (np.array(_HEAD, np.float32) - grey)).astype(np.uint8)


def layers_picture(image: Picture, layers: Layers) -> Picture:
    """(H, 4 W, 3): the picture, the person, the plate, what goes with the head."""
    return np.hstack([image, person_picture(image, layers), layers.plate, head_picture(image, layers)])
