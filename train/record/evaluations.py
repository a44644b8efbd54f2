"""What gfla-evaluate found of a run while it trains: a line for each checkpoint, and which one was the best.

The figure that decides is measured on people the run does not train on, by what it is not trained with; the
loss decides nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...animate.errors import InputError

HIGHER = {"psnr", "ssim", "identity"}
"""Figures of which more is better; of all but these and `NEAR_ONE` less is."""
NEAR_ONE = {"sharpness", "sharpness of all", "flicker"}
"""Figures that are a ratio to the truth's: 1 is best."""


def cost(figure: str, value: float) -> float:
    """What is less for better values of a figure."""
    if figure in NEAR_ONE:
        return abs(value - 1)
    return -value if figure in HIGHER else value


class Evaluations:
    """The lines of evaluations.jsonl in the run's folder `out`: step, figure, value, and all figures."""

    def __init__(self, out: Path):
        self.path = out / "evaluations.jsonl"

    def lines(self) -> list[dict[str, Any]]:
        """All of them in order, without one that is still being written."""
        found = []
        for text in self.path.read_text().splitlines() if self.path.is_file() else ():
            try:
                found.append(json.loads(text))
            except ValueError:
                continue
        return found

    def add(self, step: int, figure: str, figures: dict[str, float]) -> bool:
        """Add the `figures` of a checkpoint; returns whether it is the best so far by `figure`. InputError if
        that was not measured."""
        if figure not in figures:
            raise InputError(f"--figure {figure}", "it was not measured", f"choose of {', '.join(figures)}")
        line = {"step": step, "figure": figure, "value": figures[figure], "figures": figures}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        return self.since_best() == 0

    def best(self) -> dict[str, Any] | None:
        """The line of the best checkpoint by the newest line's figure, the first of equals."""
        lines = self.lines()
        if not lines:
            return None
        figure = lines[-1]["figure"]
        measured = (line for line in lines if figure in line["figures"])
        return min(measured, key=lambda line: cost(figure, line["figures"][figure]))

    def since_best(self) -> int:
        """How many evaluations came after the best one."""
        lines, best = self.lines(), self.best()
        return len(lines) - 1 - lines.index(best) if best else 0
