"""Cloth patterns wrapped around body parts and solids: detail that a generator must copy, not invent."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Texture = NDArray[np.uint8]
"""(h, w, 3) RGB: rows along the part from its first end, columns around it, the front in the middle."""

PATTERNS = ("plain", "rings", "stripes", "checks", "dots", "halves", "blobs", "zigzag")
Colour = tuple[int, int, int]


def choose_colours(rng: np.random.Generator, count: int) -> list[Colour]:
    """`count` colours that go together and differ in lightness."""
    hue = rng.random()
    colours = []
    for index in range(count):
        grey = rng.random() < 0.2
        tint = hue + rng.choice([0, 0.08, -0.08, 0.5, 0.33])
        saturation = 0.05 if grey else rng.uniform(0.35, 0.85)
        value = rng.uniform(0.2, 0.6) if index % 2 == 0 else rng.uniform(0.7, 1.0)
        red, green, blue = colorsys.hsv_to_rgb(tint % 1, saturation, value)
        colours.append((round(255 * red), round(255 * green), round(255 * blue)))
    if rng.random() < 0.5:
        colours.reverse()
    return colours


def weave(
    rng: np.random.Generator, kind: str, height: int, width: int, colours: Sequence[Colour], step: int
) -> Texture:
    """The pattern `kind` of `PATTERNS` in a texture of `height` x `width`, repeated about every `step`
    pixels, without a seam around the part."""
    around = max(2, 2 * round(width / (2 * step)))  # repeats; an even number leaves no seam
    y, x = np.mgrid[:height, :width]
    across = (x + 0.5) * around / width
    along = (y + 0.5) / step
    if kind == "rings":
        choice = along % 2 < rng.uniform(0.5, 1.2)
    elif kind == "stripes":
        choice = across % 2 < rng.uniform(0.5, 1.2)
    elif kind == "checks":
        choice = (across % 2 < 1) ^ (along % 2 < 1)
    elif kind == "dots":
        row = np.floor(along)
        choice = np.hypot((across + 0.5 * row) % 1 - 0.5, along % 1 - 0.5) < rng.uniform(0.25, 0.36)
    elif kind == "halves":
        choice = y > height * rng.uniform(0.35, 0.65)
    elif kind == "blobs":
        noise = rng.normal(size=(max(2, height // step), around)).astype(np.float32)
        noise = np.hstack([noise, noise[:, :1]])
        choice = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) > 0.2
    elif kind == "zigzag":
        choice = (along + np.abs(across % 2 - 1)) % 2 < 1
    else:
        choice = np.zeros((height, width), bool)
    ground, figure = np.array(colours[:2], np.uint8)
    return np.where(choice[..., None], figure, ground)


def print_logo(rng: np.random.Generator, texture: Texture, row: float, column: float, size: float) -> None:
    """Draw a mark of about `size` pixels into `texture`: a letter or number, a star, a ring or a heart."""
    colour = choose_colours(rng, 2)[int(rng.integers(2))]
    if np.abs(np.subtract(colour, texture.mean((0, 1)))).sum() < 120:
        colour = (250, 245, 235) if texture.mean() < 128 else (30, 30, 45)
    place = (round(column), round(row))
    kind = rng.integers(5)
    if kind < 2:
        text = "ABCEGHKMNRSXZ0234567895"[rng.integers(23)]
        scale = size / 22
        (w, h), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 2)
        place = (round(column - w / 2), round(row + h / 2))
        cv2.putText(texture, text, place, cv2.FONT_HERSHEY_DUPLEX, scale, colour, 3, cv2.LINE_AA)
    elif kind == 2:
        angles = np.arange(10) * np.pi / 5 - np.pi / 2
        reach = np.where(np.arange(10) % 2, 0.22, 0.55) * size
        corners = np.stack([column + reach * np.cos(angles), row + reach * np.sin(angles)], 1)
        cv2.fillPoly(texture, [corners.round().astype(np.int32)], colour, cv2.LINE_AA)
    elif kind == 3:
        cv2.circle(texture, place, round(size * 0.42), colour, max(2, round(size * 0.16)), cv2.LINE_AA)
    else:
        t = np.linspace(0, 2 * np.pi, 24)
        heart = np.stack(
            [16 * np.sin(t) ** 3, -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))],
            1,
        )
        corners = heart * size / 34 + (column, row)
        cv2.fillPoly(texture, [corners.round().astype(np.int32)], colour, cv2.LINE_AA)
