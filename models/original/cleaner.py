"""The skeleton cleaner of the released dance networks: joints over time in, cleaner ones out.

A temporal convolution network whose features are normalised under the control of the whole sequence's.

B sequences, T frames, C channels; 34 numbers a frame are 17 joints, x and y of each.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import activate

REACH = 40
"""Frames on either side that a cleaned frame depends on."""

_DILATIONS = (3, 9, 27)


class SkeletonCleaner(nn.Module):
    """`joints` (B, 34, T) to (B, 34, T - 2 REACH), of another skeleton; names as in the released file."""

    def __init__(self, numbers: int = 34, channels: int = 256, hidden: int = 128):
        super().__init__()
        sizes = (numbers, channels, channels)
        for number, size in enumerate(sizes, 1):
            feature = nn.Conv1d(size, channels, 3, stride=2, bias=False)
            self.add_module(f"feature_conv_{number}", feature)
        self.expand_conv = nn.Conv1d(numbers, channels, 3, bias=False)
        self.expand_ln = _Affine(channels)
        convolutions = [
            nn.Conv1d(channels, channels, 3 if wide else 1, dilation=dilation if wide else 1, bias=False)
            for dilation in _DILATIONS
            for wide in (True, False)
        ]
        self.layers_conv = nn.ModuleList(convolutions)
        self.layers_ln = nn.ModuleList(_Controlled(channels, hidden) for _ in convolutions)
        self.shrink = nn.Conv1d(channels, numbers, 1)

    def forward(self, joints: Tensor) -> Tensor:
        code = joints
        for number in (1, 2, 3):
            code = activate(self.get_submodule(f"feature_conv_{number}")(code))
        code = code.mean(dim=2)
        x = activate(self.expand_ln(_normalised(self.expand_conv(joints))))
        for index, dilation in enumerate(_DILATIONS):
            y = x
            for layer in (2 * index, 2 * index + 1):
                y = activate(self.layers_ln[layer](self.layers_conv[layer](y), code))
            x = x[..., dilation:-dilation] + y
        return self.shrink(x)


class _Affine(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight + self.bias


class _Controlled(nn.Module):
    """Normalises (B, C, T); scale and shift of each channel follow from `code` (B, C)."""

    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU())
        self.mlp_gamma, self.mlp_beta = nn.Linear(hidden, channels), nn.Linear(hidden, channels)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        hidden = self.mlp_shared(code)
        return _normalised(x) * (1 + self.mlp_gamma(hidden)[..., None]) + self.mlp_beta(hidden)[..., None]


def _normalised(x: Tensor) -> Tensor:
    """(B, C, T) with mean 0 and deviation 1 over channels and time."""
    return F.group_norm(x, 1)
