"""The network that finds the person in a portrait: picture in, matte out. It sees the picture small, once.

A U-net whose layers are those of the generator. Its blocks normalise, for light and colour should not matter.

B batch, S side in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import config_from_json
from .layers import Down, Residual, activate, channels_last, conv, double
from .weights import WeightsError, misfit, read_weights, shapes_of, weights_file


@dataclass(frozen=True, kw_only=True)
class MatteConfig:
    """Sizes of the network; saved with the weights."""

    size: int = 256
    """Side of the square picture that it is trained on, a multiple of 32."""
    channels: tuple[int, ...] = (16, 32, 56, 64, 64)
    """Channels at strides 2, 4, 8, 16 and 32, multiples of 8."""


MATTES: dict[str, MatteConfig] = {
    "matte-256": MatteConfig(),
    "matte-tiny": MatteConfig(size=64, channels=(8, 8, 8, 16, 16)),
}
"""The named configurations; `matte-tiny` is for tests."""


class MatteNet(nn.Module):
    """Which part of each pixel is person, as a logit."""

    def __init__(self, config: MatteConfig | None = None):
        super().__init__()
        self.config = config or MatteConfig()
        first, *deeper = self.config.channels
        self.enter = conv(12, first)
        self.down, self.body = nn.ModuleList(), nn.ModuleList()
        self.carry, self.mix = nn.ModuleList(), nn.ModuleList()
        above = first
        for width in deeper:
            self.down.append(Down(above, width))
            self.body.append(Residual(width, norm=True))
            self.carry.append(conv(width, above, kernel=1))
            above = width
        for width in self.config.channels[1:-2]:
            self.mix.append(Residual(width, norm=True))
        self.everywhere = nn.Linear(above, above)
        self.deepest = Residual(above, norm=True)
        self.smooth = conv(first, first)
        self.leave = conv(first, 4)

    def forward(self, image: Tensor) -> Tensor:
        """image (B, 3, H, W) in [-1, 1], H and W multiples of 32 -> (B, 1, H, W) float32 logits."""
        x = self.enter(F.pixel_unshuffle(image, 2))
        seen = [x]
        for down, body in zip(self.down, self.body, strict=True):
            x = body(down(x))
            seen.append(x)
        x = self.deepest(x + self.everywhere(x.mean((2, 3)))[..., None, None])
        for level in range(len(self.carry) - 1, -1, -1):
            x = seen[level] + double(self.carry[level](activate(x)))
            if 0 < level <= len(self.mix):
                x = self.mix[level - 1](x)
        x = self.leave(activate(self.smooth(activate(x))))
        return F.pixel_shuffle(x, 2).float()


def load_matte_net(name: str | Path = "matte-256", device: str | torch.device = "cpu") -> MatteNet:
    """A trained network in eval mode. name: a shipped one (see `models/weights`) or the path of a weights
    file. WeightsError if it cannot be used."""
    tensors, values = read_weights(weights_file(name))
    settings: dict[str, Any] = values
    try:
        net = MatteNet(config_from_json(MatteConfig, settings))
    except TypeError as error:
        raise WeightsError(name, f"not the weights of a matte ({error})") from None
    if unfit := misfit(shapes_of(net), tensors):
        raise WeightsError(name, f"not the weights of a matte: {unfit}")
    net.load_state_dict(tensors)
    return channels_last(net.to(device)).eval().requires_grad_(False)
