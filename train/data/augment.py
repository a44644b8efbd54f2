"""Augmentation of a sample's pictures and points, the same for all its frames.

T frames and one reference, the reference first; S side in pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...animate.ibug68 import MIRROR
from ..config import Augmentation

Images = NDArray[np.uint8]
Points = NDArray[np.float32]


def augment(
    images: Images,
    points: Points,
    size: int,
    rng: np.random.Generator,
    extra: Augmentation,
    matte: Images | None = None,
) -> tuple[Images, Points, Images | None]:
    """Turn `images` (1 + T, S, S, 3) RGB and `points` (1 + T, N, 2) into a sample of side `size`: a random
    similarity and change of colours always, mirroring and the rest of `extra` sometimes, jitter on the
    points, 68 landmarks and maybe two places of the shoulders. matte: (S, S) of the reference, which follows
    it."""
    side = images.shape[1]
    if rng.random() < extra.mirror:
        images, matte = images[:, :, ::-1], None if matte is None else matte[:, ::-1]
        points = points[:, MIRROR[: points.shape[1]]] * np.array([-1, 1], np.float32)
        points[..., 0] += side - 1
    angle, scale = rng.uniform(-8, 8), np.exp(rng.uniform(-0.12, 0.12))
    centre = ((side - 1) / 2, (side - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, angle, scale * size / side)
    matrix[:, 2] += (size - side) / 2 + rng.uniform(-0.04, 0.04, 2) * size
    images = _each(
        images,
        lambda image: cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101),
    )
    if matte is not None:
        matte = cv2.warpAffine(
            np.ascontiguousarray(matte), matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101
        )  # type: ignore[assignment]
    points = points @ matrix[:, :2].T + matrix[:, 2]
    gain, shift = rng.uniform(0.8, 1.2, 3) * rng.uniform(0.75, 1.2), rng.uniform(-20, 20)
    table = np.clip(np.arange(256)[:, None] * gain + shift, 0, 255).astype(np.uint8)
    images = _each(images, lambda image: cv2.LUT(image, table[None]))
    jitter = rng.normal(0, rng.uniform(0, 0.6) * size / 256, points.shape)
    if extra.blur and rng.random() < extra.blur:
        sigma = rng.uniform(0.3, 1.2) * size / 256
        images = _each(images, lambda image: cv2.GaussianBlur(image, (0, 0), sigma))
    if extra.jpeg and rng.random() < extra.jpeg:
        quality = int(rng.integers(40, 95))
        images = _each(images, lambda image: _through_jpeg(image, quality))
    return images, (points + jitter).astype(np.float32), matte


def _each(images: Images, change: Callable[[Images], Any]) -> Images:
    return np.stack([change(image) for image in images])


def _through_jpeg(image: Images, quality: int) -> Images:
    _, coded = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return cv2.imdecode(coded, cv2.IMREAD_UNCHANGED)  # type: ignore[return-value]
