"""The ops, fast, in plain torch for any device; on CUDA Triton kernels (`triton_*`) do the same in one pass.

- The kernel net's first convolution commutes with bilinear sampling, so it runs once over the source and its
  output is sampled where the flow points ("convolve, then sample").
- The weighted sum over k * k bilinear taps is folded into (k + 1)^2 integer taps and done by one
  gather-and-add (`embedding_bag`): no tensor of k * k feature maps is ever made.
- Attention over all places is torch's fused attention, block by block, without the full matrix.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .reference import KernelNet, positions
from .trial import has_triton, kernel_fault


def warp(source: Tensor, flow: Tensor) -> Tensor:
    if _has_kernels(source):
        from . import triton_warp

        return triton_warp.warp(source, flow)
    x, y = positions(_at_least_float32(flow))
    return _sample(source, x, y).to(source.dtype)


def convolve_source(source: Tensor, weight: Tensor) -> Tensor:
    """The source's half of the kernel net: (B, M, H + 2R, W + 2R) with R = k // 2 + 1, padded so that
    sampling it with a border clamp equals convolving border-clamped patches."""
    k = weight.shape[-1]
    margin = k // 2 + k // 2 + 1
    return F.conv2d(F.pad(source, (margin,) * 4, mode="replicate"), weight)


def convolve_target(target: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    r = weight.shape[-1] // 2
    return F.conv2d(F.pad(target, (r,) * 4, mode="replicate"), weight, bias)


def attend(
    source: Tensor,
    source_hidden: Tensor,
    target_hidden: Tensor,
    flow: Tensor,
    tap_weight: Tensor,
    tap_bias: Tensor,
    negative_slope: float = 0.1,
) -> tuple[Tensor, Tensor]:
    """Local attention from the two convolved halves; see `local_attention` in this package."""
    if _has_kernels(source):
        from .triton_attention import attend as op

        return op(source, source_hidden, target_hidden, flow, tap_weight, tap_bias, negative_slope)
    k = round(tap_weight.shape[0] ** 0.5)
    margin = k // 2 + 1
    x, y = positions(_at_least_float32(flow))
    hidden = _sample(source_hidden, x + margin, y + margin).to(target_hidden.dtype)
    hidden = F.leaky_relu(hidden + target_hidden, negative_slope)
    with torch.autocast(source.device.type, enabled=False):
        dtype = _at_least_float32(hidden).dtype
        logits = torch.baddbmm(
            tap_bias.to(dtype)[:, None],
            tap_weight.to(dtype).expand(len(hidden), -1, -1),
            hidden.to(dtype).flatten(2),
        )
        weights = logits.softmax(dim=1).unflatten(2, flow.shape[-2:])
        return _gather(source, x, y, weights, k), weights


def local_attention(
    source: Tensor, target: Tensor, flow: Tensor, net: KernelNet, negative_slope: float = 0.1
) -> tuple[Tensor, Tensor]:
    source_hidden = convolve_source(source, net.source_weight)
    target_hidden = convolve_target(target, net.target_weight, net.bias)
    return attend(source, source_hidden, target_hidden, flow, net.tap_weight, net.tap_bias, negative_slope)


def attention_warp(values: Tensor, keys: Tensor, queries: Tensor, alpha: float) -> Tensor:
    channels, depth = values.shape[1], keys.shape[1]
    rows = [
        F.normalize(_at_least_float32(keys), dim=1, eps=1e-8),
        F.normalize(_at_least_float32(queries), dim=1, eps=1e-8),
        _at_least_float32(values),
    ]
    rows = [x.flatten(2).mT[:, None] for x in rows]  # (B, 1, places, channels): one head
    # Fused kernels need one depth for all three; padding with zeros changes no cosine.
    k, q, v = (F.pad(x, (0, max(channels, depth) - x.shape[-1])).contiguous() for x in rows)
    with torch.autocast(values.device.type, enabled=False):
        warped = F.scaled_dot_product_attention(q, k, v, scale=alpha)[:, 0, :, :channels]
    return warped.mT.unflatten(2, queries.shape[-2:]).to(values.dtype)


def _has_kernels(source: Tensor) -> bool:
    """Whether the Triton kernels can take `source`, and are right on its GPU."""
    return (
        source.is_cuda
        and source.dtype != torch.float64
        and has_triton()
        and kernel_fault(source.device) is None
    )


def _at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _sample(image: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """`reference.sample_pixels` through grid_sample; the coordinates stay in float32 (float64 for float64
    images), since half precision cannot hold sub-pixel positions."""
    dtype = torch.promote_types(image.dtype, torch.float32)
    height, width = image.shape[-2:]
    grid = torch.stack(
        (2 * x.to(dtype) / max(width - 1, 1) - 1, 2 * y.to(dtype) / max(height - 1, 1) - 1), dim=-1
    )
    with torch.autocast(image.device.type, enabled=False):
        return F.grid_sample(image.to(dtype), grid, "bilinear", "border", align_corners=True)


def _gather(source: Tensor, x: Tensor, y: Tensor, weights: Tensor, k: int) -> Tensor:
    """Sum of the k x k bilinear taps around (x, y) under `weights` (B, T, h, w): (B, C, h, w)."""
    batch, channels, height, width = source.shape
    h, w = x.shape[-2:]
    dtype = torch.promote_types(source.dtype, torch.float32)
    x0, y0 = x.floor(), y.floor()
    ax, ay = (x - x0).to(dtype), (y - y0).to(dtype)
    tapped = weights.to(dtype).unflatten(1, (k, k))  # (B, rows, columns, h, w)
    kernel = tapped.new_zeros(batch, k + 1, k + 1, h, w)
    for dy, wy in ((0, 1 - ay), (1, ay)):
        for dx, wx in ((0, 1 - ax), (1, ax)):
            kernel[:, dy : dy + k, dx : dx + k].addcmul_(tapped, (wy * wx)[:, None, None])
    # The taps' axis comes first here: sums over rows of k + 1 numbers would not be vectorised.
    taps = (torch.arange(k + 1, device=source.device, dtype=torch.int32) - k // 2).view(-1, 1, 1, 1)
    picture = torch.arange(batch, device=source.device, dtype=torch.int32)[:, None, None] * height
    column = (x0.int() + taps).clamp(0, width - 1)  # (k + 1, B, h, w)
    row = ((y0.int() + taps).clamp(0, height - 1) + picture) * width
    index = (row[:, None] + column).permute(2, 3, 4, 0, 1).reshape(-1, (k + 1) ** 2)
    table = source.to(dtype).permute(0, 2, 3, 1).reshape(-1, channels)
    scores = kernel.flatten(1, 2).permute(0, 2, 3, 1).reshape(-1, (k + 1) ** 2)
    out = F.embedding_bag(index, table, per_sample_weights=scores, mode="sum")
    return out.view(batch, h, w, channels).permute(0, 3, 1, 2).to(source.dtype)
