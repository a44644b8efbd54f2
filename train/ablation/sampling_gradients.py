"""Why flows are hard to learn through bilinear sampling, measured (Ren 2020, appendix A), and what helps.

    python -m gfla.train.ablation.sampling_gradients -o sampling_gradients.png

Features are those of the shipped generator's encoder at H/4, of drawn persons; "meaningless" ones come from
the same encoder before training. The target is the source moved by a known distance; at zero flow, the
gradient of the squared difference should point in that direction. Ways of sampling:

- bilinear, Eq. A.16;
- bilinear on features blurred by 5 x 5 cells, as in our sampling-correctness loss;
- local attention of k x k taps, weighted by their similarity to the target.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...animate.cli.options import run_command
from ...animate.synthetic.puppets import draw_pair
from ...models import CONFIGS, Generator, load_generator
from ...models.layers import ImageEncoder
from ...models.ops import warp
from ...models.ops.reference import extract_patches
from ..losses.terms import blur

DISTANCES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""In cells of the feature map."""
WAYS = ("bilinear", "bilinear, blurred", "attention, 3 x 3", "attention, 5 x 5")
_MARGIN = 9  # cells at the border that are not judged: beyond it nothing is known


class Analysis(NamedTuple):
    """The measurements.

    formula: largest differences of autograd from Eq. A.17 and A.18. similarity: cosines of horizontally
    adjacent features (N,), by kind of features. size: the flow's gradient |df/dx| over the feature's length
    (N,), by kind. right: by way of sampling, for each of `DISTANCES`, the fraction of places whose gradient
    points within 90 degrees of the true direction; 0.5 is chance.
    """

    formula: tuple[float, float]
    similarity: dict[str, np.ndarray]
    size: dict[str, np.ndarray]
    right: dict[str, list[float]]


def analyse(pictures: Tensor) -> Analysis:
    """Measure everything on `pictures` (B, 3, H, W) in [-1, 1]."""
    features = _features(pictures)
    trained = features["trained"]
    similarity, size = {}, {}
    for kind, maps in features.items():
        cosine = F.cosine_similarity(maps[..., 1:], maps[..., :-1], dim=1)
        steps = (maps[..., 1:] - maps[..., :-1]).norm(dim=1) / maps[..., 1:].norm(dim=1).clamp_min(1e-6)
        similarity[kind], size[kind] = cosine.flatten().numpy(), steps.flatten().numpy()
    right = {way: [points_right(trained, distance, way) for distance in DISTANCES] for way in WAYS}
    return Analysis(check_formulas(trained[:1]), similarity, size, right)


def check_formulas(features: Tensor) -> tuple[float, float]:
    """Compare autograd through `warp` with Eq. A.17 and A.18 at random places inside: the largest differences
    of df_out/d(dx) and of df_out/df_in, in float64."""
    source = features.double().requires_grad_()
    random = torch.Generator().manual_seed(0)
    flow = 4 * torch.rand(len(source), 2, *source.shape[-2:], generator=random, dtype=torch.float64) - 2
    inside = (slice(None), slice(None), slice(4, -4), slice(4, -4))
    flow.requires_grad_()
    out = warp(source, flow)[inside]
    (by_flow,) = torch.autograd.grad(out.sum(), flow, retain_graph=True)
    base, part = flow.detach().floor(), flow.detach() - flow.detach().floor()
    at = {
        (i, j): warp(source.detach(), base + base.new_tensor((i, j))[:, None, None])[inside]
        for i in (0, 1)
        for j in (0, 1)
    }
    beta = part[:, 1:][inside]
    formula = ((1 - beta) * (at[1, 0] - at[0, 0]) + beta * (at[1, 1] - at[0, 1])).sum(1)
    first = by_flow[:, :1][inside][:, 0] - formula
    y, x = source.shape[-2] // 2, source.shape[-1] // 2
    (by_input,) = torch.autograd.grad(warp(source, flow)[0, 0, y, x], source)
    column, row = (int(at) + int(base[0, axis, y, x]) for axis, at in ((0, x), (1, y)))
    weight = (1 - part[0, 1, y, x]) * (1 - part[0, 0, y, x])
    second = by_input[0, 0, row, column] - weight
    return float(first.abs().max()), float(second.abs())


def points_right(features: Tensor, distance: float, way: str) -> float:
    """The fraction of places whose gradient at zero flow points within 90 degrees of the true direction, for
    targets that are `features` (B, C, h, w) moved by `distance` cells in four directions."""
    votes = []
    for angle in np.arange(4) * np.pi / 2 + 0.3:
        move = torch.tensor([np.cos(angle), np.sin(angle)], dtype=torch.float32)
        shape = (len(features), 2, *features.shape[-2:])
        target = warp(features, (distance * move)[:, None, None].expand(shape))
        # Not exactly zero: at grid points the gradient of bilinear sampling is one-sided.
        flow = torch.full(shape, 0.01).requires_grad_()
        error = (_sample(features, target, flow, way) - target).square().sum()
        (gradient,) = torch.autograd.grad(error, flow)
        towards = -(gradient * move[:, None, None]).sum(1)[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
        votes.append((towards > 0).float().mean() + 0.5 * (towards == 0).float().mean())
    return float(torch.stack(votes).mean())


def _sample(source: Tensor, target: Tensor, flow: Tensor, way: str) -> Tensor:
    if way == "bilinear":
        return warp(source, flow)
    if way == "bilinear, blurred":
        return warp(blur(source), flow)
    patch = extract_patches(source, flow, int(way.split()[-1]))  # (B, C, T, h, w)
    similarity = F.cosine_similarity(patch, target[:, :, None], dim=1)
    return (patch * (20 * similarity).softmax(dim=1)[:, None]).sum(dim=2)


@torch.inference_mode()
def _encoded(encoder: ImageEncoder, pictures: Tensor) -> Tensor:
    return encoder(pictures)[0]


def _features(pictures: Tensor) -> dict[str, Tensor]:
    """(B, C, H/4, W/4) minus their mean, by kind."""
    torch.manual_seed(0)
    trained = load_generator("face-256")
    assert isinstance(trained, Generator)
    encoders = {"trained": trained.image_encoder, "meaningless": Generator(CONFIGS["face-256"]).image_encoder}
    maps = {kind: _encoded(encoder, pictures).clone() for kind, encoder in encoders.items()}
    return {kind: features - features.mean((2, 3), keepdim=True) for kind, features in maps.items()}


def draw_plot(analysis: Analysis, path: Path) -> None:
    """Draw two charts side by side; the suffix of `path` sets the format."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    edges = np.linspace(0, 2, 41)
    for kind, sizes in analysis.size.items():
        left.hist(sizes.clip(0, 2), edges, density=True, alpha=0.55, label=f"{kind} features")
    left.set_xlabel("|df/dx| / |f|: the flow's gradient at a place, over the feature's length")
    left.set_ylabel("density of places")
    left.legend()
    left.set_title("Eq. A.17: a difference of neighbours, small where they are alike", fontsize=10)
    for way, fractions in analysis.right.items():
        right.plot(DISTANCES, fractions, marker="o", label=way)
    right.axhline(0.5, color="grey", linestyle="dotted")
    right.text(DISTANCES[-1], 0.505, "chance", ha="right", va="bottom", color="grey", fontsize=8)
    right.set_xlabel("distance of the true place, cells of the feature map")
    right.set_ylabel("fraction of gradients that point towards it")
    right.legend()
    right.set_title("How far the gradient points the right way", fontsize=10)
    figure.savefig(path, dpi=110)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gfla.train.ablation.sampling_gradients",
        description="Measure the gradients of bilinear sampling (Ren 2020, appendix A) and plot them.",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="the plot, .png or .svg")
    options = parser.parse_args(arguments)

    def work() -> None:
        pairs = [draw_pair(5, index, (256, 256)).source.image for index in range(2)]
        pictures = torch.from_numpy(np.stack(pairs)).permute(0, 3, 1, 2).float() / 127.5 - 1
        analysis = analyse(pictures)
        draw_plot(analysis, options.out)
        print(report(analysis))

    return run_command("sampling_gradients", work)


def report(analysis: Analysis) -> str:
    """The figures as text, Markdown."""
    lines = [
        f"Autograd equals Eq. A.17 to {analysis.formula[0]:.0e} and Eq. A.18 to {analysis.formula[1]:.0e}.",
        *(
            f"Neighbours among {kind} features: cosine {np.median(analysis.similarity[kind]):.2f} in the "
            f"median; the flow's gradient is under a tenth of the feature's length at "
            f"{100 * np.mean(analysis.size[kind] < 0.1):.0f} % of places."
            for kind in analysis.size
        ),
        "",
        f"| way of sampling | {' | '.join(f'{d:g}' for d in DISTANCES)} |",
        f"| --- |{' --- |' * len(DISTANCES)}",
        *(
            f"| {way} | {' | '.join(f'{s:.2f}' for s in fractions)} |"
            for way, fractions in analysis.right.items()
        ),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
