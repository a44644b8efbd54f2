"""Two critics: one looks at pictures, one at the differences between consecutive frames (GFLA section 5.3).

Spectral normalisation everywhere, no other normalisation, patch output (the original's discriminator).
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from .config import DiscriminatorConfig
from .layers import SLOPE, activate


class Discriminator(nn.Module):
    """(B, channels, H, W) in [-1, 1] to a map of scores (B, 1, H / 2^levels, W / 2^levels), unbounded."""

    def __init__(self, config: DiscriminatorConfig):
        super().__init__()
        widths = [min(config.base * 2**level, config.largest) for level in range(config.levels)]
        self.enter = _conv(config.channels, widths[0], 5, 2)
        self.blocks = nn.Sequential(*(_Halve(a, b) for a, b in pairwise(widths)))
        self.score = _conv(widths[-1], 1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.score(activate(self.blocks(self.enter(x))))


def frame_residuals(frames: Tensor) -> Tensor:
    """Differences between consecutive frames, stacked on channels: (B, T, 3, H, W) -> (B, 3 (T - 1), H, W).
    The input of the temporal critic: movement without the picture (GFLA section 5.3)."""
    return (frames[:, :-1] - frames[:, 1:]).flatten(1, 2)


class _Halve(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.first = _conv(inputs, inputs, 3, 1)
        self.second = _conv(inputs, outputs, 4, 2)
        self.skip = _conv(inputs, outputs, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(activate(self.first(activate(x))))
        return y + self.skip(F.avg_pool2d(x, 2))


def _conv(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
    layer = nn.Conv2d(inputs, outputs, kernel, stride, padding=(kernel - 1) // 2)
    nn.init.kaiming_normal_(layer.weight, a=SLOPE)
    nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
    return spectral_norm(layer)
