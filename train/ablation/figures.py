"""The papers' pictures from an ablation's runs: grids, attention, flows and combination maps.

python -m gfla.train.ablation.figures attention runs -o attention.png
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...animate.cli.options import run_command
from ...animate.errors import InputError
from ...animate.inspection.visualize import (
    Picture,
    as_picture,
    attention_at,
    enlarged,
    flow_colours,
    framed,
    grey,
    longest_flow,
    over,
    resized,
)
from ...animate.io.image import write_image
from ...models import AttentionFlow, Generator
from ...models.ops import warp
from ...models.ops.reference import correlation
from ...models.variants import GlobalAttention
from ..data.pairs.puppets import Pairs, PuppetPairs
from ..losses.pairs import deform, paint
from .papers import Run
from .variants import SETS

SIDE = 128
"""Side in pixels of each picture on a sheet."""
_WRIST = 4


def grid(runs: dict[str, Run], pairs: Pairs) -> Picture:
    """A line per pair: source, target, then the picture of every variant."""
    made = [paint(run.average, pairs).image for run in runs.values()]
    return _sheet([[*pairs.images[:, i], *(m[i] for m in made)] for i in range(_count(pairs))])


def attention(runs: dict[str, Run], pairs: Pairs) -> Picture:
    """GFLA, Figure 6: a place of the target (a hand, or the picture's middle) in a red frame, then where
    Global-Attn, Bi-Sample and Full read it in the source at H/4, blue for low and red for high."""
    lines = []
    for index in range(_count(pairs)):
        one = Pairs(*(part[:, index : index + 1] for part in pairs))
        side = one.images.shape[-1]
        hand = one.points[1, 0, _WRIST]
        point = (side / 2, side / 2) if hand.isnan().any() else (float(hand[0]), float(hand[1]))
        source, target = (as_picture(image[0]) for image in one.images)
        line = [source, framed(target, point, 4)]
        for name in ("Global-Attn", "Bi-Sample", "Full"):
            line.append(over(source, read_from(runs[name].average, one, point)))
        lines.append(line)
    return _sheet(lines)


def read_from(model: torch.nn.Module, pair: Pairs, point: tuple[float, float]) -> np.ndarray:
    """Where the target's `point` (x, y) is read in the source of one pair, at H/4: (H, W) float32."""
    side = pair.images.shape[-1]
    source = (pair.images[0], pair.structures[0], pair.points[0])
    column, row = (min(max(int(at) // 4, 0), side // 4 - 1) for at in point)
    if isinstance(model, Generator):
        output = paint(model, pair)
        return attention_at(output.motions[1].flow[0, 0], output.attention[1][0, 0], point, side)
    if isinstance(model, GlobalAttention):
        keys, queries = model.keys_and_queries(pair.structures[1], model.encode_reference(*source))
        alpha = model.ALPHA
    else:
        assert isinstance(model, AttentionFlow)
        assert model.query_encoder is not None
        keys, queries = (
            model.encode_reference(*source).attention_halves[1],
            model.query_encoder(pair.structures[1])[1],
        )
        alpha = model.config.alpha
    column_of_c = correlation(keys.float(), queries[..., row : row + 1, column : column + 1].float(), alpha)
    return resized(column_of_c.view(side // 4, side // 4), (side, side)).numpy()


def flows(runs: dict[str, Run], pairs: Pairs) -> Picture:
    """GFLA, Figure B.11: source, target, then for Full and for Full without regularisation the flow at H/4 on
    the colour wheel, in the same scale, and the source warped by it."""
    moved = [deform(runs[name].average, pairs) for name in ("Full", "Full, no regularisation")]
    lines = []
    for index in range(_count(pairs)):
        line = [pairs.images[0][index], pairs.images[1][index]]
        fields = [m.flows[1][index, 0].float() for m in moved if m]
        longest = max(map(longest_flow, fields))
        for flow in fields:
            full = 4 * torch.nn.functional.interpolate(flow[None], scale_factor=4, mode="bilinear")
            warped = warp(pairs.images[0][index : index + 1], full)[0]
            line += [flow_colours(full[0], 4 * longest), warped]
        lines.append(line)
    return _sheet(lines)


def combination(runs: dict[str, Run], pairs: Pairs) -> Picture:
    """Ren 2021, Figure 5, at H/4: reference, target, the reference under the attention and under the flow,
    the combination map (white takes the attention), the result."""
    model = runs["Full"].average
    assert isinstance(model, AttentionFlow)
    reference = model.encode_reference(pairs.images[0], pairs.structures[0], pairs.points[0])
    level = model.deformations(pairs.structures[1], pairs.points[1], reference)[1]
    made = paint(model, pairs).image
    return _sheet(
        [
            [
                pairs.images[0][i],
                pairs.images[1][i],
                level.attended[i],
                level.flowed[i],
                grey(level.choice[i, 0]),
                made[i],
            ]
            for i in range(_count(pairs))
        ]
    )


KINDS: dict[str, tuple[str, Callable[[dict[str, Run], Pairs], Picture]]] = {
    "grid-gfla": ("gfla", grid),
    "grid-attention-flow": ("attention-flow", grid),
    "attention": ("gfla", attention),
    "flows": ("gfla", flows),
    "combination": ("attention-flow", combination),
}
"""For every picture its ablation and the function that draws it."""


@torch.inference_mode()
def draw(kind: str, runs: Path, size: int, lines: int) -> Picture:
    """The picture `kind` of the runs with seed 0 in the folder `runs`, on pairs not used in training.
    InputError if a run is missing."""
    name, sheet = KINDS[kind]
    trained = {variant.name: Run(variant, 0, size, runs / name) for variant in SETS[name]}
    missing = [run.file.name for run in trained.values() if not run.step]
    if missing:
        command = f"python -m gfla.train.ablation.papers {name}"
        raise InputError(runs / name, f"no {missing[0]} in it", f"train it: {command}")
    for run in trained.values():
        run.average.eval()
    return sheet(trained, PuppetPairs(runs, 2, (lines + 1) // 2, size)[range(lines)])


def _sheet(lines: list[list[Tensor | Picture]]) -> Picture:
    tiles = [[t if isinstance(t, np.ndarray) else as_picture(t) for t in line] for line in lines]
    return np.vstack([np.hstack([enlarged(tile, SIDE) for tile in line]) for line in tiles])


def _count(pairs: Pairs) -> int:
    return pairs.images.shape[1]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gfla.train.ablation.figures",
        description="Draw a picture of the papers from trained runs.",
    )
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("runs", type=Path, help="the --out of gfla.train.ablation.papers")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the picture, .png")
    parser.add_argument(
        "--size", type=int, default=64, help="side of the runs' pictures (default: %(default)s)"
    )
    parser.add_argument("--lines", type=int, default=6)
    options = parser.parse_args(arguments)

    def work() -> None:
        write_image(draw(options.kind, options.runs, options.size, options.lines), options.out)
        print(options.out)

    return run_command("figures", work)


if __name__ == "__main__":
    sys.exit(main())
