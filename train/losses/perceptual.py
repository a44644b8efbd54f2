"""Frozen ImageNet networks: SqueezeNet for the perceptual loss and for evaluation, or VGG-19, the papers'
own, for training."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from ...animate.errors import InputError
from ...models.layers import channels_last

TAPS = (1, 4, 7, 10, 12)
VGG_TAPS = (1, 6, 11, 20, 29)
VGG_STYLE_TAPS = (8, 17, 26, 31)
VGG_FILE = "vgg19-dcbb9e9d.pth"
_FIRES = {3: 96, 4: 128, 5: 128, 7: 256, 8: 256, 9: 384, 10: 384, 12: 512}
_SQUEEZE = {3: 16, 4: 16, 5: 32, 7: 32, 8: 48, 9: 48, 10: 64, 12: 64}
_EXPAND = {3: 64, 4: 64, 5: 128, 7: 128, 8: 192, 9: 192, 10: 256, 12: 256}


class Grid(NamedTuple):
    """Features (B, C, h, w) and their position: cell k is centred at pixel `first` + `stride` k."""

    features: Tensor
    stride: int
    first: float


class PerceptualFeatures(nn.Module):
    """SqueezeNet 1.0 up to its last fire module, frozen; `path`: safetensors in torchvision's names."""

    def __init__(self, path: Path):
        super().__init__()
        layers: list[nn.Module] = [
            _Enter(3, 96, 7, 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, ceil_mode=True),
        ]
        for index in range(3, 13):
            layers.append(_Fire(index) if index in _FIRES else nn.MaxPool2d(3, 2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        _load(self, path, "SqueezeNet 1.0")

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features at the five taps of `images` (B, 3, H, W) in [-1, 1]."""
        return list(_taps(self.features, images, TAPS).values())

    def content_and_style(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The taps of the perceptual and of the style loss, which are the same here."""
        taps = self(images)
        return taps, taps

    def grids(self, images: Tensor) -> tuple[Grid, Grid]:
        """Features at strides 8 and 4, for the sampling-correctness loss. The first convolution and the pools
        have no padding, so the grid starts inside the picture."""
        taps = _taps(self.features, images, (4, 7))
        return Grid(taps[7], 8, 9.0), Grid(taps[4], 4, 5.0)


class VggFeatures(nn.Module):
    """VGG-19 up to relu5_2, frozen; `path`: a state dict in torchvision's names, safetensors or .pth."""

    def __init__(self, path: Path):
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for block, (width, count) in enumerate(((64, 2), (128, 2), (256, 4), (512, 4), (512, 2))):
            if block:
                layers.append(nn.MaxPool2d(2))
            for _ in range(count):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(inplace=True)]
                inputs = width
        self.features = nn.Sequential(*layers)
        _load(self, path, "VGG-19")

    def forward(self, images: Tensor) -> list[Tensor]:
        """relu1_1, 2_1, 3_1, 4_1 and 5_1 of `images` (B, 3, H, W) in [-1, 1]."""
        return list(_taps(self.features, images, VGG_TAPS).values())

    def content_and_style(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """`forward`'s taps, and relu2_2, 3_4, 4_4 and 5_2 for the style loss."""
        taps = _taps(self.features, images, (*VGG_TAPS, *VGG_STYLE_TAPS))
        return [taps[i] for i in VGG_TAPS], [taps[i] for i in VGG_STYLE_TAPS]

    def grids(self, images: Tensor) -> tuple[Grid, Grid]:
        """relu4_1 and relu3_1, for the sampling-correctness loss (GFLA section 3.1)."""
        taps = _taps(self.features, images, (11, 20))
        return Grid(taps[20], 8, 3.5), Grid(taps[11], 4, 1.5)


Features = PerceptualFeatures | VggFeatures


def load_features(kind: str, path: Path | None) -> Features:
    """The network "squeezenet" (from `path`) or "vgg19" (from `path`, else torch.hub's cache). InputError if
    the weights are missing or another network's."""
    if kind not in ("squeezenet", "vgg19"):
        raise InputError(f"perceptual network {kind!r}", "unknown", "choose squeezenet or vgg19")
    if kind == "vgg19":
        return VggFeatures(path or Path(torch.hub.get_dir()) / "checkpoints" / VGG_FILE)
    if path is None:
        raise InputError("--perceptual", "SqueezeNet's weights have no default path", "name the file")
    return PerceptualFeatures(path)


def features_in(path: Path) -> str:
    """The network for `load_features` whose weights a file holds: "vgg19", else "squeezenet". InputError if
    it cannot be read."""
    return "vgg19" if "features.16.weight" in _read(path, "SqueezeNet 1.0") else "squeezenet"


def _load(net: nn.Module, path: Path, name: str) -> None:
    """Load the weights `features.*` of `net` from the file and freeze it; further layers in it are
    ignored."""
    tensors = _read(path, name)
    try:
        net.load_state_dict({key: tensors[key] for key in net.state_dict()})
    except (RuntimeError, KeyError) as error:
        raise InputError(path, f"no {name} in torchvision's names ({error})") from None
    channels_last(net.eval().requires_grad_(False))


def _read(path: Path, name: str) -> dict[str, Tensor]:
    """The tensors of a file, safetensors or .pth; name: of the expected network, for errors."""
    if not path.is_file():
        raise InputError(path, "no such perceptual weights", f"give --perceptual a {name}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except (SafetensorError, RuntimeError, TypeError, ValueError, EOFError, UnpicklingError) as error:
        raise InputError(path, f"no {name} in torchvision's names ({error})") from None


def _taps(layers: nn.Sequential, images: Tensor, wanted: tuple[int, ...]) -> dict[int, Tensor]:
    """Outputs of the layers `wanted`, in order, for `images` (B, 3, H, W) in [-1, 1]."""
    mean = images.new_tensor((0.485, 0.456, 0.406))[:, None, None]
    std = images.new_tensor((0.229, 0.224, 0.225))[:, None, None]
    x = ((images + 1) / 2 - mean) / std
    x = x.contiguous(memory_format=torch.channels_last)
    taps = {}
    for index, layer in enumerate(list(layers)[: max(wanted) + 1]):
        x = layer(x)
        if index in wanted:
            taps[index] = x
    return taps


class _Enter(nn.Conv2d):
    """A convolution of stride 2 without padding, computed on blocks of 2 x 2 pixels as one with four times
    the channels: three channels do not fill a vector, and their gradient takes more than twice as long."""

    def forward(self, input: Tensor) -> Tensor:
        height, width = input.shape[-2:]
        x = F.pixel_unshuffle(F.pad(input, (0, width % 2, 0, height % 2)), 2)
        rows, columns = self.kernel_size
        weight = F.pixel_unshuffle(F.pad(self.weight, (0, columns % 2, 0, rows % 2)), 2)
        x, weight = (each.contiguous(memory_format=torch.channels_last) for each in (x, weight))
        return F.conv2d(x, weight, self.bias)


class _Fire(nn.Module):
    def __init__(self, index: int):
        super().__init__()
        squeeze, expand = _SQUEEZE[index], _EXPAND[index]
        self.squeeze = nn.Conv2d(_FIRES[index], squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.squeeze(x))
        return F.relu_(torch.cat((self.expand1x1(x), self.expand3x3(x)), dim=1))


def perceptual_distance(features: list[Tensor], truth: list[Tensor]) -> Tensor:
    """Perceptual loss (GFLA Eq. 13): the mean over taps of mean|f - g| / mean|g| per picture, (B,). `truth`
    gets no gradient; it comes from a ReLU, so it is not negative."""
    terms = [
        _MeanDistance.apply(f, g) / g.mean(dim=(1, 2, 3), dtype=torch.float32)
        for f, g in zip(features, truth, strict=True)
    ]
    return torch.stack(terms).mean(dim=0)


class _MeanDistance(torch.autograd.Function):
    """mean|f - g| per picture, in float32. Torch's own gradient of a mean is channels first, a layout that
    would spread back through the whole network."""

    @staticmethod
    def forward(ctx: Any, f: Tensor, g: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        error = f - g
        distance = error.abs().mean(dim=(1, 2, 3), dtype=torch.float32)
        if f.requires_grad:
            ctx.save_for_backward(error.sign_())
        return distance

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (sign,) = ctx.saved_tensors
        return sign * (grad / sign[0].numel()).to(sign.dtype)[:, None, None, None], None
