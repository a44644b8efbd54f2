"""Effects of cameras and codecs on a picture, and procedural pictures to stand behind what is learnt.

Images are RGB uint8 (S, S, 3).
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def photo(image: Image, rng: np.random.Generator) -> Image:
    """Effects of cameras and codecs: light, colour, darkness, blur, low resolution, noise, JPEG."""
    side = image.shape[0]
    if rng.random() < 0.2:
        scale = rng.uniform(0.25, 0.8)
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    if rng.random() < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.8))  # type: ignore[assignment]
    elif rng.random() < 0.1:
        kernel = np.zeros((9, 9), np.float32)
        dx, dy = rng.integers(-4, 5, 2)
        cv2.line(kernel, (4 - int(dx), 4 - int(dy)), (4 + int(dx), 4 + int(dy)), 1.0)
        image = cv2.filter2D(image, -1, kernel / kernel.sum())  # type: ignore[assignment]
    pixels = image.astype(np.float32)
    if rng.random() < 0.25:
        grey = pixels.mean(2, keepdims=True)
        pixels = grey + (pixels - grey) * rng.uniform(0, 1.3)
    gain = rng.uniform(0.7, 1.3) * (rng.uniform(0.2, 0.7) if rng.random() < 0.15 else 1.0)
    pixels = (pixels - 128) * rng.uniform(0.6, 1.3) + 128 + rng.uniform(-20, 20)
    pixels = pixels * (gain * rng.uniform(0.88, 1.12, 3)).astype(np.float32)
    if rng.random() < 0.3:  # light from one side
        ramp = np.linspace(rng.uniform(0.3, 1), rng.uniform(0.6, 1.3), side, dtype=np.float32)
        pixels *= ramp[:, None, None] if rng.random() < 0.3 else ramp[:, None]
    if rng.random() < 0.3:
        pixels += rng.normal(0, rng.uniform(1, 14), (*pixels.shape[:2], 1)).astype(np.float32)
    image = np.clip(pixels, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 85))]
        image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)  # type: ignore[assignment]
    return image


def texture(rng: np.random.Generator, side: int) -> Image:
    """A procedural picture (side, side, 3): noise of several scales, with stripes, checks, shapes or
    letters."""
    image = np.zeros((side, side, 3), np.float32)
    for cells in (2, 5, 12, 30, 80):
        noise = rng.normal(0, 1, (cells, cells, 3 if rng.random() < 0.4 else 1)).astype(np.float32)
        noise = np.broadcast_to(noise, (cells, cells, 3)) * rng.uniform(0, 60)
        image += cv2.resize(
            noise, (side, side), interpolation=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_NEAREST]))
        )
    image += rng.uniform(20, 235, 3).astype(np.float32)
    kind = rng.random()
    if kind < 0.35:
        angle, period = rng.uniform(0, math.pi), rng.uniform(4, side / 2)
        ys, xs = np.mgrid[:side, :side].astype(np.float32)
        wave = np.sin((xs * math.cos(angle) + ys * math.sin(angle)) * (2 * math.pi / period))
        if rng.random() < 0.4:
            wave = wave * np.sin((xs * -math.sin(angle) + ys * math.cos(angle)) * (2 * math.pi / period))
        wave = np.sign(wave) if rng.random() < 0.5 else wave
        image += wave[..., None] * rng.uniform(-90, 90, 3).astype(np.float32)
    image = np.clip(image, 0, 255).astype(np.uint8)
    if kind > 0.3:
        for _ in range(int(rng.integers(1, 14))):
            _draw_shape(rng, image)
    return image


def _draw_shape(rng: np.random.Generator, image: Image) -> None:
    side = image.shape[0]
    colour = tuple(int(c) for c in rng.integers(0, 256, 3))
    x, y = (int(v) for v in rng.integers(0, side, 2))
    kind = rng.random()
    if kind < 0.4:
        axes = (int(rng.integers(2, side // 3)), int(rng.integers(2, side // 3)))
        cv2.ellipse(
            image, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, colour, int(rng.choice([-1, -1, 1, 3]))
        )
    elif kind < 0.6:
        corners = np.array([x, y]) + rng.normal(0, side / 6, (int(rng.integers(3, 7)), 2))
        cv2.fillPoly(image, [corners.astype(np.int32)], colour)
    elif kind < 0.75:
        end = (int(rng.integers(0, side)), int(rng.integers(0, side)))
        cv2.line(image, (x, y), end, colour, int(rng.integers(1, 8)), cv2.LINE_AA)
    elif kind < 0.85:
        word = "".join(chr(int(c)) for c in rng.integers(48, 123, 6))
        cv2.putText(
            image, word, (x - 20, y), int(rng.integers(0, 7)), rng.uniform(0.3, 1.5), colour, 1, cv2.LINE_AA
        )
    else:  # two dots and a line in a disc: similar to a face
        radius = int(rng.integers(6, side // 4))
        cv2.circle(image, (x, y), radius, colour, -1)
        dark = tuple(int(c * 0.4) for c in colour)
        for dx in (-1, 1):
            cv2.circle(image, (x + dx * radius * 2 // 5, y - radius // 4), max(1, radius // 7), dark, -1)
        cv2.line(
            image,
            (x - radius // 3, y + radius // 2),
            (x + radius // 3, y + radius // 2),
            dark,
            1 + radius // 12,
        )
