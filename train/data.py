"""Clips with landmarks, as the generator's training sees them: a reference, then consecutive frames.

A data folder holds `index.csv` (columns file, split, identity, kind), `clips/*.mp4` (square, one face) and,
beside each, an `.npz` with `lmk68` (T, 68, 2) float32 pixels, x then y. Clips are decoded once into plain
arrays on disk, so that a sample costs a memory copy.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from .teacher import teach_flow

# fmt: off
FLIP = np.array([
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1),
])
# fmt: on
"""Where each of the 68 points comes from in a mirrored face."""


@dataclass(frozen=True)
class Clip:
    """One clip: frames (T, size, size, 3) uint8 RGB, memory-mapped, and points (T, 68, 2) float32."""

    name: str
    identity: str
    frames: np.ndarray
    points: np.ndarray


class Batch(NamedTuple):
    """Reference and frames of B samples.

    Attributes:
        images: (B, 1 + T, 3, H, W) float32 in [-1, 1], the reference first.
        points: (B, 1 + T, 68, 2) float32 pixels, as a tracker would give them (with its jitter).
        guidance: (B,) int64: 0 landmarks, 1 landmarks and edges, 2 edges alone.
        flow: (B, T, 2, H/4, W/4) the teacher's backward flow to the reference, pixels of the full picture,
        and flow_weight: (B, T, 1, H/4, W/4) how far to trust it; see `teacher`.
    """

    images: Tensor
    points: Tensor
    guidance: Tensor
    flow: Tensor
    flow_weight: Tensor


def find_dataset(folder: Path | None) -> Path:
    """The folder with index.csv: `folder` itself or its `faces`; without one, the environment's GFLA_DATA.
    Raises ValueError in a sentence for the user."""
    if folder is None:
        if not os.environ.get("GFLA_DATA"):
            raise ValueError("Name the data folder with --data or the environment variable GFLA_DATA.")
        folder = Path(os.environ["GFLA_DATA"])
    for candidate in (folder, folder / "faces"):
        if (candidate / "index.csv").is_file():
            return candidate
    raise ValueError(f"{folder} is no data folder: it has no index.csv.")


def perceptual_weights(data: Path) -> Path:
    """Where SqueezeNet's weights lie beside a dataset."""
    return data.parent / "perceptual" / "squeezenet1_0.safetensors"


def load_clips(data: Path, split: str, cache: Path) -> list[Clip]:
    """Every clip of `split` of a dataset (see `find_dataset`), decoded into `cache` on first use. ValueError
    if there is none."""
    index = data / "index.csv"
    with index.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split and row["kind"] == "clip"]
    if not rows:
        raise ValueError(f"{index} lists no clips of split {split!r}.")
    cache.mkdir(parents=True, exist_ok=True)
    return [_load_clip(data / row["file"], row["identity"], cache) for row in rows]


def _load_clip(path: Path, identity: str, cache: Path) -> Clip:
    points = np.load(path.with_suffix(".npz"))["lmk68"].astype(np.float32)
    stored = cache / f"{path.stem}.npy"
    if not stored.is_file():
        capture = cv2.VideoCapture(str(path))
        frames = []
        while (result := capture.read())[0]:
            frames.append(cv2.cvtColor(result[1], cv2.COLOR_BGR2RGB))
        if len(frames) != len(points):
            raise ValueError(f"{path} has {len(frames)} frames, its landmarks {len(points)}.")
        partial = stored.with_suffix(".part.npy")
        np.save(partial, np.stack(frames))
        os.replace(partial, stored)
    return Clip(path.stem, identity, np.load(stored, mmap_mode="r"), points)


class Sampler:
    """An endless, seeded stream of batches: identities evenly, a clip of each, a reference and T frames.

    Sample i of the stream depends only on (seed, i), so a resumed run continues where it stopped.
    """

    def __init__(self, clips: list[Clip], batch: int, length: int, size: int, seed: int):
        self.batch, self.length, self.size, self.seed = batch, length, size, seed
        self.people: dict[str, list[Clip]] = {}
        for clip in clips:
            if len(clip.points) > length:
                self.people.setdefault(clip.identity, []).append(clip)
        self.names = sorted(self.people)

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, step))
        samples = [self._sample(rng) for _ in range(self.batch)]
        images, points, guidance, flow, weight = (np.stack(part) for part in zip(*samples, strict=True))
        pixels = torch.from_numpy(images).permute(0, 1, 4, 2, 3).float().div_(127.5).sub_(1)
        return Batch(pixels, *map(torch.from_numpy, (points, guidance, flow, weight)))

    def ahead(self, first: int, last: int) -> Iterator[Batch]:
        """Batches `first` to `last - 1`, each made while the one before is used."""
        with ThreadPoolExecutor(1) as worker:
            future = worker.submit(self, first)
            for step in range(first, last):
                batch = future.result()
                if step + 1 < last:
                    future = worker.submit(self, step + 1)
                yield batch

    def _sample(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int, np.ndarray, np.ndarray]:
        clips = self.people[self.names[rng.integers(len(self.names))]]
        clip = clips[rng.choice(len(clips), p=_shares(clips))]
        count = len(clip.points)
        stride = int(rng.integers(1, 1 + max(1, min(3, (count - 1) // self.length))))
        start = int(rng.integers(count - stride * (self.length - 1)))
        reference = int(rng.integers(count))
        order = [reference, *range(start, start + stride * self.length, stride)]
        if rng.random() < 0.3:
            order[1:] = order[:0:-1]
        images, points = _augment(
            np.stack([clip.frames[i] for i in order]), clip.points[order], self.size, rng
        )
        guidance = rng.choice(3, p=(0.5, 0.35, 0.15))
        return images, points, guidance, *teach_flow(images, points)


def _shares(clips: list[Clip]) -> np.ndarray:
    lengths = np.sqrt([len(clip.points) for clip in clips])
    return lengths / lengths.sum()


def _augment(
    images: np.ndarray, points: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One similarity to side `size`, mirror and colour change for all of a sample; jitter on points."""
    side = images.shape[1]
    if rng.random() < 0.5:
        images = images[:, :, ::-1]
        points = points[:, FLIP] * np.array([-1, 1], np.float32) + np.array([side - 1, 0], np.float32)
    angle, scale = rng.uniform(-8, 8), np.exp(rng.uniform(-0.12, 0.12))
    centre = ((side - 1) / 2, (side - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, angle, scale * size / side)
    matrix[:, 2] += (size - side) / 2 + rng.uniform(-0.04, 0.04, 2) * size
    images = np.stack(
        [
            cv2.warpAffine(i, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
            for i in images
        ]
    )
    points = points @ matrix[:, :2].T + matrix[:, 2]
    gain, shift = rng.uniform(0.8, 1.2, 3) * rng.uniform(0.75, 1.2), rng.uniform(-20, 20)
    table = np.clip(np.arange(256)[:, None] * gain + shift, 0, 255).astype(np.uint8)
    images = np.stack([cv2.LUT(image, table[None]) for image in images])
    jitter = rng.normal(0, rng.uniform(0, 0.6) * size / 256, points.shape)
    return images, (points + jitter).astype(np.float32)
