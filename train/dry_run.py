"""A run before it is run: batch, memory and time of each stage from a few steps, and the time to the end."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from itertools import islice

import torch

from .config import Stage
from .data.samples import StageSamples
from .trainer import Trainer

_WARM, _TIMED = 1, 2  # samples of a stage: the first pays for memory, compiling and the first reads


@dataclass(frozen=True)
class StageCost:
    """What one stage takes.

    batch: samples in a step, over all processes. frames: generated in a step. seconds: of a step. waiting:
    fraction of it for data. memory: bytes at most so far, of the device, or of the process on a CPU.
    """

    name: str
    steps: int
    batch: int
    frames: int
    seconds: float
    waiting: float
    memory: int


def measure(trainer: Trainer, samples: StageSamples) -> list[StageCost]:
    """The cost of each stage of a run that will not be saved; its weights are changed."""
    return [_measure(trainer, samples, stage) for stage in trainer.config.stages]


def table(costs: list[StageCost]) -> str:
    """The costs as lines of text, with the whole time."""
    lines = [
        f"{'stage':10}{'steps':>8}{'batch':>7}{'s/step':>9}{'frames/s':>10}{'waiting':>9}{'memory':>10}{'time':>10}"
    ]
    for cost in costs:
        lines.append(
            f"{cost.name:10}{cost.steps:8d}{cost.batch:7d}"
            f"{cost.seconds:9.3f}{cost.frames / cost.seconds:10.1f}"
            f"{cost.waiting:9.1%}{cost.memory / 2**30:7.2f} GiB{duration(cost.steps * cost.seconds):>9}"
        )
    whole = sum(cost.steps * cost.seconds for cost in costs)
    lines.append(f"the whole run takes about {duration(whole)}; nothing was kept of this trial")
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> duration(42), duration(5400), duration(200000)
    ('42 s', '1 h 30 min', '2 d 7 h')
    """
    minutes = round(seconds / 60)
    if seconds < 120:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _measure(trainer: Trainer, samples: StageSamples, stage: Stage) -> StageCost:
    each = trainer.config.accumulate
    parts = [samples(stage, trainer.rank * each + place).ahead(0, _WARM + _TIMED) for place in range(each)]
    batches = zip(*parts, strict=True)
    for batch in islice(batches, _WARM):
        _steps(trainer, stage, batch)
    steps, waited, begin = 0, 0.0, time.perf_counter()
    for _ in range(_TIMED):
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        steps += _steps(trainer, stage, batch)
    spent = time.perf_counter() - begin
    for part in parts:
        getattr(part, "close", lambda: None)()
    batch = stage.batch * trainer.world * each
    frames = 0 if stage.flow_only else batch * stage.chunk
    return StageCost(
        stage.name,
        stage.steps,
        batch,
        frames or batch,
        spent / steps,
        waited / spent,
        _memory(trainer.device),
    )


def _steps(trainer: Trainer, stage: Stage, batches: tuple) -> int:
    count = sum(1 for _ in trainer.sample_steps(stage, *batches))
    if trainer.device.type == "cuda":
        torch.cuda.synchronize(trainer.device)
    return count


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
