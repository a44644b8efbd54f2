"""A fixed ImageNet SqueezeNet: perceptual loss in training, perceptual distance in evaluation."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.layers import channels_last

TAPS = (1, 4, 7, 10, 12)
_FIRES = {3: 96, 4: 128, 5: 128, 7: 256, 8: 256, 9: 384, 10: 384, 12: 512}
_SQUEEZE = {3: 16, 4: 16, 5: 32, 7: 32, 8: 48, 9: 48, 10: 64, 12: 64}
_EXPAND = {3: 64, 4: 64, 5: 128, 7: 128, 8: 192, 9: 192, 10: 256, 12: 256}


class PerceptualFeatures(nn.Module):
    """SqueezeNet 1.0 up to its last fire module, frozen; `path`: safetensors in torchvision's names."""

    def __init__(self, path: Path):
        super().__init__()
        if not path.is_file():
            raise ValueError(
                f"There are no perceptual weights at {path}: give --perceptual a SqueezeNet 1.0."
            )
        layers: list[nn.Module] = [
            nn.Conv2d(3, 96, 7, 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, ceil_mode=True),
        ]
        for index in range(3, 13):
            layers.append(_Fire(index) if index in _FIRES else nn.MaxPool2d(3, 2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        tensors = {k: v for k, v in load_file(path).items() if k.startswith("features.")}
        self.load_state_dict(tensors)
        channels_last(self.eval().requires_grad_(False))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features at the five taps of `images` (B, 3, H, W) in [-1, 1]."""
        mean = images.new_tensor((0.485, 0.456, 0.406))[:, None, None]
        std = images.new_tensor((0.229, 0.224, 0.225))[:, None, None]
        x = ((images + 1) / 2 - mean) / std
        x = x.contiguous(memory_format=torch.channels_last)
        taps = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in TAPS:
                taps.append(x)
        return taps


class _Fire(nn.Module):
    def __init__(self, index: int):
        super().__init__()
        squeeze, expand = _SQUEEZE[index], _EXPAND[index]
        self.squeeze = nn.Conv2d(_FIRES[index], squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return F.relu(torch.cat((self.expand1x1(x), self.expand3x3(x)), dim=1))


def perceptual_distance(features: list[Tensor], truth: list[Tensor]) -> Tensor:
    """Mean over taps of mean|f - g| / mean|g| per picture: (B,). Perceptual loss (GFLA Eq. 13)."""
    terms = [
        (f - g).abs().mean(dim=(1, 2, 3), dtype=torch.float32)
        / g.abs().mean(dim=(1, 2, 3), dtype=torch.float32)
        for f, g in zip(features, truth, strict=True)
    ]
    return torch.stack(terms).mean(dim=0)
