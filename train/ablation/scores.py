"""Scores of an ablation: Frechet distance, perceptual distance, SSIM and L1.

To need no downloads, SqueezeNet's features replace Inception's in the Frechet distance and AlexNet's in
LPIPS, so the figures compare with each other but not with a paper's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...animate.compute.devices import fast_arithmetic
from ...animate.inspection.visualize import as_picture
from ..data.pairs.puppets import Pairs
from ..evaluation import metrics
from ..evaluation.pretrained_metrics import frechet_distance
from ..losses.pairs import paint
from ..losses.perceptual import PerceptualFeatures, perceptual_distance

BATCH = 50
MEANS_OVER = 1000
"""The Frechet distance uses all pairs; the other scores, means, only the first MEANS_OVER."""


class Scores(NamedTuple):
    """Frechet distance of SqueezeNet's last features, averaged over places; means of
    `perceptual.perceptual_distance`, of `metrics.ssim` and of L1 on 0..1."""

    frechet: float
    perceptual: float
    ssim: float
    l1: float


@torch.inference_mode()
def true_features(
    pairs: Callable[[range], Pairs], count: int, features: PerceptualFeatures
) -> NDArray[np.float64]:
    """Features (count, C) of the true targets of pairs 0 to `count` - 1, for the Frechet distance."""
    batches = (pairs(part).images[1] for part in _parts(count))
    return np.concatenate([_pooled(features(batch)) for batch in batches])


@torch.inference_mode()
def score(
    model: nn.Module,
    pairs: Callable[[range], Pairs],
    true: NDArray[np.float64],
    features: PerceptualFeatures,
) -> Scores:
    """Compare the pictures of `model` with the true targets of the pairs whose `true_features` are `true`."""
    made, distances, errors, similarities = [], [], [], []
    for number, (batch, image) in enumerate(pictures(model, pairs, len(true))):
        taps = features(image)
        made.append(_pooled(taps))
        if number * BATCH < MEANS_OVER:
            target = batch.images[1]
            distances.append(perceptual_distance(taps, features(target)))
            errors.append((image - target).abs().mean((1, 2, 3)) / 2)
            similarities += [
                metrics.ssim(as_picture(a), as_picture(b)) for a, b in zip(image, target, strict=True)
            ]
    frechet = frechet_distance(np.concatenate(made), true)
    distance, error = (float(torch.cat(part).mean()) for part in (distances, errors))
    return Scores(frechet, distance, float(np.mean(similarities)), error)


def pictures(model: nn.Module, pairs: Callable[[range], Pairs], count: int) -> Iterator[tuple[Pairs, Tensor]]:
    """Batches of pairs 0 to `count` - 1, and the model's pictures (B, 3, H, W) in [-1, 1]."""
    model.eval()
    for part in _parts(count):
        batch = pairs(part)
        with fast_arithmetic(torch.device("cpu")):
            image = paint(model, batch).image
        yield batch, image.float().clamp(-1, 1)


def _parts(count: int) -> Iterator[range]:
    return (range(begin, min(begin + BATCH, count)) for begin in range(0, count, BATCH))


def _pooled(taps: list[Tensor]) -> NDArray[np.float64]:
    return taps[-1].mean((2, 3)).double().numpy()
