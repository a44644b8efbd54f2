"""The global-flow local-attention generator for video: structures in, frames out, state in and out.

B batch, T frames, R references (the source first, then the previous generated frames, newest first),
S structure channels, H W the picture, N points of a pose (landmarks, joints or a view: the config's `task`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .attention import LocalAttention, fuse, shares
from .config import GeneratorConfig
from .flow import STRIDE, FlowEstimator, FlowOutput, Motion, candidate_flows
from .flow_prior import PosePrior, pose_prior
from .layers import Down, Up, activate, conv, residuals
from .ops import warp


class Reference(NamedTuple):
    """A picture encoded once: everything of it that the generator needs, however many frames follow.

    Attributes:
        image: (B, 3, H, W) in [-1, 1]. points: (B, N, 2) float32 pixels, x then y.
        flow_half: its half of the flow estimator's first layer, (B, f, H/4, W/4).
        features: (B, C, h, w) at H/8 and H/4. attention_halves: its half of each kernel net; no channels
            where there is no attention.
    """

    image: Tensor
    points: Tensor
    flow_half: Tensor
    features: tuple[Tensor, Tensor]
    attention_halves: tuple[Tensor, Tensor]

    def detach(self) -> Reference:
        return Reference(
            self.image.detach(),
            self.points.detach(),
            self.flow_half.detach(),
            (self.features[0].detach(), self.features[1].detach()),
            (self.attention_halves[0].detach(), self.attention_halves[1].detach()),
        )


@dataclass(frozen=True)
class GeneratorMemory:
    """What one frame leaves to the next: the previous generated frames as references, newest first.

    Start a stream, or begin anew after a cut, with `GeneratorMemory()`.
    """

    previous: tuple[Reference, ...] = ()

    def detach(self) -> GeneratorMemory:
        return GeneratorMemory(tuple(reference.detach() for reference in self.previous))


class Deformed(NamedTuple):
    """How a model means to move its references, before it paints: what a first stage of training trains.

    Attributes:
        flows: (B, R, 2, h, w) at H/8 and H/4, as `Motion.flow`; none of a model without flow.
        attended: as `FrameOutput.attended`.
    """

    flows: tuple[Tensor, ...]
    attended: tuple[Tensor, ...] = ()


class Ahead(NamedTuple):
    """What of a frame needs no frame before it, so that it can be computed while that one is being made.

    Attributes:
        structure4: the target's structure features at H/4. x8: the decoder's first features, at H/8.
        hidden8: their half of the kernel net at H/8, as `LocalAttention.encode_target`.
        flow_half: its half of the flow estimator's first layer, (B, f, H/4, W/4). target: what its pose tells
            of flows. motion: of the source alone. warped: (B, 3, H, W) its pixels under the full-size flow.
    """

    structure4: Tensor
    x8: Tensor
    hidden8: Tensor
    flow_half: Tensor
    target: PosePrior
    motion: FlowOutput
    warped: Tensor


class FrameOutput(NamedTuple):
    """One frame and how it came about.

    Attributes:
        image: (B, 3, H, W) in [-1, 1]. generated: the part painted by the decoder, (B, 3, H, W).
        warped: (B, 3, H, W) the source's own pixels under the full-size flow.
        motions: `Motion` at H/8 and H/4 over all references, at H of the source alone; none of a model that
        moves nothing.
        attention: weights (B, R, k * k, h, w) at H/8 and H/4, no taps where there is no attention; none of a
        model that has no local attention.
        attended: (B, 3, h, w) the source, resized to H/8 and H/4, under paper 2's attention; else none.
    """

    image: Tensor
    generated: Tensor
    warped: Tensor
    motions: tuple[Motion, ...]
    attention: tuple[Tensor, ...]
    attended: tuple[Tensor, ...] = ()


class Generator(nn.Module):
    """Animates a reference picture by structure maps, frame after frame."""

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        self.config = config
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

    def encode_reference(self, image: Tensor, structure: Tensor, points: Tensor) -> Reference:
        """Encode a portrait: once per stream.

        Args:
            image: (B, 3, H, W) in [-1, 1]. structure: (B, S, H/4, W/4), its structure map in [0, 1].
            points: (B, N, 2) its pose's points: pixels, x then y, or a view in degrees.
        """
        return self._encode(image, self.structure_encoder(structure)[0], points)

    def forward(
        self,
        structure: Tensor,
        points: Tensor,
        reference: Reference,
        memory: GeneratorMemory | None = None,
    ) -> tuple[Tensor, GeneratorMemory, list[tuple[Motion, ...]]]:
        """Frames for `structure` (B, T, S, H/4, W/4) and `points` (B, T, N, 2): images (B, T, 3, H, W) in
        [-1, 1], the memory for the next call, and every frame's motions. T = 1 live, more in training: a clip
        in one call equals the clip frame by frame."""
        outputs, memory = self.animate(structure, points, reference, memory)
        images = torch.stack([output.image for output in outputs], dim=1)
        return images, memory, [output.motions for output in outputs]

    def animate(
        self,
        structure: Tensor,
        points: Tensor,
        reference: Reference,
        memory: GeneratorMemory | None = None,
    ) -> tuple[list[FrameOutput], GeneratorMemory]:
        """As `forward`, with everything a frame is made of, for losses and for looking inside."""
        previous = (memory or GeneratorMemory()).previous
        outputs: list[FrameOutput] = []
        for t in range(structure.shape[1]):
            output, previous = self.frame(
                self.look_ahead(structure[:, t], points[:, t], reference), reference, previous
            )
            outputs.append(output)
        return outputs, GeneratorMemory(previous)

    def look_ahead(self, structure: Tensor, points: Tensor, reference: Reference) -> Ahead:
        """The part of a frame, `structure` (B, S, H/4, W/4) and `points` (B, N, 2), before any other frame
        matters: a third of its work."""
        structure4, x8, hidden8, half = self.see(structure)
        target = pose_prior(self.config.task, points, self.config.shape, STRIDE)
        motion, warped = self._motion_of_source(half, target, (reference,))
        return Ahead(structure4, x8, hidden8, half, target, motion, warped)

    def frame(
        self, ahead: Ahead, reference: Reference, previous: tuple[Reference, ...]
    ) -> tuple[FrameOutput, tuple[Reference, ...]]:
        """The frame of `ahead`, and the previous frames of the next: at most `config.previous`, it first."""
        output = self._frame(ahead, (reference, *previous))
        if self.config.previous:
            newest = self._encode(output.image, ahead.structure4, ahead.target.points)
            previous = (newest, *previous)[: self.config.previous]
        return output, previous

    def _encode(self, image: Tensor, structure4: Tensor, points: Tensor) -> Reference:
        features8, features4, flow_half, half8, half4 = self.encode(image, structure4)
        return Reference(image, points, flow_half, (features8, features4), (half8, half4))

    # Dense parts, tensors to tensors, nearly all of the work: `exported` has them computed elsewhere.

    def see(self, structure: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`structure` (B, S, H/4, W/4) to the first four fields of `Ahead`."""
        structure4, structure8 = self.structure_encoder(structure)
        x8 = self.before8(structure8)
        return structure4, x8, _target_half(self.attention8, x8), self.flow.target_half(structure4)

    def encode(self, image: Tensor, structure4: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """`image` (B, 3, H, W) and its structure features to a `Reference`'s features at H/8 and H/4, half of
        the flow estimator and halves of the kernel nets."""
        features4, features8 = self.image_encoder(image)
        flow_half = self.flow.encode_reference(structure4, features4)
        half8 = _reference_half(self.attention8, features8)
        return features8, features4, flow_half, half8, _reference_half(self.attention4, features4)

    def decode8(self, x8: Tensor, structure4: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder from H/8 to H/4, (B, C, H/4, W/4), and that target's half of the kernel net there."""
        x4 = self.up4(self.body8(x8)) + self.structure4(structure4)
        return x4, _target_half(self.attention4, x4)

    def decode4(self, x4: Tensor, warped: Tensor) -> Tensor:
        """The decoder from H/4 on: what it paints, before tanh, and that part's logit, (B, 4, H, W)."""
        # Pixels come from the source alone: warped again and again, previous frames would only blur.
        x = self.up2(self.body4(x4))
        x = self.body2(x + self.pixels2(F.pixel_unshuffle(warped, 2).to(x.dtype)))
        painted = F.pixel_shuffle(self.paint(activate(x)).float(), 2)
        return without_combs(painted) if self.config.task == "closeup" else painted

    def deform(self, structure: Tensor, points: Tensor, reference: Reference) -> Deformed:
        """The flows alone to a target of `structure` (B, S, H/4, W/4) and `points` (B, N, 2)."""
        motion, _ = self.estimate_motion(self.structure_encoder(structure)[0], points, (reference,))
        return Deformed(motion.flows[:2])

    def estimate_motion(
        self, structure4: Tensor, points: Tensor, references: tuple[Reference, ...]
    ) -> tuple[FlowOutput, Tensor]:
        """The Flow Field Estimator alone: flows and logits, and the source's pixels under the full-size flow,
        (B, 3, H, W). `structure4`: the target's structure features at H/4."""
        target = pose_prior(self.config.task, points, self.config.shape, STRIDE)
        return self._motion_of_source(self.flow.target_half(structure4), target, references)

    def _motion_of_source(self, half: Tensor, target: PosePrior, references: tuple[Reference, ...]):
        motion = self._motion(half, target, references)
        return motion, warp(references[0].image.float(), motion.flows[2][:, 0])

    def _motion(self, half: Tensor, target: PosePrior, references: tuple[Reference, ...], first: int = 0):
        places = torch.stack([reference.points for reference in references], dim=1)
        halves = torch.stack([reference.flow_half for reference in references], dim=1)
        return self.flow(half, halves, self.candidates(target, places), first)

    def candidates(self, target: PosePrior, places: Tensor) -> Tensor:
        """See `flow.candidate_flows`."""
        return candidate_flows(target, places)

    def _frame(self, ahead: Ahead, references: tuple[Reference, ...]) -> FrameOutput:
        structure4, warped, motion = ahead.structure4, ahead.warped, ahead.motion
        if references[1:]:
            previous = self._motion(ahead.flow_half, ahead.target, references[1:], first=1)
            motion = motion.join(previous)
        flows, logits = motion
        x, motion8, weights8 = self._attend(
            self.attention8, 0, ahead.x8, ahead.hidden8, references, flows[0], logits[0]
        )
        x, hidden4 = self.decode8(x, structure4)
        x, motion4, weights4 = self._attend(self.attention4, 1, x, hidden4, references, flows[1], logits[1])
        image, generated, mask = self._paint(x, warped, logits[2])
        return FrameOutput(
            image, generated, warped, (motion8, motion4, Motion(flows[2], mask)), (weights8, weights4)
        )

    def _paint(self, x4: Tensor, warped: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The last layers, from H/4: the picture, its painted part and the share of the warped source."""
        painted = self.decode4(x4, warped)
        generated = painted[:, :3].contiguous().tanh()  # a strided view takes six times as long
        mask = shares(logits, painted[:, 3:])
        return fuse(generated, warped[:, None], mask), generated, mask

    def _attend(self, attention: LocalAttention | None, level: int, x, hidden, references, flow, logits):
        if attention is None:
            return x, Motion(flow, shares(logits)), flow[:, :, :0]
        # Channels last, as they are gathered; `stack` by itself lays them out anew.
        rows = [reference.features[level].permute(0, 2, 3, 1) for reference in references]
        features = torch.stack(rows, dim=1).permute(0, 1, 4, 2, 3)
        halves = torch.stack([reference.attention_halves[level] for reference in references], dim=1)
        sampled, weights = attention(hidden, features, halves, flow)
        fused, mask = self._fuse(x, sampled, logits)
        return fused, Motion(flow, mask), weights

    def _fuse(self, x: Tensor, sampled: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """What is generated and what is sampled, (B, C, h, w) and (B, R, C, h, w), as one; and the shares."""
        mask = shares(logits)
        return fuse(x, sampled, mask.to(x.dtype)), mask


def without_combs(painted: Tensor) -> Tensor:
    """`painted` (B, C, H, W) under 1-2-1 both ways: what alternates from pixel to pixel, of which a critic
    makes teeth and no camera does, is gone."""
    return F.avg_pool2d(F.avg_pool2d(F.pad(painted, (1, 1, 1, 1), mode="replicate"), 2, 1), 2, 1)


def _target_half(attention: LocalAttention | None, x: Tensor) -> Tensor:
    return attention.encode_target(x) if attention else x[:, :0]


def _reference_half(attention: LocalAttention | None, features: Tensor) -> Tensor:
    return attention.encode_reference(features) if attention else features[:, :0]


class ImageEncoder(nn.Module):
    """Image (B, 3, H, W) to features at H/4 and H/8; nothing normalises, so colour survives."""

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        c2, c4, c8 = config.channels
        self.enter = conv(12, c2)
        self.down4, self.body4 = Down(c2, c4), residuals(c4, 1)
        self.down8, self.body8 = Down(c4, c8), residuals(c8, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x4 = self.body4(self.down4(self.enter(F.pixel_unshuffle(image, 2))))
        return x4, self.body8(self.down8(x4))


class StructureEncoder(nn.Module):
    """Structure map (B, S, H/4, W/4) to features at H/4 and H/8."""

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        _, c4, c8 = config.channels
        self.enter = conv(config.structure_channels, c4)
        self.body4 = residuals(c4, 1)
        self.down8 = Down(c4, c8)

    def forward(self, structure: Tensor) -> tuple[Tensor, Tensor]:
        x4 = self.body4(self.enter(structure))
        return x4, self.down8(x4)
