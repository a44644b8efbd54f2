"""The original GFLA generators, as the paper's authors released them, so that their checkpoints run here.

A third `FrameModel` beside `Generator` and `AttentionFlow`. What differs from ours: structure
maps of the picture's full size, instance norms, free heads for the flow, one network for each reference, and
masks that blend with each reference alone, summed (Eq. 10), whose attention is divided by k * k once more.

B batch, S structure channels, H W the picture, h w a level's grid. References are in our order, the source
first; the released networks have the previous frame first.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..config import OriginalConfig
from ..flow import Motion
from ..frames import FrameModel, FrameOutput, Layers
from ..layers import double
from ..ops import warp
from .layers import Decoder, Encoder, FlowNet, Flows


class OriginalReference(NamedTuple):
    """A picture as one kind of reference, the source or the previous frame: each kind has its own networks.

    Attributes:
        image: (B, 3, H, W) in [-1, 1].
        structure: (B, S, H, W) its structure map; of a view its code, (B, S, 8, 8).
        features: (B, C, h, w) at H/8 and H/4.
        attention_halves: its half of each kernel net, at H/8 and H/4; no channels without attention.
        first: the same picture as the previous frame of the first one; no items where there is no such frame.
    """

    image: Tensor
    structure: Tensor
    features: tuple[Tensor, Tensor]
    attention_halves: tuple[Tensor, Tensor]
    first: tuple[OriginalReference, ...] = ()


class OriginalAhead(NamedTuple):
    """The part of a frame that depends on no other frame.

    Attributes:
        structure: (B, S, H, W) the target's map or code.
        x8: the decoder's first features, (B, C, H/8, W/8).
        flows: to the source, where they depend on it alone.
    """

    structure: Tensor
    x8: Tensor
    flows: tuple[Flows, ...]


class Original(FrameModel[OriginalConfig, OriginalReference, OriginalAhead]):
    """One of the released generators, which one by its `config`."""

    def __init__(self, config: OriginalConfig):
        super().__init__(config)
        structure, view = config.structure_channels, config.network == "view"
        self.encoders = ("source_reference", "source_previous") if config.previous else ("source",)
        for name in self.encoders:
            self.add_module(name, Encoder(3, config.channels))
        self.target = Decoder(config)
        inputs = 3 if view else 3 + 2 * structure
        if config.network == "dance":
            self.flow_net_previous = FlowNet(inputs, config)
            self.flow_net_reference = FlowNet(inputs, config)
        else:
            more = config.previous * (3 + structure)
            self.flow_net = FlowNet(inputs + more, config, references=1 + config.previous)

    def encode_reference(
        self, image: Tensor, structure: Tensor, points: Tensor, layers: Layers | None = None
    ) -> OriginalReference:
        """Flows follow from pictures and structures alone: `points` and `layers` are not read. A view's
        structure is its code (B, S, 8, 8)."""
        if not self.config.previous:
            return self._encode(image, structure, 0)
        first = self._encode(image, structure, 1)
        return self._encode(image, structure, 0)._replace(first=(first,))

    def look_ahead(
        self, structure: Tensor, points: Tensor, reference: OriginalReference, fine: Tensor | None = None
    ) -> OriginalAhead:
        """The part of a frame that needs no other frame: all flows but those of a face, whose one network
        reads the previous frame too."""
        flows: list[Flows] = []
        if self.config.network == "dance":
            flows = self.flow_net_reference(_flow_input(reference, structure))
        elif self.config.network == "view":
            flows = self.flow_net(reference.image, reference.structure - structure)
        elif self.config.network == "pose":
            flows = self.flow_net(_flow_input(reference, structure))
        return OriginalAhead(structure, self.target.encode(structure), tuple(flows))

    def frame(
        self, ahead: OriginalAhead, reference: OriginalReference, previous: tuple[OriginalReference, ...]
    ) -> tuple[FrameOutput, tuple[OriginalReference, ...]]:
        """Before the first frame, the previous one is the source itself."""
        previous = previous or reference.first
        flows = list(ahead.flows)
        if self.config.network == "dance":
            flows += self.flow_net_previous(_flow_input(previous[0], ahead.structure))
        elif self.config.network == "face":
            pictures = [part for p in (*previous, reference) for part in (p.image, p.structure)]
            flows = self.flow_net(torch.cat((ahead.structure, *pictures), dim=1))[::-1]
        references = (reference, *previous)
        features, halves = [r.features for r in references], [r.attention_halves for r in references]
        image, weights = self.target.decode(ahead.x8, features, halves, flows)
        motions = _motions(flows)
        warped = warp(reference.image.float(), motions[2].flow[:, 0])
        output = FrameOutput(image, image, warped, motions, weights)
        return output, (self._encode(image, ahead.structure, 1),) if previous else ()

    def _encode(self, image: Tensor, structure: Tensor, number: int) -> OriginalReference:
        """A picture as the source (number 0) or the previous frame (1)."""
        features = self.get_submodule(self.encoders[number])(image)
        attentions = [self.target.attention(level, number) for level in (0, 1)]
        halves = [a.encode_reference(x) if a else x[:, :0] for a, x in zip(attentions, features, strict=True)]
        return OriginalReference(image, structure, features, (halves[0], halves[1]))


def _flow_input(reference: OriginalReference, structure: Tensor) -> Tensor:
    return torch.cat((reference.image, reference.structure, structure), dim=1)


def _motions(flows: list[Flows]) -> tuple[Motion, Motion, Motion]:
    """As of a `FrameOutput`: shares of the summed blends are masks over their number. At H the flow to the
    source is that of H/4, enlarged, and its whole mask; where H/8 has no flow, it is that of H/4, halved, and
    nothing is taken."""
    flow4, mask4 = (torch.stack([f[part][1] for f in flows], dim=1) for part in (0, 1))
    flows8 = [flow for flow, _ in (f.flows for f in flows) if flow is not None]
    masks8 = [mask for mask, _ in (f.masks for f in flows) if mask is not None]
    if not flows8:
        flow8 = F.avg_pool2d(flow4.flatten(0, 1), 2).unflatten(0, flow4.shape[:2]) / 2
        mask8 = torch.zeros_like(flow8[:, :, :1])
    else:
        flow8, mask8 = torch.stack(flows8, dim=1), torch.stack(masks8, dim=1)
    full = Motion(4 * double(double(flow4[:, 0]))[:, None], double(double(mask4[:, 0]))[:, None])
    return Motion(flow8, mask8 / len(flows)), Motion(flow4, mask4 / len(flows)), full
