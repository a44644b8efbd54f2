"""Blocks the networks are made of. None normalises on the picture's way, or its absolute colour were lost;
the flow's inner blocks, which carry no colour, may.

Convolutions start with He's gain for the leaky slope; each residual branch ends in a zero convolution, so
that a block starts as the identity and depth costs nothing at the first step.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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


def channels_last(net: Net) -> Net:
    """`net` itself, its convolutions' weights now laid out channels last, the fast layout for pictures."""
    return net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # not in torch's stubs
