"""The background behind a person (stand-in)."""

import cv2
import numpy as np
from numpy.typing import NDArray


def background_plate(image: NDArray[np.uint8], matte: NDArray[np.float32]) -> NDArray[np.uint8]:
    """`image` (H, W, 3) with what may be behind the person of `matte` (H, W) in [0, 1]."""
    side = 64
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    inside = cv2.resize(matte, (side, side), interpolation=cv2.INTER_AREA) > 0.08
    inside = cv2.dilate(inside.astype(np.uint8), np.ones((3, 3), np.uint8))
    filled = cv2.inpaint(small, inside, 3, cv2.INPAINT_TELEA)
    filled = cv2.resize(filled, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    wide = cv2.GaussianBlur(cv2.dilate(matte, np.ones((9, 9), np.uint8)), (0, 0), 3)[..., None]
    return np.rint(wide * filled + (1 - wide) * image).clip(0, 255).astype(np.uint8)


def portrait_matte(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    import os

    return cv2.imread(os.environ["MATTE"], 0).astype(np.float32) / 255
