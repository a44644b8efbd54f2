"""The global-flow local-attention generator for video: structure maps in, frames out, state in and out.

How a frame is made, in the order of the methods of `Generator`; `frames.FrameModel` calls them for a clip:

1. `encode_reference`: features of the portrait at H/8 and H/4, once per stream.
2. `look_ahead`: features of the target's structure, and the flow from the target to the source. It needs no
   other frame, so it may run while the frame before is still in work.
3. `frame`: flows to the previous frames; then the decoder from H/8 to H. At H/8 and H/4 local attention
   samples each reference where the flow points; at H painted pixels blend with the source's own, warped.
4. The new frame is encoded too and becomes a reference of the next one.

A layer that reads target and reference together is split into two halves that are summed, so that a
reference's half is computed once, however many frames follow.

B batch, T frames, R references (the source first, then the previous generated frames, newest first),
S structure channels, H W the picture, N points of a pose (landmarks, joints or a view: the config's `task`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .attention import LocalAttention, fuse, shares
from .config import GeneratorConfig
from .flow import STRIDE, FlowEstimator, FlowOutput, Motion, candidate_flows
from .frames import Ahead, Deformed, FrameModel, FrameOutput, LayerPyramid, Layers, Reference
from .layers import ImageEncoder, StructureEncoder, Up, activate, conv, residuals, unshuffle, without_combs
from .ops import warp
from .priors.spline import PosePrior, pose_prior

_OLDER = 2.0  # subtracted from the logits of earlier frames, which blur (docs/model_card.md)
_SURE = 2e-3  # a matte is that sure at most, so that a correction can have its way


class Generator(FrameModel[GeneratorConfig, Reference, Ahead]):
    """Animates a reference picture by structure maps, frame after frame."""

    any_batch = True
    """Whether a smaller batch costs less; `openvino.export` compiles its parts for the sizes it has seen."""

    def __init__(self, config: GeneratorConfig):
        super().__init__(config)
        c2, c4, c8 = config.channels
        self.structure_encoder = StructureEncoder(config)
        self.image_encoder = ImageEncoder(config)
        self.flow = FlowEstimator(config)
        k8, k4 = config.kernel_sizes
        self.attention8 = LocalAttention(c8, config.attention_hidden, k8) if k8 else None
        self.attention4 = LocalAttention(c4, config.attention_hidden, k4) if k4 else None
        self.before8 = residuals(c8, 1)
        self.body8 = residuals(c8, config.blocks[2])
        self.up4, self.body4 = Up(c8, c4), residuals(c4, config.blocks[1])
        self.structure4 = conv(c4, c4, 1)
        self.up2, self.body2 = Up(c4, c2), residuals(c2, config.blocks[0])
        self.pixels2 = conv(12, c2)
        self.paint = conv(c2, 16)
        nn.init.normal_(self.paint.weight, std=0.01)

    def encode_reference(
        self, image: Tensor, structure: Tensor, points: Tensor, layers: Layers | None = None
    ) -> Reference:
        structure4 = self.structure_encoder(structure)[0]
        reference = self._encode(image, structure4, points)
        if layers is None or not self.config.layered:
            return reference
        features4, features8 = self.image_encoder(layers.plate)
        matte4 = F.avg_pool2d(layers.matte, 4)
        mattes = (F.avg_pool2d(matte4, 2), matte4, layers.matte)
        return reference._replace(layers=LayerPyramid(mattes, (features8, features4, layers.plate)))

    def look_ahead(
        self, structure: Tensor, points: Tensor, reference: Reference, fine: Tensor | None = None
    ) -> Ahead:
        """The part of a frame that needs no other frame, a third of its work; `structure` (B, S, H/4, W/4),
        `points` (B, N, 2). fine: (B, 2, H/4, W/4), see `FrameModel.look_ahead`."""
        structure4, x8, hidden8, flow_half = self.encode_target(structure)
        target = self._prior(points, fine)
        motion = self._motion(flow_half, target, (reference,))
        warped, covers = _move_source(reference, motion)
        return Ahead(structure4, x8, hidden8, flow_half, target, motion, covers, warped)

    def frame(
        self, ahead: Ahead, reference: Reference, previous: tuple[Reference, ...]
    ) -> tuple[FrameOutput, tuple[Reference, ...]]:
        references, motion = (reference, *previous), ahead.motion
        if previous:
            motion = motion.join(self._motion(ahead.flow_half, ahead.target, previous, first=1))
        x, motion8, weights8 = self._attend(0, ahead.x8, ahead.hidden8, references, motion, ahead.covers)
        x, hidden4 = self.decode8(x, ahead.structure4)
        x, motion4, weights4 = self._attend(1, x, hidden4, references, motion, ahead.covers)
        image, generated, mask = self._paint(x, ahead.warped, motion.logits[2])
        motions = (motion8, motion4, Motion(motion.flows[2], mask))
        cover = ahead.covers[2] if ahead.covers else None
        output = FrameOutput(image, generated, ahead.warped, motions, (weights8, weights4), cover=cover)
        if self.config.previous:
            newest = self._encode(image, ahead.structure4, ahead.target.points)
            newest = newest._replace(fine=ahead.target.fine)
            previous = (newest, *previous)[: self.config.previous]
        return output, previous

    def deform(
        self, structure: Tensor, points: Tensor, reference: Reference, fine: Tensor | None = None
    ) -> Deformed:
        """The flows alone, for training, to a target of `structure` (B, S, H/4, W/4), `points` (B, N, 2) and
        `fine` (B, 2, H/4, W/4)."""
        flow_half = self.flow.target_half(self.structure_encoder(structure)[0])
        return Deformed(self._motion(flow_half, self._prior(points, fine), (reference,)).flows[:2])

    def _prior(self, points: Tensor, fine: Tensor | None = None) -> PosePrior:
        config = self.config
        return pose_prior(config.task, points, config.shape, STRIDE, config.layered, fine)

    def _encode(self, image: Tensor, structure4: Tensor, points: Tensor) -> Reference:
        features8, features4, flow_half, half8, half4 = self.encode_picture(image, structure4)
        return Reference(image, points, flow_half, (features8, features4), (half8, half4))

    def _motion(
        self, flow_half: Tensor, target: PosePrior, references: tuple[Reference, ...], first: int = 0
    ) -> FlowOutput:
        """Flows to `references`, whose numbers begin at `first`; 0 is the source."""
        points = torch.stack([reference.points for reference in references], dim=1)
        halves = torch.stack([reference.flow_half for reference in references], dim=1)
        layers = references[0].layers if first == 0 else None
        matte = layers.mattes[1] if layers else None
        moved = [reference.fine for reference in references]
        fine = None if any(field is None for field in moved) else torch.stack(moved, dim=1)  # type: ignore
        motion = self.flow(flow_half, halves, self.candidates(target, points, fine), first, matte)
        older = first > 0 and self.config.layered
        return motion._replace(logits=tuple(x - _OLDER for x in motion.logits)) if older else motion

    def candidates(self, target: PosePrior, points: Tensor, fine: Tensor | None = None) -> Tensor:
        """See `flow.candidate_flows`."""
        return candidate_flows(target, points, fine)

    def _attend(
        self,
        level: int,
        x: Tensor,
        hidden: Tensor,
        references: tuple[Reference, ...],
        motion: FlowOutput,
        covers: tuple[Tensor, ...],
    ) -> tuple[Tensor, Motion, Tensor]:
        """Local attention at H/8 (level 0) or H/4 (1): features `x` with what is sampled mixed in, the
        level's motion, and the weights. What is sampled of the source lies over the features of its plate."""
        attention = (self.attention8, self.attention4)[level]
        flow, logits = motion.flows[level], motion.logits[level]
        if attention is None:
            return x, Motion(flow, shares(logits)), flow[:, :, :0]
        # Sampling gathers channels last; a plain `stack` would change that layout.
        rows = [reference.features[level].permute(0, 2, 3, 1) for reference in references]
        features = torch.stack(rows, dim=1).permute(0, 1, 4, 2, 3)
        halves = torch.stack([reference.attention_halves[level] for reference in references], dim=1)
        sampled, weights = attention(hidden, features, halves, flow)
        each = list(sampled.unbind(1))
        if references[0].layers:
            plate, cover = references[0].layers.plates[level], covers[level].to(sampled.dtype)
            each[0] = torch.lerp(plate.to(sampled.dtype), each[0], cover)
        fused, mask = self._fuse(x, each, logits)
        return fused, Motion(flow, mask), weights

    def _fuse(self, x: Tensor, sampled: Sequence[Tensor], logits: Tensor) -> tuple[Tensor, Tensor]:
        """Fuse generated (B, C, h, w) and sampled features (B, C, h, w) of each reference; also returns the
        shares."""
        mask = shares(logits)
        return fuse(x, sampled, mask.to(x.dtype)), mask

    def _paint(self, x4: Tensor, warped: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The last layers, from H/4: the picture, its painted part and the share of the warped source."""
        painted = self.decode4(x4, warped)
        generated = painted[:, :3].contiguous().tanh()  # a strided view takes six times as long
        mask = shares(logits, painted[:, 3:])
        return fuse(generated, [warped], mask), generated, mask

    # The dense layers, tensors to tensors: nearly all of the work. `openvino.export` replaces these methods.

    def encode_target(self, structure: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`structure` (B, S, H/4, W/4) to the first four fields of `Ahead`."""
        structure4, structure8 = self.structure_encoder(structure)
        x8 = self.before8(structure8)
        return structure4, x8, _target_half(self.attention8, x8), self.flow.target_half(structure4)

    def encode_picture(
        self, image: Tensor, structure4: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """`image` (B, 3, H, W) and its structure features to what `Reference` holds: features at H/8 and H/4,
        the half of the flow estimator, the halves of the kernel nets."""
        features4, features8 = self.image_encoder(image)
        flow_half = self.flow.encode_reference(structure4, features4)
        half8 = _reference_half(self.attention8, features8)
        return features8, features4, flow_half, half8, _reference_half(self.attention4, features4)

    def decode8(self, x8: Tensor, structure4: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder from H/8 to H/4, (B, C, H/4, W/4), and the target's half of the kernel net there."""
        x4 = self.up4(self.body8(x8)) + self.structure4(structure4)
        return x4, _target_half(self.attention4, x4)

    def decode4(self, x4: Tensor, warped: Tensor) -> Tensor:
        """The decoder from H/4 to H: the painted pixels before tanh and their logit, (B, 4, H, W)."""
        # Pixels come from the source alone: warped again and again, previous frames would only blur.
        x = self.up2(self.body4(x4))
        x = self.body2(x + self.pixels2(unshuffle(warped).to(x.dtype)))
        painted = F.pixel_shuffle(self.paint(activate(x)).float(), 2)
        return without_combs(painted) if self.config.task == "closeup" else painted


def _move_source(source: Reference, motion: FlowOutput) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The pixels of `source` moved by the flows to it, over its plate; and its mattes, moved and corrected:
    see `Ahead`."""
    flow8, flow4, flow = (flow[:, 0] for flow in motion.flows)
    if source.layers is None:
        return warp(source.image.float(), flow), ()
    matte8, matte4, matte = source.layers.mattes
    pixels, moved = warp(torch.cat((source.image.float(), matte.float()), dim=1), flow).split((3, 1), dim=1)
    mattes = (warp(matte8.float(), flow8), warp(matte4.float(), flow4), moved)
    pairs = zip(mattes, motion.covers, strict=True)
    covers = tuple((matte.clamp(_SURE, 1 - _SURE).logit() + cover).sigmoid() for matte, cover in pairs)
    return torch.lerp(source.layers.plates[2].float(), pixels, covers[2]), covers


def _target_half(attention: LocalAttention | None, x: Tensor) -> Tensor:
    return attention.encode_target(x) if attention else x[:, :0]


def _reference_half(attention: LocalAttention | None, features: Tensor) -> Tensor:
    return attention.encode_reference(features) if attention else features[:, :0]
