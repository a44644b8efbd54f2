"""Endless pairs of pictures of one person or one thing, for the tasks of GFLA's sections 4 and 5.

They come from a published dataset (`deepfashion_market`, `shapenet`) or, without data, from our puppets.

B batch, H W the picture, N points of a pose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....animate.synthetic.puppets import draw_pair, draw_views, true_flow, view_flow
from ....models.config import Task
from ..clips import Batch, collate
from ..reading.workers import ahead
from .deepfashion_market import PersonList
from .shapenet import ViewFile

Split = Literal["train", "val"]
_PUPPETS: dict[Split, int] = {"train": 0, "val": 1}
"""Seeds of the endless datasets: no person is in both."""


class Pair(NamedTuple):
    """Source and target.

    Attributes:
        images: (2, H, W, 3) uint8 RGB.
        points: (2, N, 2) float32, see `models.GeneratorConfig.task`.
        flow: (2, H/4, W/4) from the target to the source, pixels.
        weight: (1, H/4, W/4), 1 where the flow is known; 0 everywhere for photographs.
    """

    images: NDArray[np.uint8]
    points: NDArray[np.float32]
    flow: NDArray[np.float32]
    weight: NDArray[np.float32]


class Pairs(NamedTuple):
    """The number of pairs, and the function that gives pair `index`."""

    total: int
    pair: Callable[[int], Pair]


class PairSampler:
    """An endless, seeded stream of batches of `pairs` in random order, like `clips.Sampler`."""

    def __init__(self, pairs: Pairs, batch: int, seed: int, *, rank: int = 0):
        self.pairs, self.batch, self.seed, self.rank = pairs, batch, seed, rank

    def __call__(self, number: int) -> Batch:
        first = self.rank * self.batch
        rngs = (np.random.default_rng((self.seed, number, first + i)) for i in range(self.batch))
        pairs = [self.pairs.pair(int(rng.integers(self.pairs.total))) for rng in rngs]
        none = [np.zeros_like(pair.flow[None]) for pair in pairs]
        parts = ((pair.images, pair.points, 0, pair.flow[None], pair.weight[None]) for pair in pairs)
        return collate([(*part, fine) for part, fine in zip(parts, none, strict=True)])

    def ahead(self, first: int, last: int) -> Iterator[Batch]:
        return ahead(self, first, last)


def open_pairs(task: Task, data: Path | None, shape: tuple[int, int], split: Split = "train") -> Pairs:
    """The pairs of `task` in pictures of `shape` (height, width), from the folder `data` in a published
    layout (its test phase is our split val), or from puppets. InputError if the folder cannot be used."""
    if data is None:
        drawn = puppet_person if task == "person" else puppet_view
        return Pairs(2**31, lambda index: drawn(_PUPPETS[split], index, shape))
    phase = "train" if split == "train" else "test"
    listed = PersonList(data, phase, shape) if task == "person" else ViewFile(data, phase, shape)
    cells = (shape[0] // 4, shape[1] // 4)
    unknown = (np.zeros((2, *cells), np.float32), np.zeros((1, *cells), np.float32))
    return Pairs(len(listed), lambda index: Pair(*listed[index], *unknown))


def puppet_person(seed: int, index: int, shape: tuple[int, int]) -> Pair:
    """Pair `index` of the drawn persons of `seed`."""
    source, target = draw_pair(seed, index, shape)
    images, joints = np.stack((source.image, target.image)), np.stack((source.joints, target.joints))
    return Pair(images, joints, *true_flow(target, source))


def puppet_view(seed: int, index: int, shape: tuple[int, int]) -> Pair:
    """Pair `index` of the drawn solids of `seed`."""
    source, target, *views = draw_views(seed, index, shape)
    points = np.array(views, np.float32)[:, None]
    return Pair(np.stack((source.image, target.image)), points, *view_flow(target, source))
