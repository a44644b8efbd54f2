"""The samples of a training run: clips of faces, or pairs of persons or views, behind one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from ...animate.errors import InputError
from ...models import GeneratorConfig, MatteConfig
from ..config import CONFIGS, Stage, TrainConfig
from .clips import Batch, load_clips, load_stills
from .closeups import CloseupSampler
from .faces import Sampler
from .mattes import MatteBatch, MatteSampler, load_portraits
from .pairs.sampling import PairSampler, open_pairs


class Samples(Protocol):
    """An endless, seeded stream of batches."""

    def ahead(self, first: int, last: int) -> Iterator[Batch] | Iterator[MatteBatch]:
        """Batches `first` to `last - 1`, made ahead of their use."""
        ...


StageSamples = Callable[[Stage, int], Samples]
"""The samples of a stage, for the process of this rank."""


def open_samples(
    model: GeneratorConfig | MatteConfig, config: TrainConfig, data: Path | None, cache: Path
) -> StageSamples:
    """The samples of a run. data: the dataset, None for puppets. cache: folder of decoded clips. InputError
    if the data cannot be used."""
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
    clips = load_clips(data, "train", cache, mattes=model.layered)
    if model.task == "closeup":
        return lambda stage, rank: CloseupSampler(
            clips, stage.batch, stage.length, model.size, config.seed, rank=rank
        )
    edges = find_spec("kornia") is not None  # image edges need it; without it landmarks are the only guidance
    portraits = load_stills(data, "train", cache) if model.layered and config.augmentation.moved else []
    return lambda stage, rank: Sampler(
        clips,
        stage.batch,
        stage.length,
        model.size,
        config.seed,
        rank=rank,
        extra=config.augmentation,
        edges=edges,
        portraits=portraits,
    )
