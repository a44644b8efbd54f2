"""The loop of a model that draws frames, and what passes in it: references, memory, frames in the making.

B batch, T frames, R references (the source first), H W the picture, h w a level's grid,
N points of a pose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from .config import GeneratorConfig
from .flow import FlowOutput, Motion
from .priors.spline import PosePrior


class Layers(NamedTuple):
    """A source as a person in front of a background, for a layered model.

    Attributes:
        matte: (B, 1, H, W) in [0, 1], the share of the person. plate: (B, 3, H, W) in [-1, 1], the picture
            with what may be behind the person.
    """

    matte: Tensor
    plate: Tensor


class LayerPyramid(NamedTuple):
    """Encoded `Layers`.

    Attributes:
        mattes: (B, 1, h, w) at H/8, H/4 and H. plates: (B, C, h, w), features of the plate at H/8 and H/4,
            and its pixels.
    """

    mattes: tuple[Tensor, Tensor, Tensor]
    plates: tuple[Tensor, Tensor, Tensor]


class Reference(NamedTuple):
    """An encoded picture: all that the generator reads of it.

    Attributes:
        image: (B, 3, H, W) in [-1, 1].
        points: (B, N, 2) float32 pixels, x then y.
        flow_half: its half of the flow estimator's first layer, (B, f, H/4, W/4).
        features: (B, C, h, w) at H/8 and H/4.
        attention_halves: its half of each kernel net, at H/8 and H/4; no channels without attention.
        layers: of a source in layers; None if the picture is one.
        fine: of a previous frame, (B, 2, H/4, W/4), its target's; None: nothing.
    """

    image: Tensor
    points: Tensor
    flow_half: Tensor
    features: tuple[Tensor, Tensor]
    attention_halves: tuple[Tensor, Tensor]
    layers: LayerPyramid | None = None
    fine: Tensor | None = None

    def detach(self) -> Reference:
        return map_tensors(Tensor.detach, self)


@dataclass(frozen=True)
class GeneratorMemory:
    """What one frame leaves to the next: the previous generated frames as references of its generator's kind,
    newest first.

    `GeneratorMemory()` starts a stream, or starts again after a cut.
    """

    previous: tuple[Any, ...] = ()

    def detach(self) -> GeneratorMemory:
        return GeneratorMemory(tuple(reference.detach() for reference in self.previous))


class Ahead(NamedTuple):
    """The part of a frame that depends on no other frame.

    Attributes:
        structure4: the target's structure features, (B, C, H/4, W/4).
        x8: the decoder's first features, (B, C, H/8, W/8).
        hidden8: the target's half of the kernel net at H/8; no channels without attention.
        flow_half: the target's half of the flow estimator's first layer, (B, f, H/4, W/4).
        target: the target's pose, from which flows follow in closed form.
        motion: flows to the source alone.
        covers: (B, 1, h, w) in [0, 1] at H/8, H/4 and H: how far the source's person, moved, hides the plate;
            empty for a source that is no layers.
        warped: the source's pixels under the full-size flow, over its plate, (B, 3, H, W).
    """

    structure4: Tensor
    x8: Tensor
    hidden8: Tensor
    flow_half: Tensor
    target: PosePrior
    motion: FlowOutput
    covers: tuple[Tensor, ...]
    warped: Tensor


class FrameOutput(NamedTuple):
    """One frame, and the parts it is made of.

    Attributes:
        image: (B, 3, H, W) in [-1, 1].
        generated: the part painted by the decoder, (B, 3, H, W).
        warped: the source's own pixels under the full-size flow, over its plate, (B, 3, H, W).
        motions: `Motion` at H/8 and H/4 over all references and at H of the source alone; empty for a model
            without motion.
        attention: weights (B, R, k * k, h, w) at H/8 and H/4, no taps where a level has no attention; empty
            for a model without local attention.
        attended: the source, resized to H/8 and H/4, under paper 2's attention, (B, 3, h, w); else empty.
        cover: (B, 1, H, W), the last of `Ahead.covers`; None without layers.
    """

    image: Tensor
    generated: Tensor
    warped: Tensor
    motions: tuple[Motion, ...]
    attention: tuple[Tensor, ...]
    attended: tuple[Tensor, ...] = ()
    cover: Tensor | None = None


C = TypeVar("C", bound=GeneratorConfig, covariant=True)
R = TypeVar("R")
A = TypeVar("A")


class FrameModel(nn.Module, Generic[C, R, A]):
    """A model of configuration C that draws frames after a reference R, each in two steps, of which the first
    needs no other frame and leaves A."""

    def __init__(self, config: C):
        super().__init__()
        self.config = config

    def forward(
        self, structure: Tensor, points: Tensor, reference: R, memory: GeneratorMemory | None = None
    ) -> tuple[Tensor, GeneratorMemory, list[tuple[Motion, ...]]]:
        """Frames for `structure` (B, T, S, h, w) and `points` (B, T, N, 2): images (B, T, 3, H, W) in
        [-1, 1], the memory for the next call, and every frame's motions. T = 1 live, more in training: a clip
        in one call equals the clip frame by frame."""
        outputs, memory = self.animate(structure, points, reference, memory)
        images = torch.stack([output.image for output in outputs], dim=1)
        return images, memory, [output.motions for output in outputs]

    def animate(
        self,
        structure: Tensor,
        points: Tensor,
        reference: R,
        memory: GeneratorMemory | None = None,
        fine: Tensor | None = None,
    ) -> tuple[list[FrameOutput], GeneratorMemory]:
        """As `forward`, with all the parts of every frame, for losses and inspection. fine: (B, T, 2, H/4,
        W/4), see `look_ahead`."""
        previous = (memory or GeneratorMemory()).previous
        outputs: list[FrameOutput] = []
        for t in range(structure.shape[1]):
            motion = None if fine is None else fine[:, t]
            ahead = self.look_ahead(structure[:, t], points[:, t], reference, motion)
            output, previous = self.frame(ahead, reference, previous)
            outputs.append(output)
        return outputs, GeneratorMemory(previous)

    def encode_reference(
        self, image: Tensor, structure: Tensor, points: Tensor, layers: Layers | None = None
    ) -> R:
        """Encode a portrait, person or thing, once per stream.

        Args:
            image: (B, 3, H, W) in [-1, 1]. structure: (B, S, h, w), its structure map in [0, 1]: h and w are
                H/4 and W/4, of the released networks H and W.
            points: (B, N, 2) of its pose: pixels, x then y, or a view in degrees.
            layers: of the image, for a layered model; None: all of it moves as one.
        """
        raise NotImplementedError

    def look_ahead(self, structure: Tensor, points: Tensor, reference: R, fine: Tensor | None = None) -> A:
        """The part of a frame that needs no other frame; `structure` (B, S, h, w), `points` (B, N, 2). fine:
        (B, 2, H/4, W/4) pixels, motion beside that of the points, see `priors.Spline`; models without a
        spline leave it aside."""
        raise NotImplementedError

    def frame(self, ahead: A, reference: R, previous: tuple[R, ...]) -> tuple[FrameOutput, tuple[R, ...]]:
        """Finish the frame of `ahead`. Returns it and the previous frames for the next one: itself first, at
        most `config.previous`."""
        raise NotImplementedError


class StillModel(FrameModel[C, R, FrameOutput]):
    """A model whose frames are independent: `look_ahead` makes them whole."""

    def frame(
        self, ahead: FrameOutput, reference: R, previous: tuple[R, ...]
    ) -> tuple[FrameOutput, tuple[R, ...]]:
        return ahead, ()


class Deformed(NamedTuple):
    """Motion without a picture: what the first stage of training trains.

    Attributes:
        flows: (B, R, 2, h, w) at H/8 and H/4, as `Motion.flow`; empty for a model without flow.
        attended: as `FrameOutput.attended`.
    """

    flows: tuple[Tensor, ...]
    attended: tuple[Tensor, ...] = ()


def map_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """`change` of every tensor in nested tuples."""
    if isinstance(value, Tensor):
        return change(value)
    if value is None:
        return None
    parts = [map_tensors(change, part) for part in value]
    return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
