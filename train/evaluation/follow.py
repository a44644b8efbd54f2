"""A run is evaluated while it trains: each new checkpoint is measured, the best one's weights are kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ...animate.io.atomic import atomic_file, file_lock
from ...models import save_generator
from ..record.checkpoint import averaged_network
from ..record.evaluations import Evaluations

_LOOK_SECONDS = 5.0  # between two looks for a new checkpoint
_GONE_SECONDS = 60.0  # without a process that trains: a run that lost one comes back sooner

Measure = Callable[[Path], dict[str, float]]
"""The figures of a weights file, by name."""


def follow(run: Path, report: Path, figure: str, measure: Measure, say: Callable[[str], object]) -> None:
    """Measure every new checkpoint of `run`, until its last step or until nobody trains there any more.

    Adds a line for each to `run`/evaluations.jsonl, where the training process reads them, and keeps the
    weights that are best by `figure` as `run`/best.safetensors. The weights being measured lie in `report`.
    Checkpoints that are written during a measurement are left out but for the newest. InputError if there is
    no checkpoint and nobody trains, or `figure` is not measured.
    """
    checkpoint, evaluations = run / "checkpoint.safetensors", Evaluations(run)
    done = {line["step"] for line in evaluations.lines()}
    seen, alive, ended = 0, time.monotonic(), False
    while not ended:
        if _is_training(run):  # before the look: what is written after it is seen the next time
            alive = time.monotonic()
        gone = time.monotonic() - alive > _GONE_SECONDS
        now = checkpoint.stat().st_mtime_ns if checkpoint.is_file() else 0
        if now != seen or gone:
            network, step, last = averaged_network(checkpoint)
            if step not in done:
                done.add(step)
                weights = report / f"step-{step}.safetensors"
                save_generator(weights, network)
                figures = measure(weights)
                better = evaluations.add(step, figure, figures)
                if better:
                    with atomic_file(run / "best.safetensors") as part:
                        part.write_bytes(weights.read_bytes())
                weights.unlink()
                say(f"step {step}: {figure} {figures[figure]:.4f}" + (", the best so far" if better else ""))
            seen, ended = now, gone or step >= last
        else:
            time.sleep(_LOOK_SECONDS)


def _is_training(run: Path) -> bool:
    """Whether a process trains in the folder `run`: it holds its lock."""
    try:
        with file_lock(run / ".lock", wait=False):
            return False
    except BlockingIOError:
        return True
