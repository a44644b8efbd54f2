"""The training loss of a sample, term by term; terms have the names of their weights in `config.Stage`.

B batch, T frames of a chunk, H W the picture; pictures in [-1, 1]. Stacked frames are frame-major: (T B,
...).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ...models.config import Task
from ...models.frames import Deformed, FrameOutput
from ..config import Stage
from .perceptual import Features, Grid, perceptual_distance
from .terms import (
    affine_regularisation,
    attention_distance,
    detail_weight,
    face_crops,
    find_eyes,
    flow_distance,
    hidden_share,
    painted_share,
    sampling_correctness,
    style_distance,
)


class Target(NamedTuple):
    """What a chunk's outputs should be.

    Attributes:
        task: of the poses.
        source: (B, 3, H, W), the reference.
        truth: (B, T, 3, H, W), the true frames.
        points: (B, T, N, 2), their poses.
        flow, flow_weight: the teacher's, see `clips.Batch`.
    """

    task: Task
    source: Tensor
    truth: Tensor
    points: Tensor
    flow: Tensor
    flow_weight: Tensor


def flow_terms(stage: Stage, moved: Deformed, target: Target, features: Features | None) -> dict[str, Tensor]:
    """The terms of the flow stage, on the chunk's first frame."""
    terms, truth = {}, target.truth[:, 0]
    if moved.flows:
        coarse, fine = moved.flows
        terms["flow"] = flow_distance(fine, coarse, target.flow[:, 0], target.flow_weight[:, 0])
    if moved.flows and stage.correctness and features is not None:
        terms["correctness"] = correctness(moved.flows, target.source, truth, features)
        affine = [affine_regularisation(flow[:, 0], n) for flow, n in zip(moved.flows, (3, 5), strict=True)]
        terms["affine"] = torch.stack(affine).mean()
    if moved.attended and stage.attention:
        terms["attention"] = attention_distance(moved.attended, truth)
    return terms


def picture_terms(
    stage: Stage,
    outputs: list[FrameOutput],
    target: Target,
    features: Features | None,
    rng: torch.Generator,
) -> dict[str, Tensor]:
    """The terms of the T frames of a chunk. rng: draws the crop that the perceptual network sees."""
    points = target.points.transpose(0, 1).flatten(0, 1)
    weight = detail_weight(target.task, points, target.truth.shape[-2:])
    images = torch.cat([output.image for output in outputs])
    real = target.truth.transpose(0, 1).flatten(0, 1)
    part = window(stage, real.shape[-2:], rng)
    flows = [
        flow_distance(o.motions[1].flow, o.motions[0].flow, target.flow[:, t], target.flow_weight[:, t])
        for t, o in enumerate(outputs)
    ]
    affine = [
        affine_regularisation(output.motions[level].flow.flatten(0, 1), n)
        for output in outputs
        for level, n in enumerate((3, 5))
    ]
    in_parts = ((images - real).abs() * weight).sum((1, 2, 3)) / (3 * weight.sum((1, 2, 3))).clamp_min(1)
    terms = {
        "l1": F.l1_loss(images, real),
        "parts": in_parts.mean(),
        **_perceptual_and_style(stage, images[part], real[part], features),
        **_small_losses(stage, outputs, real, features),
        "flow": torch.stack(flows).mean(),
        "affine": torch.stack(affine).mean(),
    }
    if stage.change and len(outputs) > 1:
        made = torch.stack([output.image for output in outputs], dim=1).diff(dim=1)
        terms["change"] = F.l1_loss(made, target.truth.diff(dim=1))
    if stage.carried:
        pairs = zip(outputs, target.truth.unbind(1), strict=True)
        terms["carried"] = torch.stack(
            [painted_share(o.motions[2].mask[:, 0], o.warped, true) for o, true in pairs]
        ).mean()
    if stage.hidden:
        shares = [
            hidden_share(o.motions[1].mask[:, 0], o.motions[2].mask[:, 0], target.flow_weight[:, t])
            for t, o in enumerate(outputs)
        ]
        terms["hidden"] = torch.stack(shares).mean()
    if stage.correctness and features is not None:
        each = [
            correctness((o.motions[0].flow, o.motions[1].flow), target.source, target.truth[:, t], features)
            for t, o in enumerate(outputs)
        ]
        terms["correctness"] = torch.stack(each).mean()
    if outputs[0].attended and stage.attention:
        attended = [torch.cat(level) for level in zip(*(o.attended for o in outputs), strict=True)]
        terms["attention"] = attention_distance(attended, real)
    if stage.face and features is not None:
        terms["face"] = face_distance(images, real, find_eyes(target.task, points), features)
    return terms


def window(stage: Stage, shape: tuple[int, ...], rng: torch.Generator) -> tuple[Any, ...]:
    """A crop anywhere, or near the middle as the stage says, so that the features' own grid is not learnt."""
    slices = []
    for side in shape:
        length = int(side * stage.window)
        room = side - length if not stage.central else side // 12
        first = (side - length - room) // 2 + int(torch.randint(0, room + 1, (), generator=rng))
        slices.append(slice(first, first + length))
    return (..., *slices)


def face_distance(images: Tensor, real: Tensor, eyes: Tensor, features: Features) -> Tensor:
    """Face loss (Ren 2021 Eq. 16): perceptual distance of the faces around `eyes` (B, 2, 2), zero for NaN."""
    with torch.no_grad():
        wanted = features(face_crops(real, eyes))
    known = ~eyes.isnan().flatten(1).any(1)
    return (perceptual_distance(features(face_crops(images, eyes)), wanted) * known).mean()


def correctness(flows: tuple[Tensor, ...], source: Tensor, truth: Tensor, features: Features) -> Tensor:
    """Sampling-correctness loss of the source's flow, summed over H/8 and H/4; flows (B, R, 2, h, w), source
    and truth (B, 3, H, W)."""
    with torch.no_grad():
        here, there = features.grids(source), features.grids(truth)
    return correctness_on(tuple(flow[:, 0] for flow in flows), here, there)


def correctness_on(flows: tuple[Tensor, ...], source: tuple[Grid, ...], truth: tuple[Grid, ...]) -> Tensor:
    """`correctness` of flows (B, 2, h, w) on features computed before."""
    terms = [
        sampling_correctness(here.features, there.features, _flow_on_grid(flow, here))
        for flow, here, there in zip(flows, source, truth, strict=True)
    ]
    return torch.stack(terms).sum()


def _flow_on_grid(flow: Tensor, grid: Grid) -> Tensor:
    """`flow` (B, 2, h, w) of the level with `grid`'s stride, resampled at the centres of `grid`'s cells."""
    height, width = grid.features.shape[-2:]
    offset = (grid.first - (grid.stride - 1) / 2) / grid.stride  # of the grid's first cell, in the level's
    axes = [
        (torch.arange(count, device=flow.device) + offset + 0.5) * 2 / length - 1
        for count, length in ((height, flow.shape[-2]), (width, flow.shape[-1]))
    ]
    y, x = torch.meshgrid(*axes, indexing="ij")
    places = torch.stack((x, y), dim=-1).expand(len(flow), -1, -1, -1)
    return F.grid_sample(flow.float(), places, padding_mode="border", align_corners=False)


def _perceptual_and_style(
    stage: Stage, images: Tensor, truth: Tensor, features: Features | None
) -> dict[str, Tensor]:
    if features is None:
        return {"perceptual": torch.zeros((), device=truth.device)}
    with torch.no_grad():
        wanted, wanted_style = features.content_and_style(truth)
    content, style = features.content_and_style(images)
    terms = {"perceptual": perceptual_distance(content, wanted).mean()}
    if stage.style:
        terms["style"] = style_distance(style, wanted_style)
    return terms


def _small_losses(
    stage: Stage, outputs: list[FrameOutput], real: Tensor, features: Features | None
) -> dict[str, Tensor]:
    """L1 and perceptual distance of the painted picture and of the warped source, if weighted; at half size,
    a quarter of the cost."""
    weighted = [part for part in ("generated", "warped") if getattr(stage, part)]
    if not weighted:
        return {}
    real = F.avg_pool2d(real, 2)
    with torch.no_grad():
        wanted = features(real) if features is not None else []
    losses = {}
    for part in weighted:
        images = F.avg_pool2d(torch.cat([getattr(output, part) for output in outputs]), 2)
        losses[part] = 2 * F.l1_loss(images, real)
        if features is not None:
            losses[part] = losses[part] + perceptual_distance(features(images), wanted).mean()
    return losses
