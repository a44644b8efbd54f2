"""The ops, documented once: backward warping, content-aware local attention, attention over all places.

Each has a slow form written from the definition (`impl="reference"`) and a fast one (`impl="fused"`, the
default). Tests hold them equal, values and gradients.

Flow, everywhere: (B, 2, h, w), channel 0 = x (columns), 1 = y (rows), in pixels of the map that is sampled,
backward: the output at (x, y) reads the source at (x + fx, y + fy). Beyond the border the border repeats.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from . import fused, reference
from .reference import KernelNet

Impl = Literal["fused", "reference"]


def warp(source: Tensor, flow: Tensor, impl: Impl = "fused") -> Tensor:
    """Backward bilinear warp of `source` (B, C, H, W) by `flow` (B, 2, h, w): (B, C, h, w), source's dtype.

    Sampling positions are computed in float32 or better, whatever the dtype of the source.
    """
    return _implementation(impl).warp(source, flow)


def local_attention(
    source: Tensor,
    target: Tensor,
    flow: Tensor,
    net: KernelNet,
    negative_slope: float = 0.1,
    impl: Impl = "fused",
) -> tuple[Tensor, Tensor]:
    """Content-aware sampling of the source where the flow points (GFLA Eq. 7-9).

    For every target place: take the k x k patch of the source at the flow and the k x k patch of the target,
    predict k * k weights from both with a small net, softmax them, and sum the source patch under them. Two
    choices differ from the original code: the sum is a convex combination (not divided by k * k again), and
    the target's patches, too, repeat the border beyond it.

    Args:
        source: (B, C, H, W) features to sample.
        target: (B, C', h, w) features of the picture being made.
        flow: (B, 2, h, w) pixels of the source's map.
        net: the small net's weights, k odd. negative_slope: of the leaky ReLU between its layers.

    Returns:
        The sampled features (B, C, h, w) and the weights (B, k * k, h, w), taps in row-major order.
    """
    return _implementation(impl).local_attention(source, target, flow, net, negative_slope)


def attention_warp(
    values: Tensor, keys: Tensor, queries: Tensor, alpha: float = 100.0, impl: Impl = "fused"
) -> Tensor:
    """The reference's values averaged under every target place's attention (Ren 2021, Eq. 2 and 3).

    The attention of a place is the softmax, over all places of the reference, of `alpha` times the cosine of
    key and query; in float32 or better.

    Args:
        values, keys: (B, C, H, W) and (B, K, H, W) of the reference. queries: (B, K, h, w) of the target.
            Keys and queries need not have unit length.

    Returns:
        (B, C, h, w), values' dtype.
    """
    return _implementation(impl).attention_warp(values, keys, queries, alpha)


def _implementation(impl: Impl):
    if impl not in ("fused", "reference"):
        raise ValueError(f"impl is 'fused' or 'reference', not {impl!r}")
    return fused if impl == "fused" else reference


__all__ = ["KernelNet", "attention_warp", "local_attention", "warp"]
