"""The ops written from their definitions, slow: the standard that tests hold the fast forms to.

B batch, C channels, H W pixels, k attention kernel size, T = k * k taps.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


def sample_pixels(image: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Read `image` (B, C, H, W) bilinearly at pixel positions `x`, `y` (B, h, w); the border repeats: each of
    the four neighbours is clamped separately. Returns (B, C, h, w)."""
    height, width = image.shape[-2:]
    x0, y0 = x.floor(), y.floor()
    ax, ay = x - x0, y - y0
    batch = torch.arange(image.shape[0], device=image.device)[:, None, None]
    result = torch.zeros((), device=image.device)
    for dy, wy in ((0, 1 - ay), (1, ay)):
        row = (y0 + dy).clamp(0, height - 1).long()
        for dx, wx in ((0, 1 - ax), (1, ax)):
            column = (x0 + dx).clamp(0, width - 1).long()
            value = image[batch, :, row, column].permute(0, 3, 1, 2)  # (B, C, h, w)
            result = result + value * (wx * wy)[:, None]
    return result


def positions(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Pixel positions (x, y), each (B, h, w), that the backward `flow` (B, 2, h, w) points to."""
    height, width = flow.shape[-2:]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, 0]
    y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1]
    return x, y


def warp(source: Tensor, flow: Tensor) -> Tensor:
    x, y = positions(flow)
    return sample_pixels(source, x, y)


def extract_patches(source: Tensor, flow: Tensor, k: int) -> Tensor:
    """The k x k patch of `source` (B, C, H, W) around every place `flow` points to: (B, C, T, h, w), taps
    in row-major order, each tap sampled bilinearly (GFLA section 3.2)."""
    x, y = positions(flow)
    r = k // 2
    taps = [sample_pixels(source, x + j - r, y + i - r) for i in range(k) for j in range(k)]
    return torch.stack(taps, dim=2)


class KernelNet(NamedTuple):
    """The weights of the net that predicts local attention.

    Attributes:
        source_weight, target_weight, bias: its first layer over the concatenated patches, in two halves:
            (M, C, k, k), (M, C', k, k) and (M,).
        tap_weight, tap_bias: its second layer, (k * k, M) and (k * k,).
    """

    source_weight: Tensor
    target_weight: Tensor
    bias: Tensor
    tap_weight: Tensor
    tap_bias: Tensor


def local_attention(
    source: Tensor, target: Tensor, flow: Tensor, net: KernelNet, negative_slope: float = 0.1
) -> tuple[Tensor, Tensor]:
    k = net.source_weight.shape[-1]
    zero = torch.zeros_like(flow)
    source_patch = extract_patches(source, flow, k)  # (B, C, T, h, w)
    target_patch = extract_patches(target, zero, k)
    hidden = torch.einsum("mct,bcthw->bmhw", net.source_weight.flatten(2), source_patch)
    hidden = hidden + torch.einsum("mct,bcthw->bmhw", net.target_weight.flatten(2), target_patch)
    hidden = F.leaky_relu(hidden + net.bias[:, None, None], negative_slope)
    logits = torch.einsum("tm,bmhw->bthw", net.tap_weight, hidden) + net.tap_bias[:, None, None]
    weights = logits.softmax(dim=1)  # (B, T, h, w)
    return (source_patch * weights[:, None]).sum(dim=2), weights


def correlation(keys: Tensor, queries: Tensor, alpha: float) -> Tensor:
    """The matrix C of Ren 2021, Eq. 2, over cosines: keys (B, K, H, W) of the reference, queries (B, K, h, w)
    of the target; (B, H W, h w), each column a softmax over the reference's places."""
    keys, queries = (F.normalize(x.flatten(2), dim=1, eps=1e-8) for x in (keys, queries))
    return (alpha * keys.mT @ queries).softmax(dim=1)


def attention_warp(values: Tensor, keys: Tensor, queries: Tensor, alpha: float) -> Tensor:
    warped = values.flatten(2) @ correlation(keys, queries, alpha)
    return warped.unflatten(2, queries.shape[-2:])
