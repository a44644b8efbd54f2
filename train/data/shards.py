"""Clips from a row of tar files, read from begin to end: for disks and stores that do not like to seek.

The layout is WebDataset's: the files of a clip follow one another and have its name, NAME.mp4 and NAME.npz.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np
from torch.utils.data import get_worker_info

from ...animate.errors import InputError
from .clips import Batch, Clip, Sample, clip_of, collate
from .drawing import Broken, check_length, draw
from .faces import FaceSamples
from .reading.cache import Cache

SHUFFLED = 128
"""Clips in memory from which a lane draws the next one."""
_CACHE = 256 << 20  # bytes at most: a clip is not seen again for a long time


class ShardSampler:
    """An endless, seeded stream of batches from `shards`, as `faces.Sampler`; clips come evenly, not persons.

    Each worker of each process is a lane: it reads every so-many-th shard of an epoch's random order, and
    draws from `SHUFFLED` clips. What a batch holds depends on (seed, number of the batch, numbers of workers
    and processes) and the shards. To go on at a later batch, headers are read from the beginning, and the
    clips then waiting.
    """

    in_order = True

    def __init__(
        self,
        shards: list[Path],
        batch: int,
        maker: FaceSamples,
        seed: int,
        *,
        rank: int = 0,
        world: int = 1,
        mattes: bool = False,
        cache: int = _CACHE,
    ):
        self.shards, self.batch, self.seed, self.maker = shards, batch, seed, maker
        self.rank, self.world, self.mattes = rank, world, mattes
        self.cache = Cache(min(cache, _CACHE))
        self.left_out = Broken()
        self._lane, self._next = -1, 0
        self._stream: _Shuffled | None = None

    def __call__(self, number: int) -> Batch:
        worker = get_worker_info()
        workers = worker.num_workers if worker else 1
        lane, turn = self.rank * workers + number % workers, number // workers
        if self._stream is None or (lane, turn) != (self._lane, self._next):
            order = _Order(self.shards, self.seed, lane, self.world * workers)
            self._stream = _Shuffled(order, (self.seed, lane), self.left_out.add)
            self._stream.skip(turn * self.batch)
        self._lane, self._next = lane, turn + 1
        first = self.rank * self.batch
        return collate([self._item(self._stream, (self.seed, number, first + i)) for i in range(self.batch)])

    def _item(self, stream: _Shuffled, seed: tuple[int, ...]) -> Sample:
        rng, given = np.random.default_rng(seed), [stream.draw()]

        def sample(rng: np.random.Generator) -> Sample:
            entry = (
                given.pop() if given else stream.waiting(rng)
            )  # after a broken one, one more of the waiting
            clip = self._open(entry)
            check_length(clip, self.maker.length)
            return self.maker(clip, rng)

        return draw(sample, rng, self.left_out)

    def _open(self, entry: _Entry) -> Clip:
        name = f"{entry.shard}:{entry.name}"
        return clip_of(*entry.data, f"{name}.mp4", "", self.cache, mattes=self.mattes)


@dataclass(frozen=True)
class _Entry:
    """A clip in a shard: where its video and arrays are (offset, size), and their bytes once they are
    read."""

    shard: Path
    name: str
    places: tuple[tuple[int, int], tuple[int, int]]
    data: tuple[bytes, bytes] = (b"", b"")

    def read(self) -> _Entry:
        if self.data[0]:
            return self
        with self.shard.open("rb") as file:
            return replace(self, data=tuple(_read(file, *place) for place in self.places))


@dataclass(frozen=True)
class _Order:
    """The shards of lane `lane` of `lanes`, epoch after epoch."""

    shards: list[Path]
    seed: int
    lane: int
    lanes: int

    def epoch(self, number: int) -> list[Path]:
        order = np.random.default_rng((self.seed, number)).permutation(len(self.shards))
        return [self.shards[n] for n in order[self.lane :: self.lanes]]


class _Shuffled:
    """The clips of an order, each drawn at random from those that wait."""

    def __init__(self, order: _Order, seed: tuple[int, int], tell: Callable[[InputError], None]):
        self._reads = True
        self._source = self._entries(order, tell)
        self._rng = np.random.default_rng(seed)
        self._waiting: list[_Entry] = []

    def skip(self, draws: int) -> None:
        """Draw so often, reading no more than must be read."""
        self._reads = False
        for _ in range(draws):
            self._draw()
        self._reads = True
        self._waiting = [entry.read() for entry in self._waiting]

    def draw(self) -> _Entry:
        """The next clip."""
        return self._draw().read()

    def waiting(self, rng: np.random.Generator) -> _Entry:
        """One of the clips that are to come."""
        return self._waiting[rng.integers(len(self._waiting))]

    def _draw(self) -> _Entry:
        while len(self._waiting) < SHUFFLED:
            self._waiting.append(next(self._source))
        place = self._rng.integers(len(self._waiting))
        drawn, self._waiting[place] = self._waiting[place], next(self._source)
        return drawn

    def _entries(self, order: _Order, tell: Callable[[InputError], None]) -> Iterator[_Entry]:
        for epoch in count():
            found = False
            for shard in order.epoch(epoch):
                try:
                    for entry in _entries(shard):
                        found = True
                        yield entry.read() if self._reads else entry
                except (OSError, tarfile.TarError) as error:
                    tell(InputError(shard, f"cannot be read as a tar file ({error})", "make it again"))
            if not found:
                reason = "no clips in the shards of a worker: NAME.mp4 and NAME.npz, one after the other"
                raise InputError(order.shards[0].parent, reason, "give more shards, or fewer --workers")


def _entries(shard: Path) -> Iterator[_Entry]:
    """The clips of a shard in order, not read."""
    with tarfile.open(shard, "r:") as tar:
        name, places = "", {}
        for info in tar:
            tar.members = []  # pyright: ignore[reportAttributeAccessIssue]  # or all headers stay in memory
            folder, _, file = info.name.rpartition("/")
            stem, _, ending = file.partition(".")
            if f"{folder}/{stem}" != name:
                name, places = f"{folder}/{stem}", {}
            places[ending] = (info.offset_data, info.size)
            if ending in ("mp4", "npz") and {"mp4", "npz"} <= places.keys():
                yield _Entry(shard, name.lstrip("/"), (places["mp4"], places["npz"]))


def _read(file, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
