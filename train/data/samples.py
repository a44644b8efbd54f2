"""What a run is trained on: clips of faces, or pairs of persons or views, behind one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from ...models import GeneratorConfig
from ..config import CONFIGS, Stage, TrainConfig
from .clips import Batch, Sampler, load_clips
from .closeups import CloseupSampler
from .pairs import PairSampler, open_pairs


class Samples(Protocol):
    """An endless, seeded stream of batches."""

    def ahead(self, first: int, last: int) -> Iterator[Batch]:
        """Batches `first` to `last - 1`, made while those before are used."""
        ...


StageSamples = Callable[[Stage, int], Samples]
"""The samples of a stage for the process of a rank."""


def open_samples(model: GeneratorConfig, config: TrainConfig, data: Path | None, cache: Path) -> StageSamples:
    """What a run is trained on. data: the dataset, None for puppets. cache: where
    decoded clips are kept. ValueError in a sentence if the data cannot be used."""
    if model.task not in ("face", "closeup"):
        if data is not None and any(stage.needs_flow for stage in config.stages):
            others = [name for name, other in CONFIGS.items() if name.startswith(model.task)]
            able = [name for name in others if not any(stage.needs_flow for stage in CONFIGS[name].stages)]
            raise ValueError(
                f"{data}: of photographs nobody knows the flow, by which this config learns; it is for drawn "
                f"pairs: leave --data out, or take --config {' or '.join(able)}."
            )
        pairs = open_pairs(model.task, data, model.shape)
        return lambda stage, rank: PairSampler(pairs, stage.batch, config.seed, rank=rank)
    if data is None:
        raise ValueError("Faces are learnt from clips: name their folder with --data.")
    clips = load_clips(data, "train", cache)
    if model.task == "closeup":
        return lambda stage, rank: CloseupSampler(
            clips, stage.batch, stage.length, model.size, config.seed, rank=rank
        )
    edges = find_spec("kornia") is not None  # without it landmarks alone guide
    return lambda stage, rank: Sampler(
        clips,
        stage.batch,
        stage.length,
        model.size,
        config.seed,
        rank=rank,
        extra=config.augmentation,
        edges=edges,
    )
