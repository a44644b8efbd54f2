"""The papers' own losses of a picture, term by term, for comparing models under equal conditions.

B batch, H W the picture; pictures in [-1, 1].
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ...models import AttentionFlow, FrameOutput, Generator
from ...models.frames import Deformed
from ..config import Stage
from ..data.pairs.puppets import Pairs
from .objective import correctness_on, face_distance
from .perceptual import Features, Grid, perceptual_distance
from .terms import affine_regularisation, attention_distance, find_eyes, style_distance

TERMS = ("correctness", "affine", "attention", "perceptual", "l1", "style", "face")
"""The losses here, by the names of their weights in `config.Stage`."""


class PairFeatures(NamedTuple):
    """The perceptual network's features of B pairs, computed once for all models that train on them."""

    content: list[Tensor]
    style: list[Tensor]
    source_grids: tuple[Grid, Grid]
    target_grids: tuple[Grid, Grid]


@torch.no_grad()
def pair_features(features: Features, pairs: Pairs) -> PairFeatures:
    source, target = pairs.images
    content, style = features.content_and_style(target)
    return PairFeatures(content, style, features.grids(source), features.grids(target))


def deform(model: Any, pairs: Pairs) -> Deformed | None:
    """The motion of `model` alone, without painting; None for a model without motion."""
    if not isinstance(model, Generator | AttentionFlow):
        return None
    reference = model.encode_reference(pairs.images[0], pairs.structures[0], pairs.points[0])
    return model.deform(pairs.structures[1], pairs.points[1], reference)


def paint(model: Any, pairs: Pairs) -> FrameOutput:
    """The target made from the source by `model`, which has the methods of `Generator`."""
    reference = model.encode_reference(pairs.images[0], pairs.structures[0], pairs.points[0])
    (output,), _ = model.animate(pairs.structures[1][:, None], pairs.points[1][:, None], reference)
    return output


def deformed(model: Any, output: FrameOutput) -> Deformed:
    """The motion behind a finished picture, as by `deform`."""
    still = isinstance(model, AttentionFlow) and not model.config.flow
    return Deformed(() if still else tuple(motion.flow for motion in output.motions[:2]), output.attended)


def deformation_terms(stage: Stage, moved: Deformed, pairs: Pairs, known: PairFeatures) -> dict[str, Tensor]:
    """L_c, L_r (Ren 2020 Eq. 3, 6) and L_attn (Ren 2021 Eq. 10), those that the model has outputs for."""
    terms = {}
    if moved.flows and stage.correctness:
        flows = tuple(flow[:, 0] for flow in moved.flows)
        terms["correctness"] = correctness_on(flows, known.source_grids, known.target_grids)
    if moved.flows and stage.affine:
        each = [affine_regularisation(flow[:, 0], n) for flow, n in zip(moved.flows, (3, 5), strict=True)]
        terms["affine"] = torch.stack(each).sum()
    if moved.attended and stage.attention:
        terms["attention"] = attention_distance(moved.attended, pairs.images[1])
    return terms


def picture_terms(
    stage: Stage, image: Tensor, pairs: Pairs, known: PairFeatures, features: Features
) -> dict[str, Tensor]:
    """L_perc, and L_l1, L_style and L_face if the stage weights them, of `image` (B, 3, H, W)."""
    target = pairs.images[1]
    content, style = features.content_and_style(image)
    terms = {"perceptual": perceptual_distance(content, known.content).mean()}
    if stage.l1:
        terms["l1"] = F.l1_loss(image, target)
    if stage.style:
        terms["style"] = style_distance(style, known.style)
    if stage.face:
        terms["face"] = face_distance(image, target, find_eyes("person", pairs.points[1]), features)
    return terms
