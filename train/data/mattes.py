"""Portraits with mattes, as training sees them: few people in many lights, places and surroundings.

A data folder (see `clips`) has, in `mattes` or beside it, a grey picture of each portrait, `NAME.jpg`, and of
some frames of each clip, `NAME.FRAME.jpg` (frames counted from 0): 255 where the person is. A teacher's
mattes are soft and sometimes wrong. A person that is laid over another background has an exact one.

S side in pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...animate.compositing.matte import background_plate
from ...animate.errors import InputError
from .clips import scan_table
from .photo import photo, texture
from .reading.workers import ahead

Image = NDArray[Any]  # uint8 RGB
Grey = NDArray[Any]  # float32 in [0, 1]
Rng = np.random.Generator

_SIDE = 256  # pixels: the size of the pictures in memory
_SWAPPED = 0.6
"""How often the person stands before another background."""


class MatteBatch(NamedTuple):
    """B portraits: images (B, 3, S, S) float32 in [-1, 1]; mattes (B, 1, S, S) float32 in [0, 1]."""

    images: Tensor
    mattes: Tensor


@dataclass(frozen=True)
class Portrait:
    """A picture (256, 256, 3) uint8 RGB with its person's matte (256, 256) uint8, and the plate behind it."""

    name: str
    image: Image
    matte: NDArray[np.uint8]
    plate: Image


def load_portraits(data: Path, split: str) -> dict[str, list[Portrait]]:
    """The portraits and frames of `split` that have mattes, by person. InputError if there are none."""
    index = data / "index.csv"
    folder = next((f for f in (data / "mattes", data.parent / "mattes") if f.is_dir()), None)
    if folder is None:
        raise InputError(data, "no folder mattes in it or beside it", "see docs/training.md for its layout")
    mattes = _mattes_in(folder)
    people: dict[str, list[Portrait]] = {}
    for _, row in scan_table(index, ("file", "split", "kind", "identity")):
        path = data / row["file"]
        if row["split"] != split or path.stem not in mattes:
            continue
        known = mattes[path.stem]
        found = _frames(path, known) if row["kind"] == "clip" else _still(path, known)
        if found:
            people.setdefault(row["identity"], []).extend(found)
    if not people:
        raise InputError(index, f"no portrait or clip of split {split!r} has mattes in {folder}")
    return people


def _mattes_in(folder: Path) -> dict[str, dict[int | None, Path]]:
    """The mattes by the name of their clip or portrait and their frame, None for a portrait's."""
    found: dict[str, dict[int | None, Path]] = {}
    for path in sorted(folder.glob("*.jpg")):
        name, _, frame = path.stem.rpartition(".")
        if name and frame.isdecimal():
            found.setdefault(name, {})[int(frame)] = path
        found.setdefault(path.stem, {})[None] = path
    return found


def _still(path: Path, mattes: dict[int | None, Path]) -> list[Portrait]:
    return [_portrait(path.stem, cv2.imread(str(path)), mattes[None])] if None in mattes else []


def _frames(path: Path, mattes: dict[int | None, Path]) -> list[Portrait]:
    wanted = {frame: matte for frame, matte in mattes.items() if frame is not None}
    video, number, portraits = cv2.VideoCapture(str(path)), 0, []
    while wanted and number <= max(wanted) and video.grab():
        if number in wanted:
            portraits.append(_portrait(f"{path.stem}.{number}", video.retrieve()[1], wanted[number]))
        number += 1
    video.release()
    return portraits


def _portrait(name: str, image: NDArray | None, path: Path) -> Portrait:
    matte = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None or matte is None or matte.shape != image.shape[:2]:
        raise InputError(path, "not a matte of its picture's size", "make it again")
    if matte.shape != (_SIDE, _SIDE):
        image, matte = (cv2.resize(x, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for x in (image, matte))
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    plate = background_plate(image, matte.astype(np.float32) / 255)  # type: ignore[arg-type]
    return Portrait(name, image, matte, plate)  # type: ignore[arg-type]


class MatteSampler:
    """An endless, seeded stream of batches, as `clips.Sampler`: people evenly."""

    def __init__(self, people: dict[str, list[Portrait]], batch: int, size: int, seed: int, *, rank: int = 0):
        self.people = [people[name] for name in sorted(people)]
        self.batch, self.size, self.seed, self.rank = batch, size, seed, rank

    def __call__(self, number: int) -> MatteBatch:
        first = self.rank * self.batch
        seeds = ((self.seed, number, first + i) for i in range(self.batch))
        images, mattes = zip(*(self.sample(np.random.default_rng(seed)) for seed in seeds), strict=True)
        pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
        return MatteBatch(pixels, torch.from_numpy(np.stack(mattes))[:, None])

    def ahead(self, first: int, last: int) -> Iterator[MatteBatch]:
        return ahead(self, first, last)

    def sample(self, rng: Rng) -> tuple[Image, Grey]:
        """One portrait (S, S, 3) uint8 and its matte (S, S) float32."""
        one = self._any(rng)
        image, matte = one.image, one.matte.astype(np.float32) / 255
        matrix, border = self._place(matte, rng)
        size = (self.size, self.size)
        if rng.random() < _SWAPPED:
            matte = _crisp(matte, rng)
            front = _foreground(image, matte)
            front, matte = (cv2.warpAffine(x, matrix, size, borderMode=border) for x in (front, matte))
            image = _over(front, matte, self._background(one, rng), rng)
        else:
            image, matte = (cv2.warpAffine(x, matrix, size, borderMode=border) for x in (image, matte))
        if rng.random() < 0.4:
            image = _gamma(image, rng)
        image = photo(np.ascontiguousarray(image), rng)
        if rng.random() < 0.5:
            image, matte = image[:, ::-1], matte[:, ::-1]
        return np.ascontiguousarray(image), np.ascontiguousarray(matte)

    def _any(self, rng: Rng) -> Portrait:
        portraits = self.people[rng.integers(len(self.people))]
        return portraits[rng.integers(len(portraits))]

    def _place(self, matte: Grey, rng: Rng) -> tuple[NDArray[Any], int]:
        """A matrix (2, 3) from the picture to the sample, and what lies outside: mostly sizes that a portrait
        has, also parts of it and small ones. Where the picture's edge cuts the person, the sample's edge
        mostly does so, too."""
        below, above = matte[-1].max() > 0.5, matte[0].max() > 0.5
        beside = max(matte[:160, 0].max(), matte[:160, -1].max()) > 0.5
        least = -0.1 if above else -0.3 if beside else -0.8
        scale = float(np.exp(rng.uniform(least, 0.1) if rng.random() < 0.5 else rng.uniform(-0.1, 0.6)))
        angle = rng.uniform(-12, 12) if rng.random() < 0.9 else rng.uniform(-45, 45)
        matrix = cv2.getRotationMatrix2D((0, 0), angle, scale * self.size / _SIDE)
        matrix[0] *= np.exp(rng.uniform(-0.08, 0.08))
        room = 0.5 * abs(1 - scale) + 0.08
        x, y = self.size * (0.5 + rng.uniform(-room, room, 2))
        if scale < 1 and below:
            y = self.size * (1 - 0.5 * scale + rng.uniform(-0.02, 0.1))
        if scale < 1 and above:
            y = self.size * (0.5 * scale - rng.uniform(0, 0.08))
        matrix[:, 2] = (x, y) - matrix[:, :2] @ np.array([(_SIDE - 1) / 2] * 2)
        return matrix, cv2.BORDER_REPLICATE if rng.random() < 0.93 else cv2.BORDER_CONSTANT

    def _background(self, one: Portrait, rng: Rng) -> Image:
        """A picture (S, S, 3) without a person: another one's plate, a part of its background, or a
        texture."""
        size, kind = (self.size, self.size), rng.random()
        if kind < 0.12:
            return texture(rng, self.size)
        if kind < 0.2:
            top, bottom = rng.uniform(0, 255, (2, 3)) if rng.random() < 0.5 else rng.uniform(0, 255, (2, 1))
            mix = np.linspace(0, 1, self.size)[:, None, None] * rng.uniform(0, 1)
            return np.broadcast_to(top + (bottom - top) * mix, (*size, 3)).astype(np.uint8)
        other = one if kind < 0.3 else self._any(rng)
        if kind > 0.6:
            part = _window(other, rng)
            if part is not None:
                return cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
        side = int(_SIDE * rng.uniform(0.6, 1))
        x, y = rng.integers(0, _SIDE - side + 1, 2)
        part = other.plate[y : y + side, x : x + side]
        return cv2.resize(part[:, ::-1] if rng.random() < 0.5 else part, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _window(one: Portrait, rng: Rng) -> Image | None:
    """A part of the picture in which nothing of the person is, or None."""
    for _ in range(12):
        width, height = rng.integers(24, 160, 2)
        x, y = rng.integers(0, _SIDE - width + 1), rng.integers(0, _SIDE - height + 1)
        if one.matte[y : y + height, x : x + width].max() < 6:
            return one.image[y : y + height, x : x + width]
    return None


def _crisp(matte: Grey, rng: Rng) -> Grey:
    """The matte with a narrower edge, the person a little smaller, so that less of its old background is
    left."""
    low, high = rng.uniform(0.35, 0.5), rng.uniform(0.65, 0.9)
    return np.clip((matte - low) / (high - low), 0, 1)


def _foreground(image: Image, matte: Grey) -> Image:
    """The person's own colours, also where the matte is soft: there the nearest ones of the person."""
    inside = cv2.erode(matte, np.ones((3, 3), np.uint8))[..., None]
    inside = np.clip(inside * 2 - 1, 0, 1)
    spread = cv2.GaussianBlur(image * inside, (0, 0), 3)
    weight = cv2.GaussianBlur(inside, (0, 0), 3)[..., None]
    near = spread / np.maximum(weight, 1e-3)
    return np.clip(near + inside * (image - near), 0, 255).astype(np.uint8)


def _over(front: Image, matte: Grey, behind: Image, rng: Rng) -> Image:
    """The person over the background, both in lights of their own; sometimes the background has the colours
    that the person's edge has."""
    back = behind.astype(np.float32)
    edge = matte * (1 - cv2.erode(matte, np.ones((15, 15), np.uint8)))
    if rng.random() < 0.3 and edge.sum() > 10:
        own = (front * edge[..., None]).sum((0, 1)) / edge.sum()
        back = (back - back.mean((0, 1))) * rng.uniform(0.15, 0.8) + own + rng.normal(0, 10, 3)
    elif rng.random() < 0.3:
        back = _gamma(behind, rng).astype(np.float32)
    if rng.random() < 0.4:  # out of focus
        back = cv2.GaussianBlur(back, (0, 0), rng.uniform(0.5, 6))
    mixed = back + matte[..., None] * (front - back)
    return mixed.clip(0, 255).astype(np.uint8)


def _gamma(image: Image, rng: Rng) -> Image:
    power = np.exp(rng.uniform(-0.8, 0.8))
    return cv2.LUT(image, np.clip(255 * (np.arange(256) / 255) ** power, 0, 255).astype(np.uint8))  # type: ignore[return-value]
