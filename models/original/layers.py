"""The parts of the released GFLA generators (`original.generator`): encoders, flow networks, decoders.

The names of modules are those in the released files. All blocks normalise each instance, then activate, then
convolve.

B batch, R references, S structure channels, H W the picture, h w a level's grid.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..config import OriginalConfig
from ..layers import SLOPE
from ..ops.fused import attend, convolve_source, convolve_target


class Flows(NamedTuple):
    """Flow (B, 2, h, w) and mask (B, 1, h, w) of one reference at H/8 and H/4; None where nothing
    reads them."""

    flows: tuple[Tensor | None, Tensor]
    masks: tuple[Tensor | None, Tensor]


class Model(nn.Module):
    """Layers one after another, one level of names deeper."""

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class TwoWays(nn.Module):
    """The sum of layers one after another and of a shortcut."""

    def __init__(self, *layers: nn.Module, shortcut: nn.Module):
        super().__init__()
        self.model, self.shortcut = nn.Sequential(*layers), nn.Sequential(shortcut)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x) + self.shortcut(x)


def normed(convolution: nn.Conv2d | nn.ConvTranspose2d) -> tuple[nn.Module, ...]:
    """Normalise each instance, activate, convolve."""
    norm = nn.InstanceNorm2d(convolution.in_channels, affine=True)
    return norm, nn.LeakyReLU(SLOPE), convolution


def down(inputs: int, outputs: int) -> Model:
    """Halves the size."""
    halved = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)
    return Model(*normed(halved), *normed(nn.Conv2d(outputs, outputs, 3, padding=1)))


def up(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """A transposed convolution that doubles the size."""
    return nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)


def doubled(inputs: int, outputs: int, hidden: int) -> TwoWays:
    """Doubles the size on two ways."""
    entered = nn.Conv2d(inputs, hidden, 3, padding=1)
    return TwoWays(*normed(entered), *normed(up(hidden, outputs)), shortcut=up(inputs, outputs))


def kept(inputs: int, outputs: int) -> Model:
    """A residual block, one level of names deeper, as their lists of blocks have it."""
    convolutions = (nn.Conv2d(inputs, width, 3, padding=1) for width in (inputs, outputs))
    layers = (layer for convolution in convolutions for layer in normed(convolution))
    shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
    return Model(TwoWays(*layers, shortcut=shortcut))


def mirrored(inputs: int, outputs: int) -> Model:
    """Activate, convolve with mirrored borders."""
    return Model(nn.LeakyReLU(SLOPE), nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3))


class Encoder(nn.Module):
    """A picture or map (B, C, H, W) to features at H/8 and H/4."""

    def __init__(self, inputs: int, channels: tuple[int, int, int]):
        super().__init__()
        c2, c4, c8 = channels
        self.block0, self.encoder0, self.encoder1 = down(inputs, c2), down(c2, c4), down(c4, c8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x4 = self.encoder0(self.block0(x))
        return self.encoder1(x4), x4


class FlowNet(nn.Module):
    """Free flows and masks for R references, from everything at full size.

    `forward(x)` takes (B, C, H, W); of views the picture, and the source's code less the target's, (B, S, 8,
    8).
    """

    def __init__(self, inputs: int, config: OriginalConfig, references: int = 1):
        super().__init__()
        f4, f8, f16, f32 = config.flow_channels
        self.block0 = down(inputs, f4 // 2)
        self.encoder0, self.encoder1 = down(f4 // 2, f4), down(f4, f8)
        self.encoder2, self.encoder3 = down(f8, f16), down(f16, f32)
        code = config.structure_channels if config.network == "view" else 0
        self.cat = kept(f32 + code, f32) if code else None
        self.decoder0, self.jump0 = doubled(f32, f16, f16), mirrored(f16, f16)
        self.decoder1, self.jump1 = doubled(f16, f8, f8), mirrored(f8, f8)
        self.decoder2, self.jump2 = doubled(f8, f4, f4), mirrored(f4, f4)
        if config.kernel_sizes[0]:
            self.output1 = nn.Conv2d(f8, 2 * references, 3, padding=1)
            self.mask1 = nn.Sequential(nn.Conv2d(f8, references, 3, padding=1), nn.Sigmoid())
        self.output2 = nn.Conv2d(f4, 2 * references, 3, padding=1)
        self.mask2 = nn.Sequential(nn.Conv2d(f4, references, 3, padding=1), nn.Sigmoid())

    def forward(self, x: Tensor, code: Tensor | None = None) -> list[Flows]:
        """One `Flows` for each reference, in the order of the released networks."""
        x4 = self.encoder0(self.block0(x))
        x8 = self.encoder1(x4)
        x16 = self.encoder2(x8)
        x32 = self.encoder3(x16)
        if self.cat and code is not None:
            x32 = self.cat(torch.cat((x32, code.to(x32.dtype)), dim=1))
        x16 = self.decoder0(x32) + self.jump0(x16)
        x8 = self.decoder1(x16) + self.jump1(x8)
        x4 = self.decoder2(x8) + self.jump2(x4)
        with torch.autocast(x.device.type, enabled=False):  # sub-pixel flow needs float32
            x8, x4 = x8.float(), x4.float()
            fine = zip(self.output2(x4).split(2, 1), self.mask2(x4).split(1, 1), strict=True)
            if not hasattr(self, "output1"):
                return [Flows((None, flow), (None, mask)) for flow, mask in fine]
            coarse = zip(self.output1(x8).split(2, 1), self.mask1(x8).split(1, 1), strict=True)
            return [Flows((f8, f4), (m8, m4)) for (f8, m8), (f4, m4) in zip(coarse, fine, strict=True)]


class Attention(nn.Module):
    """Their local attention, on our op: its first layer takes target and source side by side."""

    def __init__(self, channels: int, hidden: int, kernel: int):
        super().__init__()
        self.fully_connect_layer = nn.ModuleDict(
            {"0": nn.Conv2d(2 * channels, hidden, kernel), "2": nn.Conv2d(hidden, kernel * kernel, 1)}
        )

    def encode_reference(self, features: Tensor) -> Tensor:
        """See `attention.LocalAttention.encode_reference`."""
        return convolve_source(features, self._halves()[1])

    def forward(self, x: Tensor, features: Tensor, half: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Target (B, C, h, w), a reference's features and its half, flow: the sampled features, divided by
        k * k as theirs are, and the weights (B, k * k, h, w)."""
        bias, taps = self._parameter("0.bias"), self._parameter("2.weight").flatten(1)
        hidden = convolve_target(x, self._halves()[0], bias)
        sampled, weights = attend(features, half, hidden, flow, taps, self._parameter("2.bias"), SLOPE)
        return sampled / weights.shape[1], weights

    def _halves(self) -> tuple[Tensor, ...]:
        return self._parameter("0.weight").chunk(2, dim=1)

    def _parameter(self, name: str) -> Tensor:
        return self.fully_connect_layer.get_parameter(name)


class Decoder(nn.Module):
    """The target: its map or code to features at H/8, and from there with the references to the picture."""

    def __init__(self, config: OriginalConfig):
        super().__init__()
        c2, c4, c8 = config.channels
        inputs = config.structure_channels
        if config.network == "view":
            self.block0, self.block1 = doubled(inputs, c2, inputs), doubled(c2, c8, c2)
        else:
            self.block0, self.encoder0, self.encoder1 = down(inputs, c2), down(c2, c4), down(c4, c8)
        self.roles = ("_r", "_p") if config.previous else ("",)
        for level, channels in enumerate((c8, c4)):
            if kernel := config.kernel_sizes[level]:
                for role in self.roles:
                    attention = Attention(channels, config.attention_hidden, kernel)
                    setattr(self, f"attn{role}{level}", attention)
        self.decoder0 = nn.Sequential(kept(c8, c8), doubled(c8, c4, c8))
        self.decoder1 = nn.Sequential(kept(c4, c4), doubled(c4, c2, c4))
        self.decoder2 = nn.Sequential(kept(c2, c2), doubled(c2, c2, c2))
        self.outconv = mirrored(c2, 3)

    def attention(self, level: int, number: int) -> Attention | None:
        """At H/8 (level 0) or H/4 (1), of the source (number 0) or the previous frame (1)."""
        return getattr(self, f"attn{self.roles[number]}{level}", None)

    def encode(self, structure: Tensor) -> Tensor:
        """(B, S, H, W), or a code (B, S, 8, 8), to features (B, C, H/8, W/8)."""
        if hasattr(self, "block1"):
            return self.block1(self.block0(structure))
        return self.encoder1(self.encoder0(self.block0(structure)))

    def decode(
        self,
        x: Tensor,
        features: list[tuple[Tensor, Tensor]],
        halves: list[tuple[Tensor, Tensor]],
        flows: list[Flows],
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """`x` (B, C, H/8, W/8) and of each reference, the source first, features, halves and flows: the
        picture (B, 3, H, W) in [-1, 1], and the attention's weights (B, R, k * k, h, w) at H/8 and H/4."""
        weights: list[Tensor] = []
        for level, decoder in enumerate((self.decoder0, self.decoder1)):
            blends: list[Tensor] = []
            taps: list[Tensor] = []
            for number, flow in enumerate(flows):
                attention, field, mask = self.attention(level, number), flow.flows[level], flow.masks[level]
                if attention is None or field is None or mask is None:
                    continue
                sampled, tap = attention(x, features[number][level], halves[number][level], field)
                blends.append(x + mask.to(x.dtype) * (sampled - x))
                taps.append(tap)
            weights.append(
                torch.stack(taps, dim=1) if taps else x.new_zeros(len(x), len(flows), 0, *x.shape[2:])
            )
            x = decoder(sum(blends) if blends else x)  # Eq. 10 for each reference alone, summed
        painted = self.outconv(self.decoder2(x)).float()
        return painted.tanh(), (weights[0], weights[1])
