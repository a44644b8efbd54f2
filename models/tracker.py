"""The built-in face and landmark network: a finder for whole frames, an aligner for upright crops.

Two small nets serve better than one: the finder sees the whole picture once and coarsely, the aligner sees
one face at every frame and finely, and scores whether it is one.

B batch, N landmarks, H W pixels, h w feature grid.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .config import config_from_json
from .layers import channels_last
from .weights import read_weights

WEIGHTS = Path(__file__).parent / "weights" / "tracker.safetensors"


@dataclass(frozen=True, kw_only=True)
class TrackerConfig:
    """Sizes of the two nets; saved with the weights."""

    finder_widths: tuple[int, ...] = (16, 24, 40, 64, 96)
    """Channels at strides 2, 4, 8, 16 and 32."""
    aligner_widths: tuple[int, ...] = (16, 32, 64, 112)
    """Channels at strides 2, 4, 8 and 16."""
    crop: int = 128
    """Side in pixels of the aligner's square input, a multiple of 16."""
    landmarks: int = 70
    """68 iBUG points, then the iris of the eye 36-41, then the iris of the eye 42-47."""


class Tracker(nn.Module):
    """Finder and aligner under one set of weights."""

    def __init__(self, config: TrackerConfig | None = None) -> None:
        super().__init__()
        self.config = config or TrackerConfig()
        self.finder = Finder(self.config.finder_widths)
        self.aligner = Aligner(self.config.aligner_widths, self.config.landmarks)


def load_tracker(device: str = "cpu", path: Path = WEIGHTS) -> Tracker:
    """The shipped tracker (or another file's) for inference: eval mode, float32, normalisation folded in."""
    state, config = read_weights(path)
    tracker = Tracker(config_from_json(TrackerConfig, config))
    tracker.load_state_dict(state)
    tracker.eval().requires_grad_(False)
    for block in tracker.modules():
        if isinstance(block, nn.Sequential) and len(block) > 1 and isinstance(block[1], nn.BatchNorm2d):
            block[0], block[1] = fuse_conv_bn_eval(block[0], block[1]), nn.Identity()  # type: ignore[arg-type]
    return channels_last(tracker.to(device))


class Finder(nn.Module):
    """Fully convolutional: one candidate face per cell of 8 x 8 pixels.

    Objects as points (Zhou et al. 2019, "Objects as Points"), with the head's roll beside the box.
    """

    stride = 8

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        w2, w4, w8, w16, w32 = widths
        self.to8 = nn.Sequential(conv(3, w2, 2), conv(w2, w4, 2), Residual(w4, w8, 2), Residual(w8, w8))
        self.to16 = nn.Sequential(Residual(w8, w16, 2), Residual(w16, w16))
        self.to32 = nn.Sequential(Residual(w16, w32, 2), Residual(w32, w32))
        self.up16 = conv(w32, w16, kernel=1)
        self.up8 = conv(w16, w8, kernel=1)
        self.mix8 = Residual(w8, w8)
        self.head = nn.Conv2d(w8, 6, 1)
        nn.init.constant_(self.head.bias[:1], -4.0)  # type: ignore[index]  # faces are rare among cells

    def forward(self, image: Tensor) -> Tensor:
        """image (B, 3, H, W) in [0, 1], H and W multiples of 32 -> (B, 6, H/8, W/8) float.

        Channels: logit that a face's centre is in the cell; its centre's x and y from the cell's centre, in
        cells; log2 of the face box's longer side over 32 pixels; sine and cosine of its roll (clockwise in
        the image).
        """
        c8 = self.to8(image * 4 - 2)
        c16 = self.to16(c8)
        c32 = self.to32(c16)
        c16 = c16 + upsample(self.up16(c32))
        c8 = c8 + upsample(self.up8(c16))
        return self.head(self.mix8(c8)).float()


class Aligner(nn.Module):
    """Landmarks of one roughly upright, roughly centred face, and the probability that it is one.

    A heat map per landmark, read by its mean (Sun et al. 2018, "Integral Human Pose Regression"): sub-pixel,
    smooth from frame to frame, and it generalises from few people better than regressing coordinates from one
    vector.
    """

    stride = 4

    def __init__(self, widths: tuple[int, ...], landmarks: int) -> None:
        super().__init__()
        w2, w4, w8, w16 = widths
        self.to4 = nn.Sequential(conv(3, w2, 2), Residual(w2, w4, 2), Residual(w4, w4))
        self.to8 = nn.Sequential(Residual(w4, w8, 2), Residual(w8, w8))
        self.to16 = nn.Sequential(Residual(w8, w16, 2), Residual(w16, w16))
        self.up8 = conv(w16, w8, kernel=1)
        self.mix8 = Residual(w8, w8)
        self.up4 = conv(w8, w4, kernel=1)
        self.mix4 = Residual(w4, w4)
        self.heat = nn.Conv2d(w4, landmarks, 1)
        self.score = nn.Linear(2 * w16, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """image (B, 3, S, S) in [0, 1], S a multiple of 16 -> points, score, heat.

        points (B, N, 2) float, pixels of the crop, x then y, pixel centres at integers; score (B,) logit that
        the crop shows a face; heat (B, N, S/4, S/4) float logits of each landmark's place.
        """
        c4 = self.to4(image * 4 - 2)
        c8 = self.to8(c4)
        c16 = self.to16(c8)
        pooled = torch.cat([c16.mean((2, 3)), c16.amax((2, 3))], 1)
        c8 = self.mix8(c8 + upsample(self.up8(c16)))
        heat = self.heat(self.mix4(c4 + upsample(self.up4(c8)))).float()
        return read_heat(heat, self.stride), self.score(pooled).float()[:, 0], heat


def read_heat(heat: Tensor, stride: int) -> Tensor:
    """Mean place of each map under its softmax: heat (B, N, h, w) float -> (B, N, 2) pixels, x then y."""
    h, w = heat.shape[-2:]
    weight = heat.flatten(2).softmax(2).view_as(heat)
    ys = torch.arange(h, device=heat.device, dtype=heat.dtype)
    xs = torch.arange(w, device=heat.device, dtype=heat.dtype)
    cells = torch.stack([(weight.sum(2) * xs).sum(2), (weight.sum(3) * ys).sum(2)], 2)
    return (cells + 0.5) * stride - 0.5


def read_cells(cells: Tensor, stride: int) -> Tensor:
    """Decode the finder's cells (B, 6, h, w) to candidates (B, h, w, 5) float.

    Probability that a face's centre is in the cell; its x, y and size (the box's longer side) in pixels of
    the finder's image; its roll in radians.
    """
    h, w = cells.shape[-2:]
    ys = torch.arange(h, device=cells.device, dtype=cells.dtype)[:, None]
    xs = torch.arange(w, device=cells.device, dtype=cells.dtype)
    heat, dx, dy, size, sin, cos = cells.unbind(1)
    x = (xs + dx + 0.5) * stride - 0.5
    y = (ys + dy + 0.5) * stride - 0.5
    return torch.stack([heat.sigmoid(), x, y, 32 * 2 ** size.clamp(-4, 4), torch.atan2(sin, cos)], -1)


class Residual(nn.Module):
    """Two 3 x 3 convolutions around a skip; a strided or widening one carries its skip by a 1 x 1
    convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(inputs, outputs, stride), conv(outputs, outputs, act=False))
        same = inputs == outputs and stride == 1
        self.skip = nn.Identity() if same else conv(inputs, outputs, stride, kernel=1, act=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.skip(x) + self.body(x))


def conv(inputs: int, outputs: int, stride: int = 1, kernel: int = 3, act: bool = True) -> nn.Sequential:
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, nn.ReLU()) if act else nn.Sequential(*layers)


def upsample(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")
