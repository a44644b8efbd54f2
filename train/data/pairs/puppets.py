"""Pairs of drawn persons, drawn once and kept on disk, so that many models train on the same ones.

A couple is one person in two poses; it gives two pairs, as each picture is the source of the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ....animate.io.atomic import atomic_file
from ....animate.structure import joint_maps
from ....animate.synthetic.puppets import draw_pair


class Pairs(NamedTuple):
    """B pairs, the sources first. images: (2, B, 3, H, W) in [-1, 1]. structures: (2, B, S, H/4, W/4).
    points: (2, B, N, 2) pixels, x then y, NaN where unknown."""

    images: Tensor
    structures: Tensor
    points: Tensor


class PuppetPairs:
    """The first `couples` couples of the endless dataset `seed`, in squares of side `size`, kept in
    `folder`."""

    def __init__(self, folder: Path, seed: int, couples: int, size: int):
        self.size = size
        stored = folder / f"puppets-{size}-{seed}-{couples}"
        images, joints = stored.with_suffix(".npy"), stored.with_suffix(".joints.npy")
        if not (images.is_file() and joints.is_file()):
            folder.mkdir(parents=True, exist_ok=True)
            _draw(images, joints, seed, couples, size)
        self.images, self.joints = np.load(images, mmap_mode="r"), np.load(joints)

    def __len__(self) -> int:
        """The number of pairs."""
        return 2 * len(self.images)

    def __getitem__(self, index: np.ndarray | range) -> Pairs:
        """The pairs with these numbers, from 0."""
        couple, first = np.divmod(np.asarray(index), 2)
        order = np.stack((first, 1 - first))  # the source, then the target
        pixels = torch.from_numpy(np.ascontiguousarray(self.images[couple, order]))
        images = pixels.permute(0, 1, 4, 2, 3).float() / 127.5 - 1
        points = torch.from_numpy(self.joints[couple, order])
        structures = joint_maps(points.flatten(0, 1), (self.size, self.size)).unflatten(0, points.shape[:2])
        return Pairs(images, structures, points)

    def batch(self, seed: int, step: int, size: int) -> Pairs:
        """Batch `step` of a run with `seed`: the same for every model."""
        return self[np.random.default_rng((seed, step)).integers(len(self), size=size)]


def _draw(images: Path, joints: Path, seed: int, couples: int, size: int) -> None:
    pictures = np.empty((couples, 2, size, size, 3), np.uint8)
    points = np.empty((couples, 2, 18, 2), np.float32)
    for index in tqdm(range(couples), unit="couple", desc="drawing", mininterval=5):
        for number, drawn in enumerate(draw_pair(seed, index, (size, size))):
            pictures[index, number], points[index, number] = drawn.image, drawn.joints
    for path, array in ((joints, points), (images, pictures)):
        with atomic_file(path) as part:
            np.save(part, array)
