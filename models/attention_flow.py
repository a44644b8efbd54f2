"""Attention combined with flow (Ren 2021): two ways to move the reference and a map that chooses per place.

Attention finds any place but blurs; flow keeps textures but finds only near places. Both are estimated at H/8
and H/4; see the paper's section 3. Frames are independent: there is no memory.

B batch, T frames, S structure channels, K key channels, h w a level's grid, N landmarks or joints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import AttentionFlowConfig, GeneratorConfig
from .flow import STRIDE, FlowEstimator, Hourglass, Motion, candidate_flows
from .frames import Deformed, FrameOutput, Layers, Reference, StillModel
from .layers import ImageEncoder, Residual, StructureEncoder, Up, activate, conv, double, residuals
from .ops import attention_warp, warp
from .priors.spline import pose_prior

Align = Callable[[int, Tensor], Tensor]


class Deformation(NamedTuple):
    """How the reference is moved at one level.

    Attributes:
        flow: w, (B, 2, h, w) float32, backward, pixels of the level, x then y; zero without a flow estimator.
        attended: (B, 3, h, w) the resized reference picture under the attention: W_a(x_r, C), Eq. 3; without
            an attention estimator the resized picture itself.
        flowed: (B, 3, h, w) the same under the flow: W_f(x_r, w), Eq. 5.
        choice: (B, 1, h, w) in [0, 1], the combination map m, Eq. 6: 1 takes the attention, 0 the flow.
        aligned: (B, C, h, w) the reference's features under both, f_a, Eq. 8.
    """

    flow: Tensor
    attended: Tensor
    flowed: Tensor
    choice: Tensor
    aligned: Tensor


class AttentionFlow(StillModel[AttentionFlowConfig, Reference]):
    """Deformation estimation and image synthesis, with the methods of `Generator`, so it runs wherever that
    does."""

    def __init__(self, config: AttentionFlowConfig):
        super().__init__(config)
        if not (config.attention or config.flow):
            raise ValueError("attention and flow are both off: nothing moves the reference")
        self.image_encoder = ImageEncoder(config)
        self.structure_encoder = StructureEncoder(config)
        self.flow = FlowEstimator(config) if config.flow else None
        self.key_encoder = KeyEncoder(48, config) if config.attention else None
        self.query_encoder = KeyEncoder(config.structure_channels, config) if config.attention else None
        both = config.attention and config.flow
        self.choose8 = CombinationMap() if both else None
        self.choose4 = CombinationMap() if both else None
        self.synthesis = Synthesis(config)

    def encode_reference(
        self, image: Tensor, structure: Tensor, points: Tensor, layers: Layers | None = None
    ) -> Reference:
        """Without layers; `attention_halves` are the keys k = E_x(x_r),
        Eq. 1."""
        features4, features8 = self.image_encoder(image)
        empty = features4[:, :0]
        half, keys = empty, (empty, empty)
        if self.flow:
            half = self.flow.encode_reference(self.structure_encoder(structure)[0], features4)
        if self.key_encoder:
            keys = self.key_encoder(F.pixel_unshuffle(image, 4))
        return Reference(image, points, half, (features8, features4), keys)

    def deform(
        self, structure: Tensor, points: Tensor, reference: Reference, fine: Tensor | None = None
    ) -> Deformed:
        """As `Generator.deform`, with the attended pictures."""
        levels = self.deformations(structure, points, reference)
        flows = tuple(level.flow[:, None] for level in levels) if self.flow else ()
        return Deformed(flows, tuple(level.attended for level in levels) if self.key_encoder else ())

    def deformations(
        self, structure: Tensor, points: Tensor, reference: Reference
    ) -> tuple[Deformation, Deformation]:
        """The output of the deformation estimation module (section 3.1) at H/8 and H/4, for `structure` (B,
        S, H/4, W/4) and `points` (B, N, 2)."""
        return self._deform(structure, self.structure_encoder(structure)[0], points, reference)[0]

    def look_ahead(
        self, structure: Tensor, points: Tensor, reference: Reference, fine: Tensor | None = None
    ) -> FrameOutput:
        """The whole picture, Eq. 7. `warped` is the reference under the full-size flow, the masks are the
        flow's share 1 - m; there are no local attention weights."""
        structure4, structure8 = self.structure_encoder(structure)
        levels, flow1 = self._deform(structure, structure4, points, reference)
        aligned = [level.aligned for level in levels]
        image = self.synthesis(structure4, structure8, lambda level, x: x + aligned[level].to(x.dtype))
        shares = [1 - level.choice for level in levels]
        motions = (
            Motion(levels[0].flow[:, None], shares[0][:, None]),
            Motion(levels[1].flow[:, None], shares[1][:, None]),
            Motion(flow1[:, None], double(double(shares[1]))[:, None]),
        )
        warped = warp(reference.image.float(), flow1)
        attended = tuple(level.attended for level in levels) if self.config.attention else ()
        return FrameOutput(image, image, warped, motions, (), attended)

    def _deform(
        self, structure: Tensor, structure4: Tensor, points: Tensor, reference: Reference
    ) -> tuple[tuple[Deformation, Deformation], Tensor]:
        """Both levels, and the full-size flow."""
        flows = self._flows(structure4, points, reference)
        queries = self.query_encoder(structure) if self.query_encoder else (None, None)
        image8, image4 = (F.avg_pool2d(reference.image.float(), stride) for stride in (8, 4))
        coarse = self._level(0, self.choose8, image8, reference, queries[0], flows[0])
        fine = self._level(1, self.choose4, image4, reference, queries[1], flows[1])
        return (coarse, fine), flows[2]

    def _flows(self, structure4: Tensor, points: Tensor, reference: Reference) -> tuple[Tensor, ...]:
        shape = self.config.shape
        if not self.flow:
            still = reference.image.new_zeros(len(structure4), 2, *shape)
            return still[..., ::8, ::8], still[..., ::4, ::4], still
        target = pose_prior(self.config.task, points, shape, STRIDE)
        candidates = candidate_flows(target, reference.points[:, None])
        half = self.flow.target_half(structure4)
        output = self.flow(half, reference.flow_half[:, None], candidates)
        return tuple(flow[:, 0] for flow in output.flows)

    def _level(
        self,
        level: int,
        choose: CombinationMap | None,
        image: Tensor,
        reference: Reference,
        queries: Tensor | None,
        flow: Tensor,
    ) -> Deformation:
        features = reference.features[level].float()
        values = torch.cat((features, image), dim=1)  # one attention serves both
        flowed = warp(values, flow) if self.flow else values
        attended = values
        if queries is not None:
            attended = attention_warp(values, reference.attention_halves[level], queries, self.config.alpha)
        channels = features.shape[1]
        if choose:
            choice = choose(attended[:, channels:], flowed[:, channels:])
        else:
            choice = torch.full_like(image[:, :1], float(self.config.attention))
        aligned = choice * attended[:, :channels] + (1 - choice) * flowed[:, :channels]
        return Deformation(flow, attended[:, channels:], flowed[:, channels:], choice, aligned)


class KeyEncoder(Hourglass):
    """E_x or E_s, Eq. 1: (B, inputs, H/4, W/4) to keys or queries (B, K, h, w) at H/8 and H/4."""

    def __init__(self, inputs: int, config: AttentionFlowConfig):
        super().__init__(config.flow_channels)
        f4, f8, _, _ = config.flow_channels
        self.enter = conv(inputs, f4)
        self.head8, self.head4 = conv(f8, config.key_channels, 1), conv(f4, config.key_channels, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x8, x4 = self.down_and_up(activate(self.enter(x)))
        with torch.autocast(x.device.type, enabled=False):  # alpha magnifies the errors of half precision
            return self.head8(activate(x8).float()), self.head4(activate(x4).float())


class CombinationMap(nn.Module):
    """M, Eq. 6: from the two warped pictures (B, 3, h, w) the share (B, 1, h, w) of the first, which starts
    at one half."""

    def __init__(self, width: int = 16, blocks: int = 2):
        super().__init__()
        self.enter, self.body = conv(6, width), nn.Sequential(*(Residual(width) for _ in range(blocks)))
        self.leave = conv(width, 1, zero=True)

    def forward(self, attended: Tensor, flowed: Tensor) -> Tensor:
        x = self.body(self.enter(torch.cat((attended, flowed), dim=1)))
        return self.leave(activate(x)).float().sigmoid()


class Synthesis(nn.Module):
    """G (section 3.2): decodes the target's structure features f_t, adding the reference's on the way."""

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        c2, c4, c8 = config.channels
        self.before8, self.body8 = residuals(c8, 1), residuals(c8, config.blocks[2])
        self.up4, self.structure4 = Up(c8, c4), conv(c4, c4, 1)
        self.body4 = residuals(c4, config.blocks[1])
        self.up2, self.body2 = Up(c4, c2), residuals(c2, config.blocks[0])
        self.paint = conv(c2, 12)
        nn.init.normal_(self.paint.weight, std=0.01)

    def forward(self, structure4: Tensor, structure8: Tensor, align: Align) -> Tensor:
        """(B, 3, H, W) in [-1, 1]; `align(level, x)` adds the reference to x at H/8 (0) and H/4 (1)."""
        x = align(0, self.before8(structure8))
        x = align(1, self.up4(self.body8(x)) + self.structure4(structure4))
        x = self.body2(self.up2(self.body4(x)))
        return F.pixel_shuffle(self.paint(activate(x)).float(), 2).tanh()
