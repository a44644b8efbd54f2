"""An ablation's table: our scores with their spread over seeds, next to the paper's own figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...animate.io.atomic import atomic_file

_PUBLISHED = {"fid": "FID", "lpips": "LPIPS", "ssim": "SSIM"}
_NAMES = {"frechet": "Frechet", "ssim": "SSIM", "l1": "L1", "residual": "residual, thousandths"}


class Result(NamedTuple):
    """The result of one run: a variant with a seed after `steps` steps. scores: a named tuple of numbers."""

    name: str
    seed: int
    steps: int
    parameters: int
    scores: Any


def write_table(path: Path, rows: Sequence[tuple[str, dict[str, str]]], results: Sequence[Result]) -> str:
    """Write the table to `path` and return it, in Markdown: a row for each variant in `rows`, which gives its
    name and the paper's figures. Scores are means over seeds with half their range (one seed: the score)."""
    published = [key for key in _PUBLISHED if any(key in figures for _, figures in rows)]
    columns = results[0].scores._fields
    head = ["", "parameters", "steps", *(_NAMES.get(column, column) for column in columns)]
    lines = [[*head, *(f"paper: {_PUBLISHED[key]}" for key in published)]]
    lines.append(["---"] * len(lines[0]))
    for name, figures in rows:
        own = [result for result in results if result.name == name]
        if own:
            scores = [_spread([getattr(result.scores, column) for result in own]) for column in columns]
            seeds = "1 seed" if len(own) == 1 else f"{len(own)} seeds"
            first = [name, f"{own[0].parameters:,}", f"{own[0].steps:,} x {seeds}"]
            lines.append([*first, *scores, *(figures.get(key, "") for key in published)])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
    with atomic_file(path) as part:
        part.write_text(table)
    return table


def _spread(values: Sequence[float]) -> str:
    """Mean and half the range, with four significant digits of the mean and at most five decimals.

    >>> _spread([0.5, 0.52]), _spread([0.5])
    ('0.5100 ± 0.0100', '0.5000')
    """
    mean, half = float(np.mean(values)), (max(values) - min(values)) / 2
    digits = min(max(0, 3 - int(np.floor(np.log10(max(abs(mean), 1e-9))))), 5)
    return f"{mean:.{digits}f}" + (f" ± {half:.{digits}f}" if len(values) > 1 else "")
