"""What a picture of one pair costs under the papers' losses alone, term by term; for comparing models fairly.

B batch, H W the picture; pictures in [-1, 1].
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..animate.devices import fast_precision
from ..models import AttentionFlow, FrameOutput, Generator
from .config import Stage
from .losses import affine_regularisation, attention_distance, face_crops, style_distance
from .objective import correctness_on
from .perceptual import Features, Grid, perceptual_distance

EYES = (14, 15)
"""The eyes among a person's 18 joints."""


class Pairs(NamedTuple):
    """B pairs. images: (2, B, 3, H, W), source then target. structures: (2, B, S, H/4, W/4). points: (2, B, N, 2)
    pixels, x then y, NaN where unknown."""

    images: Tensor
    structures: Tensor
    points: Tensor


class Seen(NamedTuple):
    """What the fixed network sees of B pairs: the same for every model that is trained on them."""

    content: list[Tensor]
    style: list[Tensor]
    faces: list[Tensor]
    source_grids: tuple[Grid, Grid]
    target_grids: tuple[Grid, Grid]


class Deformed(NamedTuple):
    """What a deformation stage has to train: flows (B, 2, h, w) at H/8 and H/4, or none; the resized source
    under the attention (B, 3, h, w) at these levels, or none."""

    flows: tuple[Tensor, ...]
    attended: tuple[Tensor, ...]


@torch.no_grad()
def see(features: Features, pairs: Pairs) -> Seen:
    source, target = pairs.images
    content, style = features.content_and_style(target)
    faces = features(face_crops(target, pairs.points[1][:, EYES]))
    return Seen(content, style, faces, features.grids(source), features.grids(target))


def autocast() -> torch.autocast:
    """Half precision where the processor is fast in it."""
    fast = fast_precision(torch.device("cpu")) == torch.bfloat16
    return torch.autocast("cpu", torch.bfloat16, enabled=fast)


def deform(model: nn.Module, pairs: Pairs) -> Deformed | None:
    """The first stage's part of `model` alone; None for one without such a part."""
    source = (pairs.images[0], pairs.structures[0], pairs.points[0])
    drawn, places = pairs.structures[1], pairs.points[1]
    if isinstance(model, AttentionFlow):
        levels = model.deform(drawn, places, model.encode_reference(*source))
        flows = tuple(level.flow for level in levels) if model.config.flow else ()
        return Deformed(flows, tuple(level.attended for level in levels) if model.config.attention else ())
    if isinstance(model, Generator):
        reference = model.encode_reference(*source)
        motion, _ = model.estimate_motion(model.structure_encoder(drawn)[0], places, (reference,))
        return Deformed((motion.flows[0][:, 0], motion.flows[1][:, 0]), ())
    return None


def paint(model: Any, pairs: Pairs) -> FrameOutput:
    """The target as `model`, which is called as `Generator` is, makes it of the source."""
    reference = model.encode_reference(pairs.images[0], pairs.structures[0], pairs.points[0])
    (output,), _ = model.animate(pairs.structures[1][:, None], pairs.points[1][:, None], reference)
    return output


def deformed(model: nn.Module, output: FrameOutput) -> Deformed:
    """The same of a finished picture."""
    still = isinstance(model, AttentionFlow) and not model.config.flow
    flows = () if still else tuple(motion.flow[:, 0] for motion in output.motions[:2])
    return Deformed(flows, output.attended)


def deformation_terms(stage: Stage, moved: Deformed, pairs: Pairs, seen: Seen) -> dict[str, Tensor]:
    """L_c, L_r (Ren 2020 Eq. 3, 6) and L_attn (Ren 2021 Eq. 10), as far as the model has what they ask for."""
    terms = {}
    if moved.flows and stage.correctness:
        terms["correctness"] = correctness_on(moved.flows, seen.source_grids, seen.target_grids)
    if moved.flows and stage.affine:
        each = [affine_regularisation(flow, n) for flow, n in zip(moved.flows, (3, 5), strict=True)]
        terms["affine"] = torch.stack(each).sum()
    if moved.attended and stage.attention:
        terms["attention"] = attention_distance(moved.attended, pairs.images[1])
    return terms


def picture_terms(
    stage: Stage, image: Tensor, pairs: Pairs, seen: Seen, features: Features
) -> dict[str, Tensor]:
    """L_l1, L_perc, L_style and L_face of `image` (B, 3, H, W), as far as the stage weighs them."""
    target = pairs.images[1]
    content, style = features.content_and_style(image)
    terms = {"perceptual": perceptual_distance(content, seen.content).mean()}
    if stage.l1:
        terms["l1"] = F.l1_loss(image, target)
    if stage.style:
        terms["style"] = style_distance(style, seen.style)
    if stage.face:
        eyes = pairs.points[1][:, EYES]
        faces = features(face_crops(image, eyes))
        known = ~eyes.isnan().flatten(1).any(1)
        terms["face"] = (perceptual_distance(faces, seen.faces) * known).mean()
    return terms
