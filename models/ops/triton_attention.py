# pyright: reportMissingImports=false, reportGeneralTypeIssues=false, reportArgumentType=false
# pyright: reportCallIssue=false, reportIndexIssue=false
"""Local attention as one Triton kernel forward and one backward: no intermediate map leaves the chip.

A kernel predicts a place's weights, folds the bilinear weights in, and gathers and blends the (k + 1)^2
integer taps. See `triton_warp` for what holds for both kernels.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .triton_warp import CHOICES, block_of, grid, place, read, row_of, rows, sampled


@triton.jit
def _folded(weights, pixel, inside, plane, i, j, ax, ay, k: tl.constexpr):
    """The weight of integer tap (i, j): the sum over the k x k taps that read it, times their bilinear
    weight."""
    total = tl.zeros_like(ax)
    for dy in tl.static_range(2):
        for dx in tl.static_range(2):
            row, column = i - dy, j - dx
            there = inside & (row >= 0) & (row < k) & (column >= 0) & (column < k)
            value = tl.load(weights + (row * k + column) * plane + pixel, mask=there, other=0.0)
            total += value * (ay if dy else 1 - ay) * (ax if dx else 1 - ax)
    return total


@triton.autotune(CHOICES, key=["channels", "hidden_channels", "k"])
@triton.jit
def _attend_forward(
    source, hidden, target, flow, tap_weight, tap_bias, out, weights,
    height, width, h, w, slope,
    channels: tl.constexpr, hidden_channels: tl.constexpr, k: tl.constexpr,
    cb: tl.constexpr, mp: tl.constexpr, tp: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    batch = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    plane = h * w
    inside = pixel < plane
    source += batch * height * width * channels
    out += batch * plane * channels
    weights += batch * k * k * plane
    margin: tl.constexpr = k // 2 + 1
    high, wide = height + 2 * margin, width + 2 * margin
    hidden += batch * high * wide * hidden_channels
    target += batch * plane * hidden_channels
    x, y = place(flow + batch * 2 * plane, pixel, inside, w, plane, width, height)
    x0, y0 = tl.floor(x).to(tl.int32), tl.floor(y).to(tl.int32)
    ax, ay = x - tl.floor(x), y - tl.floor(y)

    m, tap = tl.arange(0, mp), tl.arange(0, tp)
    value = read(target, pixel, inside, m, hidden_channels)
    value += sampled(hidden, x0 + margin, y0 + margin, ax, ay, high, wide, inside, m, hidden_channels)
    value = tl.where(value > 0, value, slope * value)
    taps = (tap < k * k)[:, None] & (m < hidden_channels)[None, :]
    matrix = tl.load(tap_weight + tap[:, None] * hidden_channels + m[None, :], mask=taps, other=0.0)
    logits = tl.dot(value, tl.trans(matrix.to(tl.float32)), input_precision="ieee")
    logits += tl.load(tap_bias + tap, mask=tap < k * k, other=0.0).to(tl.float32)[None, :]
    logits = tl.where((tap < k * k)[None, :], logits, -float("inf"))
    logits = tl.exp(logits - tl.max(logits, 1)[:, None])
    shares = logits / tl.sum(logits, 1)[:, None]
    tl.store(
        weights + tap[None, :] * plane + pixel[:, None], shares, mask=inside[:, None] & (tap < k * k)[None, :]
    )
    tl.debug_barrier()  # the weights are read again below, by other threads of this block

    for first in range(0, channels, cb):
        channel = first + tl.arange(0, cb)
        total = tl.zeros((block, cb), tl.float32)
        for i in range(k + 1):
            for j in range(k + 1):
                share = _folded(weights, pixel, inside, plane, i, j, ax, ay, k)
                at = row_of(y0 + i - k // 2, x0 + j - k // 2, height, width)
                total += share[:, None] * read(source, at, inside, channel, channels)
        mask = inside[:, None] & (channel < channels)[None, :]
        tl.store(out + pixel[:, None] * channels + channel[None, :], total, mask=mask)


@triton.autotune(CHOICES, key=["channels", "hidden_channels", "k"], reset_to_zero=["d_source", "d_hidden"])
@triton.jit
def _attend_backward(
    source, hidden, target, flow, tap_weight, weights, d_out, d_weights,
    d_source, d_hidden, d_target, d_flow, d_logits, activated, products,
    height, width, h, w, slope,
    channels: tl.constexpr, hidden_channels: tl.constexpr, k: tl.constexpr,
    cb: tl.constexpr, mp: tl.constexpr, tp: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    batch = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    plane = h * w
    inside = pixel < plane
    source += batch * height * width * channels
    d_source += batch * height * width * channels
    d_out += batch * plane * channels
    weights += batch * k * k * plane
    d_weights += batch * k * k * plane
    d_logits += batch * k * k * plane
    products += batch * (k + 1) * (k + 1) * plane
    margin: tl.constexpr = k // 2 + 1
    high, wide = height + 2 * margin, width + 2 * margin
    hidden += batch * high * wide * hidden_channels
    d_hidden += batch * high * wide * hidden_channels
    target += batch * plane * hidden_channels
    d_target += batch * plane * hidden_channels
    activated += batch * plane * hidden_channels
    x, y = place(flow + batch * 2 * plane, pixel, inside, w, plane, width, height)
    x0, y0 = tl.floor(x).to(tl.int32), tl.floor(y).to(tl.int32)
    ax, ay = x - tl.floor(x), y - tl.floor(y)

    # Every integer tap's product with the gradient gives all the rest; the source's own is spread here.
    for i in range(k + 1):
        for j in range(k + 1):
            share = _folded(weights, pixel, inside, plane, i, j, ax, ay, k)
            at = row_of(y0 + i - k // 2, x0 + j - k // 2, height, width)
            product = tl.zeros((block,), tl.float32)
            for first in range(0, channels, cb):
                channel = first + tl.arange(0, cb)
                gradient = read(d_out, pixel, inside, channel, channels)
                product += tl.sum(gradient * read(source, at, inside, channel, channels), 1)
                mask = inside[:, None] & (channel < channels)[None, :]
                to = d_source + at[:, None] * channels + channel[None, :]
                tl.atomic_add(to, share[:, None] * gradient, mask=mask, sem="relaxed")
            tl.store(products + (i * (k + 1) + j) * plane + pixel, product, mask=inside)
    tl.debug_barrier()

    tap = tl.arange(0, tp)
    row, column = tap // k, tap % k
    some = inside[:, None] & (tap < k * k)[None, :]
    shares = tl.load(weights + tap[None, :] * plane + pixel[:, None], mask=some, other=0.0)
    d_shares = tl.load(d_weights + tap[None, :] * plane + pixel[:, None], mask=some, other=0.0)
    dx_total, dy_total = tl.zeros((block,), tl.float32), tl.zeros((block,), tl.float32)
    for dy in tl.static_range(2):
        for dx in tl.static_range(2):
            at = (row + dy) * (k + 1) + column + dx
            product = tl.load(products + at[None, :] * plane + pixel[:, None], mask=some, other=0.0)
            d_shares += product * ((ay if dy else 1 - ay) * (ax if dx else 1 - ax))[:, None]
            seen = tl.sum(product * shares, 1)
            dx_total += seen * (ay if dy else 1 - ay) * (1.0 if dx else -1.0)
            dy_total += seen * (ax if dx else 1 - ax) * (1.0 if dy else -1.0)
    logits = shares * (d_shares - tl.sum(shares * d_shares, 1)[:, None])
    tl.store(d_logits + tap[None, :] * plane + pixel[:, None], logits, mask=some)

    m = tl.arange(0, mp)
    value = read(target, pixel, inside, m, hidden_channels)
    value += sampled(hidden, x0 + margin, y0 + margin, ax, ay, high, wide, inside, m, hidden_channels)
    full = inside[:, None] & (m < hidden_channels)[None, :]
    to = pixel[:, None] * hidden_channels + m[None, :]
    tl.store(activated + to, tl.where(value > 0, value, slope * value), mask=full)
    taps = (tap < k * k)[:, None] & (m < hidden_channels)[None, :]
    matrix = tl.load(tap_weight + tap[:, None] * hidden_channels + m[None, :], mask=taps, other=0.0)
    d_value = tl.dot(logits, matrix.to(tl.float32), input_precision="ieee")
    d_value = tl.where(value > 0, d_value, slope * d_value)
    tl.store(d_target + to, d_value, mask=full)
    for dy in tl.static_range(2):
        for dx in tl.static_range(2):
            share = (ay if dy else 1 - ay) * (ax if dx else 1 - ax)
            at = row_of(y0 + dy + margin, x0 + dx + margin, high, wide)
            seen = tl.sum(d_value * read(hidden, at, inside, m, hidden_channels), 1)
            dx_total += seen * (ay if dy else 1 - ay) * (1.0 if dx else -1.0)
            dy_total += seen * (ax if dx else 1 - ax) * (1.0 if dy else -1.0)
            spread = d_hidden + at[:, None] * hidden_channels + m[None, :]
            tl.atomic_add(spread, share[:, None] * d_value, mask=full, sem="relaxed")
    d_flow += batch * 2 * plane
    tl.store(d_flow + pixel, dx_total, mask=inside)
    tl.store(d_flow + plane + pixel, dy_total, mask=inside)


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(ctx, source, hidden, target, flow, tap_weight, tap_bias, slope):
        """Maps are (B, H, W, C), contiguous; see `attend`."""
        batch, h, w, hidden_channels = target.shape
        taps, channels = tap_weight.shape[0], source.shape[-1]
        out = source.new_empty(batch, h, w, channels)
        weights = source.new_empty(batch, taps, h, w, dtype=torch.float32)
        inputs = (source, hidden, target, flow, tap_weight, tap_bias)
        shape = (*source.shape[1:3], h, w, slope, channels, hidden_channels, round(taps**0.5))
        blocks = (block_of(channels), block_of(hidden_channels), block_of(taps))
        _attend_forward[grid(batch, h * w)](*inputs, out, weights, *shape, *blocks)
        ctx.save_for_backward(source, hidden, target, flow, tap_weight, weights)
        ctx.shape, ctx.blocks, ctx.bias = shape, blocks, tap_bias.dtype
        return out, weights

    @staticmethod
    def backward(ctx, *gradients):
        d_out, d_weights = (gradient.contiguous() for gradient in gradients)
        source, hidden, target, flow, tap_weight, weights = ctx.saved_tensors
        batch, taps, h, w = weights.shape
        d_source, d_hidden = (torch.zeros_like(x, dtype=torch.float32) for x in (source, hidden))
        activated = torch.empty_like(target, dtype=torch.float32)
        d_target, d_flow, d_logits = (
            torch.empty_like(activated),
            torch.empty_like(flow),
            torch.empty_like(weights),
        )
        products = weights.new_empty(batch, (round(taps**0.5) + 1) ** 2, h, w)
        _attend_backward[grid(batch, h * w)](
            source, hidden, target, flow, tap_weight, weights, d_out, d_weights,
            d_source, d_hidden, d_target, d_flow, d_logits, activated, products,
            *ctx.shape, *ctx.blocks,
        )  # fmt: skip
        d_tap = torch.einsum("bthw,bhwm->tm", d_logits, activated).to(tap_weight.dtype)
        d_bias = d_logits.sum((0, 2, 3)).to(ctx.bias)
        d_maps = (d_source.to(source.dtype), d_hidden.to(hidden.dtype), d_target.to(target.dtype))
        return *d_maps, d_flow, d_tap, d_bias, None


def attend(
    source: Tensor,
    source_hidden: Tensor,
    target_hidden: Tensor,
    flow: Tensor,
    tap_weight: Tensor,
    tap_bias: Tensor,
    negative_slope: float = 0.1,
) -> tuple[Tensor, Tensor]:
    """As `fused.attend`; source: float32, bfloat16 or float16. The weights are float32."""
    maps = (rows(x) for x in (source, source_hidden, target_hidden))
    rest = (x.contiguous() for x in (flow.float(), tap_weight, tap_bias))
    out, weights = _Attend.apply(*maps, *rest, negative_slope)
    return out.permute(0, 3, 1, 2), weights
