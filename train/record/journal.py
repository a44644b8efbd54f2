"""A run's metrics: metrics.jsonl, the trackers that draw them, and the check that a run has not diverged."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from torch import Tensor

from ...animate.io.atomic import atomic_file
from .tracking import Tracker, open_trackers

LOG_STEPS = 20
PICTURE_STEPS = 200
DIVERGED = 4.0
"""A run has diverged if a window's main error is this many times the median of its stage's windows."""
_MIN_WINDOWS = 3  # windows of a stage before it is judged

Terms = dict[str, float]


class Journal:
    """Means over windows of `LOG_STEPS` steps, written by the first process alone.

    `recent`, the open window, belongs in the checkpoint, so that a resumed run writes what an uninterrupted
    one would. tracking: see `open_trackers`.
    """

    def __init__(self, out: Path, step: int, recent: list[Terms], *, first: bool, tracking: str = ""):
        self.path, self.first = out / "metrics.jsonl", first
        self.recent = recent
        self._errors: dict[str, list[float]] = {}
        self._waited = self._worked = 0.0
        self._samples = 0
        self._file = None
        self._trackers: list[Tracker] = []
        lines = self._lines_until(step)
        for line in map(json.loads, lines):
            self._errors.setdefault(line["stage"], []).append(line[_main(line)])
        if first:
            with atomic_file(self.path) as part:
                part.write_text("".join(line + "\n" for line in lines))
            self._trackers = open_trackers(tracking, out, step)
            self._file = self.path.open("a")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self._file:
            self._file.close()
        for tracker in self._trackers:
            tracker.close()

    def timed(self, batches: Iterable[Any]) -> Iterator[Any]:
        """`batches`, measuring the time spent waiting for them and the time between."""
        begin = time.perf_counter()
        for batch in batches:
            arrived = time.perf_counter()
            self._waited += arrived - begin
            yield batch
            begin = time.perf_counter()
            self._worked += begin - arrived

    def add(self, step: int, stage: str, terms: dict[str, Tensor], samples: int) -> Terms | None:
        """Add one step. At the end of a window, write and return its means; FloatingPointError if the run has
        diverged."""
        self.recent.append({name: float(value) for name, value in terms.items()})
        self._samples += samples
        if step % LOG_STEPS:
            return None
        self.judge(step, stage)
        means = self.means()
        self._errors.setdefault(stage, []).append(means[_main(means)])
        self.recent.clear()
        spent = self._waited + self._worked
        speed = {
            "samples_per_second": round(self._samples / spent, 2) if self._worked else 0.0,
            "loading": round(self._waited / spent, 4) if self._worked else 0.0,
        }
        self._waited = self._worked = 0.0
        self._samples = 0
        if self._file:
            self._file.write(json.dumps({"step": step, "stage": stage, **means, **speed}) + "\n")
            self._file.flush()
        for tracker in self._trackers:
            tracker.log({f"{stage}/{name}": value for name, value in (means | speed).items()}, step)
        return means

    def means(self) -> Terms:
        """The mean of every term over the open window, rounded."""
        names = self.recent[-1] if self.recent else ()
        return {
            name: round(float(np.mean([terms[name] for terms in self.recent if name in terms])), 5)
            for name in names
        }

    def healthy(self, stage: str) -> bool:
        """Whether the open window is in line with those before it; if not, its weights should not be
        saved."""
        means = self.means()
        return not means or not self._bad(stage, means)

    def judge(self, step: int, stage: str) -> None:
        """FloatingPointError if the run, at `step`, is not `healthy`."""
        if not self.healthy(stage):
            raise FloatingPointError(
                f"Training diverged at step {step}: {self.means()}. The last good checkpoint is kept; lower "
                "the stage's rate and --resume."
            )

    def wants_picture(self, step: int) -> bool:
        return bool(self._trackers) and step % PICTURE_STEPS == 0

    def picture(self, step: int, grid: np.ndarray) -> None:
        """Show `grid` (H, W, 3) uint8 RGB beside the curves."""
        for tracker in self._trackers:
            tracker.picture(grid, step)

    def _bad(self, stage: str, means: Terms) -> bool:
        if not all(math.isfinite(value) for value in means.values()):
            return True
        errors = self._errors.get(stage, [])
        return len(errors) >= _MIN_WINDOWS and means[_main(means)] > DIVERGED * float(np.median(errors))

    def _lines_until(self, step: int) -> list[str]:
        """The file's lines up to `step`, the last checkpoint: without what a killed run wrote after it, and
        without a truncated line."""
        lines = []
        for line in self.path.read_text().splitlines() if self.path.is_file() else ():
            try:
                values = json.loads(line)
                if values["step"] <= step and {"stage", _main(values)} <= values.keys():
                    lines.append(line)
            except (ValueError, KeyError, TypeError):
                continue
        return lines


def _main(means: Terms) -> str:
    """The term that a stage is judged by: L1 of the pictures, or the distance of the flow."""
    return "l1" if "l1" in means else "flow"
