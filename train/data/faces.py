"""Samples of faces from clips: a reference, then frames of the same person.

Single frames are mostly chosen far from their reference, and in some the head is moved by hand (`layers`):
what is hard is asked for most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...animate.compositing.matte import background_plate
from ...animate.errors import InputError
from ...animate.face.landmarks import Landmarks
from ...animate.face.registration import KeyFrame, register
from ...animate.face.shoulders import BodyKey, follow_body, shoulders
from ..config import Augmentation
from .augment import augment
from .clips import MATTE_STEP, Batch, Clip, Sample, collate
from .drawing import Broken, check_length, draw
from .flow_teacher import maybe, teach_flow
from .index import Clips
from .layers import moved_head


class Sampler:
    """An endless, seeded stream of batches: identities evenly, one clip of each, a reference and T frames.

    Item i of batch n depends only on (seed, n, i) and the files: a resumed run continues where it stopped,
    and the processes of a group, each with its `rank`, draw what one process with the whole batch would. A
    clip that cannot be read is left out: the item draws another.
    """

    in_order = False

    def __init__(
        self,
        clips: Clips,
        batch: int,
        maker: FaceSamples,
        seed: int,
        *,
        rank: int = 0,
        portraits: Clips | None = None,
    ):
        self.batch, self.maker, self.seed, self.rank = batch, maker, seed, rank
        self.clips, self.portraits = clips, portraits
        self.people = clips.people(maker.length)
        self.left_out = Broken()
        if not self.people:
            reason = f"none has more than {maker.length} moving frames"
            raise InputError("the clips", reason, "give longer ones")

    def __call__(self, number: int) -> Batch:
        first = self.rank * self.batch
        seeds = ((self.seed, number, first + i) for i in range(self.batch))
        return collate([draw(self._sample, np.random.default_rng(seed), self.left_out) for seed in seeds])

    def _sample(self, rng: np.random.Generator) -> Sample:
        clips = self.people[rng.integers(len(self.people))]
        weights = np.sqrt(self.clips.counts[clips])
        clip = self.clips[int(clips[rng.choice(len(clips), p=weights / weights.sum())])]
        check_length(clip, self.maker.length)
        return self.maker(clip, rng, self._portrait if self.portraits else None)

    def _portrait(self, rng: np.random.Generator) -> Clip:
        assert self.portraits
        return self.portraits[int(rng.integers(len(self.portraits)))]


@dataclass(frozen=True)
class FaceSamples:
    """Makes a sample of a clip: a reference and `length` frames of side `size`. edges: some are guided by
    edges, too."""

    length: int
    size: int
    extra: Augmentation = field(default_factory=Augmentation)
    edges: bool = True

    def __call__(
        self,
        clip: Clip,
        rng: np.random.Generator,
        portrait: Callable[[np.random.Generator], Clip] | None = None,
    ) -> Sample:
        """A sample of `clip`, or of a `portrait` with its head moved. InputError if it is too short."""
        layered = clip.mattes is not None
        moved = layered and self.length == 1 and rng.random() < self.extra.moved
        if moved and portrait and rng.random() < 0.5:
            clip = portrait(rng)
        order = self.frames(clip, rng)
        images, points = clip.frames[order], clip.points[order]
        matte = clip.mattes[order[0] // MATTE_STEP] if clip.mattes is not None else None
        if moved and matte is not None:
            target, places = moved_head(images[0], matte, points[0], rng)
            images, points = np.stack((images[0], target)), np.stack((points[0], places))
            body = np.stack(2 * [shoulders(points[0])])
        else:
            points = _registered(images, points)
            body = _followed(images, points[0])
        if layered:
            points = np.concatenate((points, body), axis=1)
        images, points, matte = augment(images, points, self.size, rng, self.extra, matte)
        guidance = int(rng.choice(3, p=(0.5, 0.35, 0.15))) if self.edges else 0
        flow, weight, fine = teach_flow(images, points, layered=layered, matte=matte)
        sample = (images, points, guidance, flow, weight, maybe(fine, self.extra.fine, rng))
        if matte is None:
            return sample
        return (*sample, matte, background_plate(images[0], matte.astype(np.float32) / 255))

    def frames(self, clip: Clip, rng: np.random.Generator) -> NDArray[np.intp]:
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


def _registered(images: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """The points (1 + T, 68, 2) as a render has them: the frames' registered to the reference's."""
    first, *others = (Landmarks(places, places[:2], 1.0) for places in points)
    key = KeyFrame.of(images[0], first)
    moved = [register(image, face, key).points for image, face in zip(images[1:], others, strict=True)]
    return np.stack([first.points, *moved])


def _followed(images: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """The shoulders (1 + T, 2, 2) in `images`, the first of which shows the face `points` (68, 2)."""
    key = BodyKey.of(images[0], points)
    places = [key.places]
    for image in images[1:]:
        near = follow_body(image, key, places[-1])
        places.append(follow_body(image, key, near))  # the frames may lie far apart: once more, from nearer
    return np.stack(places)
