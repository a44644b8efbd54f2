"""Content-aware local attention (GFLA section 3.2) over any number of references, and their fusion.

B batch, R references, h w a level's grid.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .layers import SLOPE, conv
from .ops.fused import attend, convolve_source, convolve_target


class LocalAttention(nn.Module):
    """Samples reference features where the flow points, k x k weights predicted from content (Eq. 7-9)."""

    def __init__(self, channels: int, hidden: int, kernel: int):
        super().__init__()
        self.source = conv(channels, hidden, kernel)
        self.source.bias = None  # one bias serves the sum of both halves
        self.target = conv(channels, hidden, kernel)
        self.taps = conv(hidden, kernel * kernel, 1, zero=True)

    def encode_reference(self, features: Tensor) -> Tensor:
        """The reference's half of the kernel net, once per reference; see `ops.fused.convolve_source`."""
        return convolve_source(features, self.source.weight)

    def encode_target(self, target: Tensor) -> Tensor:
        """The target's half of the kernel net, (B, M, h, w), from its features (B, C, h, w)."""
        assert self.target.bias is not None
        return convolve_target(target, self.target.weight, self.target.bias)

    def forward(
        self, hidden: Tensor, features: Tensor, halves: Tensor, flow: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Sample references `features` (B, R, C, h, w) along `flow` (B, R, 2, h, w); `hidden` (B, M, h, w) is
        the target's half, `halves` (B, R, M, ...) the references'. Returns the sampled features (B, R, C, h,
        w) and the weights (B, R, k * k, h, w)."""
        batch, count = features.shape[:2]
        assert self.taps.bias is not None
        sampled, weights = attend(
            features.flatten(0, 1),
            halves.flatten(0, 1),
            hidden.repeat_interleave(count, 0),
            flow.flatten(0, 1),
            self.taps.weight.flatten(1),
            self.taps.bias,
            SLOPE,
        )
        return sampled.unflatten(0, (batch, count)), weights.unflatten(0, (batch, count))


def shares(logits: Tensor, generated: Tensor | None = None) -> Tensor:
    """Softmax over {generated, references} of `logits` (B, R, 1, h, w) and `generated` (B, 1, h, w) or zero.
    Returns the references' shares (B, R, 1, h, w); the generated part has one minus their sum."""
    first = torch.zeros_like(logits[:, :1]) if generated is None else generated[:, None]
    return torch.cat((first, logits), dim=1).float().softmax(dim=1)[:, 1:]


def fuse(generated: Tensor, sampled: Sequence[Tensor], mask: Tensor) -> Tensor:
    """A convex combination of `generated` and the `sampled` features of R references, each (B, C, h, w), by
    the shares `mask` (B, R, 1, h, w); the paper's summed blends (Eq. 10) would double features with two
    references. Quickest where all lie in memory alike."""
    fused = generated
    for share, warped in zip(mask.unbind(1), sampled, strict=True):
        fused = fused + share * (warped - generated)
    return fused
