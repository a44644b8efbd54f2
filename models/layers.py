"""Blocks of the networks, and the two encoders they share.

Blocks that pass colour on do not normalise, as that would lose the absolute colour; the flow's inner blocks
may. Convolutions start with He's gain for the leaky slope; each residual branch ends in a zero convolution,
so that a block starts as the identity and depth costs nothing at the first step.

B batch, S structure channels, H W the picture.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import GeneratorConfig

Net = TypeVar("Net", bound=nn.Module)
SLOPE = 0.1


def activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE)


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, zero: bool = False) -> nn.Conv2d:
    """A convolution with 'same' zero padding (halving when `stride` is 2); `zero` starts it at zero."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)
    if zero:
        nn.init.zeros_(layer.weight)
    else:
        nn.init.kaiming_normal_(layer.weight, a=SLOPE)
    nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
    return layer


class Residual(nn.Module):
    """x + conv(act(conv(act(x)))), channels and size kept."""

    def __init__(self, channels: int, norm: bool = False):
        super().__init__()
        self.norm = nn.GroupNorm(8, channels) if norm else nn.Identity()
        self.first = conv(channels, channels)
        self.second = conv(channels, channels, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(activate(self.first(activate(self.norm(x)))))


def residuals(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Residual(channels) for _ in range(count)))


class Down(nn.Module):
    """Activate, halve the size, change the channels."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = conv(inputs, outputs, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(activate(x))


class Up(nn.Module):
    """Activate, change the channels, double the size (bilinear: no checkerboard)."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3):
        super().__init__()
        self.conv = conv(inputs, outputs, kernel)

    def forward(self, x: Tensor) -> Tensor:
        return double(self.conv(activate(x)))


def double(x: Tensor) -> Tensor:
    """Twice the size, bilinearly, pixel centres kept in place (half-pixel convention)."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class StructureEncoder(nn.Module):
    """Structure map (B, S, H/4, W/4) to features at H/4 and H/8."""

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        _, c4, c8 = config.channels
        self.enter = conv(config.structure_channels, c4)
        self.body4 = residuals(c4, 1)
        self.down8 = Down(c4, c8)

    def forward(self, structure: Tensor) -> tuple[Tensor, Tensor]:
        x4 = self.body4(self.enter(structure))
        return x4, self.down8(x4)


class ImageEncoder(nn.Module):
    """Image (B, 3, H, W) to features at H/4 and H/8; nothing normalises, so colour survives."""

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        c2, c4, c8 = config.channels
        self.enter = conv(12, c2)
        self.down4, self.body4 = Down(c2, c4), residuals(c4, 1)
        self.down8, self.body8 = Down(c4, c8), residuals(c8, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x4 = self.body4(self.down4(self.enter(unshuffle(image))))
        return x4, self.body8(self.down8(x4))


def channels_last(net: Net) -> Net:
    """Lay out the weights of `net` channels last, the fast layout for pictures; returns `net`."""
    return net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # not in torch's stubs


def without_combs(painted: Tensor) -> Tensor:
    """`painted` (B, C, H, W) smoothed by 1-2-1 both ways, which removes patterns that alternate from pixel to
    pixel: critics reward them, cameras do not make them."""
    return _squares_of_four(_squares_of_four(F.pad(painted, (1, 1, 1, 1), mode="replicate")))


def _squares_of_four(x: Tensor) -> Tensor:
    """`F.avg_pool2d(x, 2, 1)`, bit for bit, a tenth of its time on a CPU."""
    above, below = x[..., :-1, :], x[..., 1:, :]
    total = above[..., :-1] + above[..., 1:]
    return total.add_(below[..., :-1]).add_(below[..., 1:]).mul_(0.25)


def unshuffle(x: Tensor) -> Tensor:
    """`F.pixel_unshuffle(x, 2)`, (B, C, H, W) to (B, 4 C, H/2, W/2), a third of its time on a CPU."""
    return torch.stack([x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)], dim=2).flatten(1, 2)
