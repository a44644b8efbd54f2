"""A run's record: metrics.jsonl, TensorBoard where it is installed; and when a run has gone wrong."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from torch import Tensor

LOG_STEPS = 20
PICTURE_STEPS = 200
DIVERGED = 4.0
"""A run has diverged where a window's main error is this many times the median of the stage's windows."""
_KNOWN = 3  # windows of a stage before that is judged

Terms = dict[str, float]


class Journal:
    """Means over windows of `LOG_STEPS` steps, written by the first process alone.

    `recent`, the open window, belongs into the checkpoint, so that a resumed run writes what an
    uninterrupted one would.
    """

    def __init__(self, out: Path, step: int, recent: list[Terms], *, first: bool):
        self.path, self.first = out / "metrics.jsonl", first
        self.recent = recent
        self._errors: dict[str, list[float]] = {}
        self._waited = self._worked = 0.0
        self._samples = 0
        self._file = self._board = None
        kept = self._kept(step)
        for line in map(json.loads, kept):
            self._errors.setdefault(line["stage"], []).append(line[_main(line)])
        if first:
            self._write_anew(kept)
            self._file = self.path.open("a")
            self._board = _open_board(out, step)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self._file:
            self._file.close()
        if self._board:
            self._board.close()

    def timed(self, batches: Iterable[Any]) -> Iterator[Any]:
        """`batches`, the time that is waited for them and the time between counted."""
        begin = time.perf_counter()
        for batch in batches:
            arrived = time.perf_counter()
            self._waited += arrived - begin
            yield batch
            begin = time.perf_counter()
            self._worked += begin - arrived

    def add(self, step: int, stage: str, terms: dict[str, Tensor], samples: int) -> Terms | None:
        """Take in one step; at the end of a window its means, written. FloatingPointError in a sentence if
        the run has diverged."""
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
        if self._board:
            for name, value in (means | speed).items():
                self._board.add_scalar(f"{stage}/{name}", value, step)
        return means

    def means(self) -> Terms:
        """Every term's mean over the open window, rounded."""
        names = self.recent[-1] if self.recent else ()
        return {
            name: round(float(np.mean([terms[name] for terms in self.recent if name in terms])), 5)
            for name in names
        }

    def healthy(self, stage: str) -> bool:
        """Whether the open window looks like those before it: else its weights are not to be kept."""
        means = self.means()
        return not means or not self._bad(stage, means)

    def judge(self, step: int, stage: str) -> None:
        """FloatingPointError in a sentence if the run, at `step`, is not `healthy`."""
        if not self.healthy(stage):
            raise FloatingPointError(
                f"Training diverged at step {step}: {self.means()}; the last good checkpoint stays: lower "
                "the rate of the stage and --resume."
            )

    def wants_picture(self, step: int) -> bool:
        return self._board is not None and step % PICTURE_STEPS == 0

    def picture(self, step: int, grid: np.ndarray) -> None:
        """Show `grid` (H, W, 3) uint8 RGB on the board."""
        if self._board:
            self._board.add_image("samples", grid, step, dataformats="HWC")

    def _bad(self, stage: str, means: Terms) -> bool:
        if not all(math.isfinite(value) for value in means.values()):
            return True
        known = self._errors.get(stage, [])
        return len(known) >= _KNOWN and means[_main(means)] > DIVERGED * float(np.median(known))

    def _kept(self, step: int) -> list[str]:
        """The record's lines without what a killed run wrote after its last checkpoint, at `step`, and
        without a line cut off in the middle."""
        kept = []
        for line in self.path.read_text().splitlines() if self.path.is_file() else ():
            try:
                known = json.loads(line)
                if known["step"] <= step and {"stage", _main(known)} <= known.keys():
                    kept.append(line)
            except (ValueError, KeyError, TypeError):
                continue
        return kept

    def _write_anew(self, lines: list[str]) -> None:
        partial = self.path.with_name(".metrics.part.jsonl")
        partial.write_text("".join(line + "\n" for line in lines))
        partial.replace(self.path)


def _main(means: Terms) -> str:
    """The term that tells whether a stage goes well: pictures' L1, or the flow's distance."""
    return "l1" if "l1" in means else "flow"


def _open_board(out: Path, step: int):
    """TensorBoard's writer of this run, or None where it is not installed."""
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard.writer import SummaryWriter

    return SummaryWriter(str(out), purge_step=step + 1)
