# pyright: reportMissingImports=false, reportGeneralTypeIssues=false, reportArgumentType=false
# pyright: reportCallIssue=false, reportIndexIssue=false
"""Backward warping as Triton kernels, and the functions that both kernels sample maps with.

Everything is computed in float32, whatever the storage type; maps are read channels last. Gradients of the
sampled map are summed by atomic additions, so their last bits may differ between runs.

Needs the package `triton`, which torch for CUDA brings along; `TRITON_INTERPRET=1` runs it on a CPU.
"""

from __future__ import annotations

import os

import torch
import triton
import triton.language as tl
from torch import Tensor

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"

# A single choice needs no timing, which the interpreter cannot do.
_SIZES = [(16, 4)] if INTERPRETED else [(16, 2), (16, 4), (32, 4), (64, 4), (64, 8)]
CHOICES = [triton.Config({"block": block}, num_warps=warps) for block, warps in _SIZES]


@triton.jit
def place(flow, pixel, inside, w, plane, far_x, far_y):
    """Where the flow points, (x, y), clamped 16 pixels beyond the border, where the border only repeats."""
    x = (pixel % w).to(tl.float32) + tl.load(flow + pixel, mask=inside, other=0.0).to(tl.float32)
    y = (pixel // w).to(tl.float32) + tl.load(flow + plane + pixel, mask=inside, other=0.0).to(tl.float32)
    x = tl.minimum(tl.maximum(x, -16.0), far_x + 16.0)
    y = tl.minimum(tl.maximum(y, -16.0), far_y + 16.0)
    return x, y


@triton.jit
def row_of(row, column, height, width):
    """Index of the pixel at `row`, `column`, clamped to the map."""
    row = tl.minimum(tl.maximum(row, 0), height - 1)
    column = tl.minimum(tl.maximum(column, 0), width - 1)
    return row * width + column


@triton.jit
def read(image, index, inside, channel, count):
    """Rows `index` of an (N, count) map at columns `channel`, in float32: (block, channels)."""
    mask = inside[:, None] & (channel < count)[None, :]
    return tl.load(image + index[:, None] * count + channel[None, :], mask=mask, other=0.0).to(tl.float32)


@triton.jit
def sampled(image, x0, y0, ax, ay, height, width, inside, channel, count):
    """The map read bilinearly at (x0 + ax, y0 + ay): (block, channels)."""
    total = tl.zeros((x0.shape[0], channel.shape[0]), tl.float32)
    for dy in tl.static_range(2):
        for dx in tl.static_range(2):
            share = (ay if dy else 1 - ay) * (ax if dx else 1 - ax)
            at = row_of(y0 + dy, x0 + dx, height, width)
            total += share[:, None] * read(image, at, inside, channel, count)
    return total


@triton.autotune(CHOICES, key=["channels"])
@triton.jit
def _warp_forward(
    source, flow, out, height, width, h, w, channels: tl.constexpr, cb: tl.constexpr, block: tl.constexpr
):
    batch = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    plane = h * w
    inside = pixel < plane
    source += batch * height * width * channels
    out += batch * plane * channels
    x, y = place(flow + batch * 2 * plane, pixel, inside, w, plane, width, height)
    x0, y0 = tl.floor(x).to(tl.int32), tl.floor(y).to(tl.int32)
    ax, ay = x - tl.floor(x), y - tl.floor(y)
    for first in range(0, channels, cb):
        channel = first + tl.arange(0, cb)
        total = sampled(source, x0, y0, ax, ay, height, width, inside, channel, channels)
        mask = inside[:, None] & (channel < channels)[None, :]
        tl.store(out + pixel[:, None] * channels + channel[None, :], total, mask=mask)


@triton.autotune(CHOICES, key=["channels"], reset_to_zero=["d_source"])
@triton.jit
def _warp_backward(
    source, flow, d_out, d_source, d_flow,
    height, width, h, w, channels: tl.constexpr, cb: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    batch = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    plane = h * w
    inside = pixel < plane
    source += batch * height * width * channels
    d_source += batch * height * width * channels
    d_out += batch * plane * channels
    d_flow += batch * 2 * plane
    x, y = place(flow + batch * 2 * plane, pixel, inside, w, plane, width, height)
    x0, y0 = tl.floor(x).to(tl.int32), tl.floor(y).to(tl.int32)
    ax, ay = x - tl.floor(x), y - tl.floor(y)
    dx_total, dy_total = tl.zeros((block,), tl.float32), tl.zeros((block,), tl.float32)
    for first in range(0, channels, cb):
        channel = first + tl.arange(0, cb)
        mask = inside[:, None] & (channel < channels)[None, :]
        gradient = read(d_out, pixel, inside, channel, channels)
        for dy in tl.static_range(2):
            for dx in tl.static_range(2):
                share = (ay if dy else 1 - ay) * (ax if dx else 1 - ax)
                at = row_of(y0 + dy, x0 + dx, height, width)
                seen = tl.sum(gradient * read(source, at, inside, channel, channels), 1)
                dx_total += seen * (ay if dy else 1 - ay) * (1.0 if dx else -1.0)
                dy_total += seen * (ax if dx else 1 - ax) * (1.0 if dy else -1.0)
                to = d_source + at[:, None] * channels + channel[None, :]
                tl.atomic_add(to, share[:, None] * gradient, mask=mask, sem="relaxed")
    tl.store(d_flow + pixel, dx_total, mask=inside)
    tl.store(d_flow + plane + pixel, dy_total, mask=inside)


class _Warp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, source, flow):
        """Maps are (B, H, W, C), contiguous; see `warp`."""
        batch, _, h, w = flow.shape
        out = source.new_empty(batch, h, w, source.shape[-1])
        ctx.shape = (*source.shape[1:3], h, w, source.shape[-1], block_of(source.shape[-1]))
        _warp_forward[grid(batch, h * w)](source, flow, out, *ctx.shape)
        ctx.save_for_backward(source, flow)
        return out

    @staticmethod
    def backward(ctx, *gradients):
        source, flow = ctx.saved_tensors
        d_source, d_flow = torch.zeros_like(source, dtype=torch.float32), torch.empty_like(flow)
        batch, _, h, w = flow.shape
        _warp_backward[grid(batch, h * w)](
            source, flow, gradients[0].contiguous(), d_source, d_flow, *ctx.shape
        )
        return d_source.to(source.dtype), d_flow


def warp(source: Tensor, flow: Tensor) -> Tensor:
    """As `fused.warp`; source: float32, bfloat16 or float16."""
    return _Warp.apply(rows(source), flow.float().contiguous()).permute(0, 3, 1, 2)


def rows(x: Tensor) -> Tensor:
    """(B, C, H, W) as a contiguous (B, H, W, C); no copy if it is channels last."""
    return x.permute(0, 2, 3, 1).contiguous()


def block_of(count: int) -> int:
    """How many channels are processed together: a power of two that the matrix units take, 128 at most."""
    return min(128, max(16, triton.next_power_of_2(count)))


def grid(batch: int, places: int):
    return lambda choice: (triton.cdiv(places, choice["block"]), batch)
