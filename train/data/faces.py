"""Samples of faces from clips: a reference, then frames of the same person.

Single frames are mostly chosen far from their reference, and in some the head is moved by hand (`layers`):
what is hard is asked for most.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...animate.compositing.matte import background_plate
from ...animate.errors import InputError
from ..config import Augmentation
from .augment import augment
from .clips import MATTE_STEP, Batch, Clip, Sample, ahead, collate
from .flow_teacher import teach_flow
from .layers import moved_head


class Sampler:
    """An endless, seeded stream of batches: identities evenly, one clip of each, a reference and T frames.

    Item i of batch n depends only on (seed, n, i): a resumed run continues where it stopped, and the
    processes of a group, each with its `rank`, draw what one process with the whole batch would.
    """

    def __init__(
        self,
        clips: list[Clip],
        batch: int,
        length: int,
        size: int,
        seed: int,
        *,
        rank: int = 0,
        extra: Augmentation | None = None,
        edges: bool = True,
        portraits: list[Clip] | None = None,
    ):
        self.batch, self.length, self.size, self.seed, self.rank = batch, length, size, seed, rank
        self.extra, self.edges, self.portraits = extra or Augmentation(), edges, portraits or []
        self.people: dict[str, list[Clip]] = {}
        for clip in clips:
            if len(clip.moving) > length:
                self.people.setdefault(clip.identity, []).append(clip)
        self.names = sorted(self.people)
        if not self.names:
            raise InputError("the clips", f"none has more than {length} moving frames", "give longer ones")

    def __call__(self, number: int) -> Batch:
        first = self.rank * self.batch
        seeds = ((self.seed, number, first + i) for i in range(self.batch))
        return collate([self._sample(np.random.default_rng(seed)) for seed in seeds])

    def ahead(self, first: int, last: int) -> Iterator[Batch]:
        return ahead(self, first, last)

    def _sample(self, rng: np.random.Generator) -> Sample:
        clips = self.people[self.names[rng.integers(len(self.names))]]
        clip = clips[rng.choice(len(clips), p=_probabilities(clips))]
        layered = clip.mattes is not None
        moved = layered and self.length == 1 and rng.random() < self.extra.moved
        if moved and self.portraits and rng.random() < 0.5:
            clip = self.portraits[rng.integers(len(self.portraits))]
        order = self._frames(clip, rng)
        images, points = np.stack([clip.frames[i] for i in order]), clip.points[order]
        matte = clip.mattes[order[0] // MATTE_STEP] if clip.mattes is not None else None
        if moved and matte is not None:
            target, places = moved_head(images[0], matte, points[0], rng)
            images, points = np.stack((images[0], target)), np.stack((points[0], places))
        images, points, matte = augment(images, points, self.size, rng, self.extra, matte)
        guidance = int(rng.choice(3, p=(0.5, 0.35, 0.15))) if self.edges else 0
        sample = (images, points, guidance, *teach_flow(images, points, layered=layered))
        if matte is None:
            return sample
        return (*sample, matte, background_plate(images[0], matte.astype(np.float32) / 255))

    def _frames(self, clip: Clip, rng: np.random.Generator) -> NDArray[np.intp]:
        """Numbers of the reference and of `length` frames."""
        count = len(clip.moving)
        stride = int(rng.integers(1, 1 + max(1, min(3, (count - 1) // self.length))))
        start = int(rng.integers(max(count - stride * (self.length - 1), 1)))
        reference = int(clip.moving[rng.integers(count)])
        if clip.mattes is not None:
            reference = MATTE_STEP * int(rng.integers(len(clip.mattes)))
        # Drawn only if asked for, so that all other runs keep their random numbers.
        if self.extra.first_frame and rng.random() < self.extra.first_frame:
            reference = 0
        if self.length == 1 and self.extra.far and rng.random() < self.extra.far:
            others = clip.moving[rng.integers(count, size=5)]
            away = np.abs(clip.points[others] - clip.points[reference]).mean((1, 2))
            return np.array((reference, others[away.argmax()]))
        frames = clip.moving[start : start + stride * (self.length - 1) + 1 : stride]
        return np.concatenate(((reference,), frames[::-1] if rng.random() < 0.3 else frames))


def _probabilities(clips: list[Clip]) -> np.ndarray:
    lengths = np.sqrt([len(clip.moving) for clip in clips])
    return lengths / lengths.sum()
