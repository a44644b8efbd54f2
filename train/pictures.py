"""What a training step looks like: source, target, output and how the output came about, side by side.

B batch, R references, H W the picture, h w a level's grid.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..models.generator import FrameOutput

Picture = NDArray[np.uint8]
COLUMNS = (
    "source",
    "target",
    "output",
    "painted",
    "warped source",
    "flow",
    "mask of the source",
    "attention",
)


def picture_grid(source: Tensor, target: Tensor, output: FrameOutput, rows: int = 4) -> Picture:
    """(rows x H, 8 x W, 3) uint8 RGB with the columns `COLUMNS`; source, target (B, 3, H, W) in [-1, 1].

    The flow's colour is its direction, its strength its length, white is none (`flow_colours`). The mask is
    the share taken from the source's pixels, the attention is `attention_heat` at H/4.
    """
    shape = source.shape[-2:]
    lines = []
    for b in range(min(rows, len(source))):
        flow, mask = output.motions[2].flow[b, 0], output.motions[2].mask[b, 0, 0]
        heat = attention_heat(output.motions[1].flow[b, 0], output.attention[1][b, 0])
        heat = F.interpolate(heat[None, None], size=shape, mode="nearest")[0, 0]
        pictures = [source[b], target[b], output.image[b], output.generated[b], output.warped[b]]
        lines.append(
            np.hstack([*map(_picture, pictures), flow_colours(flow), _grey(mask), _grey(heat / heat.max())])
        )
    return np.vstack(lines)


def flow_colours(flow: Tensor, longest: float | None = None) -> Picture:
    """`flow` (2, h, w) on the colour wheel: hue its direction (red right, then by yellow down), saturation
    its length over `longest` (default: its own 99th percentile), white where nothing moves."""
    x, y = flow.detach().float().cpu().numpy()
    length = np.hypot(x, y)
    longest = longest or max(float(np.percentile(length, 99)), 1e-6)
    hue = (np.degrees(np.arctan2(y, x)) % 360) / 2  # OpenCV halves degrees
    strength = np.clip(length / longest, 0, 1) * 255
    hsv = np.stack([hue, strength, np.full_like(hue, 255)], axis=-1).astype(np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)  # type: ignore[return-value]


def attention_heat(flow: Tensor, weights: Tensor) -> Tensor:
    """How often each place of the source is read: `weights` (k k, h, w) of the taps around where `flow`
    (2, h, w) points, summed at the nearest place: (h, w), their sum h w."""
    weights, flow = weights.detach().float(), flow.detach().float()
    taps, height, width = weights.shape
    k = round(taps**0.5)
    y, x = torch.meshgrid(
        torch.arange(height, device=flow.device), torch.arange(width, device=flow.device), indexing="ij"
    )
    heat = torch.zeros(height * width, device=flow.device)
    for tap in range(taps):
        row = (y + flow[1] + tap // k - k // 2).round().long().clamp(0, height - 1)
        column = (x + flow[0] + tap % k - k // 2).round().long().clamp(0, width - 1)
        heat.index_add_(0, (row * width + column).flatten(), weights[tap].flatten())
    return heat.view(height, width)


def _picture(image: Tensor) -> Picture:
    pixels = (image.detach().float().clamp(-1, 1) * 127.5 + 127.5).round().byte()
    return pixels.permute(1, 2, 0).cpu().numpy()


def _grey(values: Tensor) -> Picture:
    grey = (values.detach().float().clamp(0, 1) * 255).round().byte().cpu().numpy()
    return np.repeat(grey[..., None], 3, axis=2)
