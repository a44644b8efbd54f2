"""The samples of a training run: clips of faces, or pairs of persons or views, behind one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import torch.distributed as distributed

from ...animate.errors import InputError
from ...models import GeneratorConfig, MatteConfig
from ..config import CONFIGS, Stage, TrainConfig
from .clips import Batch, find_shards
from .closeups import CloseupSampler
from .faces import FaceSamples, Sampler
from .index import LeftOut, load_clips, load_stills
from .mattes import MatteBatch, MatteSampler, load_portraits
from .pairs.sampling import PairSampler, open_pairs
from .reading.cache import Cache
from .reading.workers import Loading, Source, read_ahead
from .shards import ShardSampler


class Samples(Protocol):
    """An endless, seeded stream of batches."""

    def ahead(self, first: int, last: int) -> Iterator[Batch] | Iterator[MatteBatch]:
        """Batches `first` to `last - 1`, made ahead of their use."""
        ...


_SEEN = 200  # clips of a stream that count as seen when it begins: its first may be a broken one
StageSamples = Callable[[Stage, int], Samples]
"""The samples of a stage, for the process of this rank."""


def open_samples(
    model: GeneratorConfig | MatteConfig, config: TrainConfig, data: Path | None, loading: Loading
) -> StageSamples:
    """The samples of a run. data: the dataset, None for puppets. InputError if the data cannot be used."""
    if isinstance(model, MatteConfig):
        if data is None:
            raise InputError("--data", "mattes are learnt from portraits", "name their folder")
        people = load_portraits(data, "train")
        return lambda stage, rank: MatteSampler(people, stage.batch, model.size, config.seed, rank=rank)
    if model.task not in ("face", "closeup"):
        if data is not None and any(stage.needs_flow for stage in config.stages):
            others = [name for name in CONFIGS if name.startswith(model.task)]
            able = [name for name in others if not any(stage.needs_flow for stage in CONFIGS[name].stages)]
            raise InputError(
                data,
                "this config learns from known flow, which photographs do not have; it is for drawn pairs",
                f"leave --data out, or take --config {' or '.join(able)}",
            )
        pairs = open_pairs(model.task, data, model.shape)
        return lambda stage, rank: PairSampler(pairs, stage.batch, config.seed, rank=rank)
    if data is None:
        raise InputError("--data", "faces are learnt from clips", "name their folder")
    edges = find_spec("kornia") is not None  # image edges need it; without it landmarks are the only guidance
    maker = partial(FaceSamples, size=model.size, extra=config.augmentation, edges=edges)
    if shards := find_shards(data):
        return _open_shards(model, config, data, shards, loading.resolved(), maker)
    loading = loading.resolved()
    cache = Cache(loading.cache_of_one)
    clips, left_out = load_clips(data, "train", cache, mattes=model.layered, warn=loading.warn)
    workers = loading.workers or 0
    if model.task == "closeup":
        return lambda stage, rank: _Ahead(
            CloseupSampler(
                clips,
                stage.batch,
                stage.length,
                model.size,
                config.seed,
                rank=rank,
                extra=config.augmentation,
            ),
            workers,
            left_out.add,
        )
    moved = model.layered and config.augmentation.moved > 0
    portraits = load_stills(data, "train", cache) if moved else None
    return lambda stage, rank: _Ahead(
        Sampler(
            clips,
            stage.batch,
            maker(stage.length),
            config.seed,
            rank=rank,
            portraits=portraits,
        ),
        workers,
        left_out.add,
    )


def _open_shards(
    model: GeneratorConfig,
    config: TrainConfig,
    data: Path,
    shards: list[Path],
    loading: Loading,
    maker: Callable[[int], FaceSamples],
) -> StageSamples:
    """The samples of a run from tar files. maker: of a sample's length."""
    if model.task != "face":
        raise InputError(data, "tar files teach whole faces alone", "give a folder with index.csv")
    world = distributed.get_world_size() if distributed.is_initialized() else 1
    workers = min(loading.workers or 0, len(shards) // world)
    if workers < 1 and len(shards) < world:
        reason = f"{len(shards)} tar files for {world} processes"
        raise InputError(data, reason, "make more and smaller ones, or start fewer processes")
    left_out = LeftOut(data, _SEEN, loading.warn)

    def tell(batch: int, errors: Sequence[InputError]) -> None:
        left_out.total += batch
        left_out.add(errors)

    return lambda stage, rank: _Ahead(
        ShardSampler(
            shards,
            stage.batch,
            maker(stage.length),
            config.seed,
            rank=rank,
            world=world,
            mattes=model.layered,
        ),
        workers,
        lambda errors: tell(stage.batch, errors),
    )


@dataclass(frozen=True)
class _Ahead:
    """Reads a `source` ahead, in `workers` processes, and tells which clips were left out."""

    source: Source
    workers: int
    tell: Callable[[list[InputError]], None]

    def ahead(self, first: int, last: int) -> Iterator[Batch]:
        return read_ahead(self.source, first, last, self.workers, self.tell)
