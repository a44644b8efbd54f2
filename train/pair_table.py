"""An ablation's table: our scores with their spread over seeds, beside the paper's own figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..animate.files import part_file
from .ablations import Variant
from .pair_scores import Scores

_PUBLISHED = {"fid": "FID", "lpips": "LPIPS", "ssim": "SSIM"}


class Result(NamedTuple):
    """One run's: of a variant, with a seed, after so many steps."""

    name: str
    seed: int
    steps: int
    parameters: int
    scores: Scores


def write_table(path: Path, variants: Sequence[Variant], results: Sequence[Result]) -> str:
    """The table in Markdown, written to `path` whole: mean over seeds and, after it, half the distance between
    the least and the largest."""
    published = [key for key in _PUBLISHED if any(key in variant.published for variant in variants)]
    head = [
        "",
        "parameters",
        "Frechet",
        "perceptual",
        "SSIM",
        "L1",
        *(f"paper: {_PUBLISHED[k]}" for k in published),
    ]
    lines = [head, ["---"] * len(head)]
    for variant in variants:
        own = [result for result in results if result.name == variant.name]
        if own:
            columns = [_spread([s[i] for _, _, _, _, s in own]) for i in range(len(Scores._fields))]
            theirs = [variant.published.get(key, "") for key in published]
            lines.append([variant.name, f"{own[0].parameters:,}", *columns, *theirs])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
    part = part_file(path)
    part.write_text(table)
    part.replace(path)
    return table


def _spread(values: Sequence[float]) -> str:
    """
    >>> _spread([0.5, 0.52])
    '0.510 ± 0.010'
    """
    digits = max(0, 3 - int(np.floor(np.log10(max(abs(np.mean(values)), 1e-9))) - 1) - 1) if values else 0
    digits = min(digits, 4)
    half = (max(values) - min(values)) / 2
    return f"{np.mean(values):.{digits}f} ± {half:.{digits}f}"
