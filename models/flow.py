"""Flow Field Estimator (GFLA section 3.1): where to find each place of the new picture in each reference.

It blends candidate flows that follow from the pose in closed form (`priors.spline`; for a face: stay still or
go with the shoulders, follow the head as one body, follow the landmark spline) and adds a learnt residual,
coarse to fine: the flow at H/4 starts from the flow at H/8. All references pass the same weights, and the
shares of {generated, references} are a softmax, so any number of references fits.

A layered source is a person in front of a plate. The estimator is shown the person's matte, moved by the
candidates, and corrects the matte moved by its own flow.

B batch, R references, K candidate flows, h w a level's grid.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import GeneratorConfig
from .layers import Down, Residual, Up, activate, conv, double
from .ops import warp
from .priors.spline import CANDIDATES, PosePrior

STRIDE = 4
"""Pixels per cell of the finest level at which candidate flows are blended."""


class Motion(NamedTuple):
    """One level's motion.

    Attributes:
        flow: (B, R, 2, h, w) float32, pixels of this level, x then y, backward: the target's (x, y) reads the
            reference's (x + fx, y + fy).
        mask: (B, R, 1, h, w) in [0, 1], the share of each warped reference; the generated part has the rest.
    """

    flow: Tensor
    mask: Tensor


class FlowOutput(NamedTuple):
    """Flows (B, R, 2, h, w) and share logits (B, R, 1, h, w) at H/8 and H/4; and at H for the source alone
    (R = 1), if it is among the references. For a layered source, `covers`: corrections (B, 1, h, w) to the
    logit of its moved matte at H/8, H/4 and H; else empty."""

    flows: tuple[Tensor, ...]
    logits: tuple[Tensor, ...]
    covers: tuple[Tensor, ...] = ()

    def join(self, previous: FlowOutput) -> FlowOutput:
        """The source's output (self), then that of the previous frames."""

        def joined(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return (torch.cat((a[0], b[0]), dim=1), torch.cat((a[1], b[1]), dim=1), a[2])

        flows, logits = joined(self.flows, previous.flows), joined(self.logits, previous.logits)
        return FlowOutput(flows, logits, self.covers)


class Hourglass(nn.Module):
    """Features at H/4 down to H/32 and up again with skips, so that every place sees the whole picture."""

    def __init__(self, widths: tuple[int, int, int, int]):
        super().__init__()
        f4, f8, f16, f32 = widths
        self.down8, self.body8 = Down(f4, f8), Residual(f8, norm=True)
        self.down16, self.body16 = Down(f8, f16), Residual(f16, norm=True)
        self.down32, self.body32 = Down(f16, f32), Residual(f32, norm=True)
        self.up16, self.merge16 = Up(f32, f16, kernel=1), Residual(f16, norm=True)
        self.up8, self.merge8 = Up(f16, f8, kernel=1), Residual(f8, norm=True)
        self.up4, self.merge4 = Up(f8, f4, kernel=1), Residual(f4)

    def down_and_up(self, x4: Tensor) -> tuple[Tensor, Tensor]:
        """(B, f4, H/4, W/4) to features at H/8 and at H/4."""
        x8 = self.body8(self.down8(x4))
        x16 = self.body16(self.down16(x8))
        x32 = self.body32(self.down32(x16))
        x16 = self.merge16(x16 + self.up16(x32))
        x8 = self.merge8(x8 + self.up8(x16))
        return x8, self.merge4(x4 + self.up4(x8))


class FlowEstimator(Hourglass):
    """Flows and share logits for R references, from the halves of the target and of the references."""

    def __init__(self, config: GeneratorConfig):
        super().__init__(config.flow_channels)
        f4, f8, _, _ = config.flow_channels
        structure, candidates = config.channels[1], CANDIDATES[config.task]
        self.layered = config.layered
        self.reference_half = conv(structure + config.channels[1], 2 * f4)
        self.candidate_half = conv(2 * (candidates - 1) + candidates * config.layered, f4)
        self.target_half = conv(structure, f4)
        self.kind = nn.Parameter(torch.zeros(1 + config.previous, f4))
        self.enter = conv(f4, f4)
        self.head8 = conv(f8, 3 + candidates + config.layered, zero=True)
        self.head4 = conv(f4, 4 + candidates + 2 * config.layered, zero=True)
        with torch.no_grad():
            assert self.head8.bias is not None
            self.head8.bias[2 + candidates] = 1.0  # lean towards the finest

    def encode_reference(self, structure: Tensor, features: Tensor) -> Tensor:
        """The reference's half of the first layer, (B, 2 f4, H/4, W/4): the first f4 channels are read where
        the finest candidate points, the others in place."""
        return self.reference_half(torch.cat((structure, features), dim=1))

    def forward(
        self,
        target: Tensor,
        halves: Tensor,
        candidates: Tensor,
        first: int = 0,
        matte: Tensor | None = None,
    ) -> FlowOutput:
        """Flows to R references, each judged for itself: two calls give what one call gives.

        Args:
            target: (B, f4, h, w) the target's half of the first layer.
            halves: (B, R, 2 f4, h, w) as of `encode_reference`.
            candidates: (B, R, K, 2, h, w) candidate flows, pixels of H/4, the finest last.
            first: number of the first reference; 0 is the source.
            matte: (B, 1, h, w) in [0, 1] of a layered source, which is then the only reference.
        """
        (batch, count), kinds = halves.shape[:2], candidates.shape[2]
        candidates = candidates.flatten(0, 1)
        moved, still = halves.flatten(0, 1).chunk(2, dim=1)
        x = (warp(moved, candidates[:, -1]) + still).unflatten(0, (batch, count))
        x = x + self.kind[first : first + count, :, None, None] + target[:, None]
        out8, out4 = self.estimate(x.flatten(0, 1), self._moves(candidates, matte))
        with torch.autocast(x.device.type, enabled=False):  # sub-pixel flow needs float32
            halved = F.avg_pool2d(candidates.flatten(1, 2), 2).view_as(candidates[..., ::2, ::2]) / 2
            blend8, blend4 = out8[:, 3 : 3 + kinds], out4[:, 4 : 4 + kinds]
            flow8 = blend(halved, blend8) + out8[:, :2]
            up8 = double(out8)
            flow4 = blend(candidates, up8[:, 3 : 3 + kinds] + blend4)
            flow4 = flow4 + 2 * up8[:, :2] + out4[:, :2]
            logit8, logit4 = out8[:, 2:3], up8[:, 2:3] + out4[:, 2:3]
            flows = tuple(flow.unflatten(0, (batch, count)) for flow in (flow8, flow4))
            logits = tuple(logit.unflatten(0, (batch, count)) for logit in (logit8, logit4))
            covers: tuple[Tensor, ...] = ()
            last = [flows[1][:, 0], out4[::count, 3:4]]
            if matte is not None:
                cover4 = up8[:, 3 + kinds :] + out4[:, 4 + kinds : 5 + kinds]
                covers = (out8[:, 3 + kinds :], cover4)
                last.append(cover4 + out4[:, 5 + kinds :])
            if first == 0:  # pixels come from the source alone
                full = double(double(torch.cat(last, dim=1)))  # one call costs less than three
                flows, logits = (*flows, 4 * full[:, None, :2]), (*logits, full[:, None, 2:3])
                covers += (full[:, 3:],) if covers else ()
        return FlowOutput(flows, logits, covers)

    def _moves(self, candidates: Tensor, matte: Tensor | None) -> Tensor:
        """What the first layer sees of the candidates (B, K, 2, h, w): those that move, in halves of cells,
        and for a layered source its matte under each; (B, 2 (K - 1) or 3 K - 2, h, w)."""
        moves = candidates[:, 1:].flatten(1, 2) / 4
        if not self.layered:
            return moves
        seen = moves.new_zeros(len(moves), candidates.shape[1], *moves.shape[2:])
        if matte is not None:
            seen = torch.cat([warp(matte, flow) for flow in candidates.unbind(1)], dim=1)
        return torch.cat((moves, seen), dim=1)

    def estimate(self, x: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """The dense layers: residual flow, share logit and logits of the K candidates, float32.

        x: (B, f4, h, w) the first layer without the candidates' part. moves: see `_moves`. Returns (B, 3 + K,
        h/2, w/2) at H/8 and (B, 4 + K, h, w) at H/4, where the fourth channel is the share logit at H; with
        layers then the corrections of the cover, at H/8, and at H/4 and H.
        """
        x = x + self.candidate_half(moves.to(x.dtype))
        x8, x4 = self.down_and_up(activate(self.enter(activate(x))))
        with torch.autocast(x.device.type, enabled=False):
            return self.head8(activate(x8).float()), self.head4(activate(x4).float())


def candidate_flows(target: PosePrior, points: Tensor, fine: Tensor | None = None) -> Tensor:
    """Flows in closed form from the pose `target` to the references' `points` (B, R, N, 2): (B, R, K, 2, h,
    w) float32, pixels of H/4. The first is zero, the last the finest: spline, limbs or cylinder. fine: of the
    references, see `Spline.flows`."""
    return target.flows(points, fine) / STRIDE


def blend(candidates: Tensor, logits: Tensor) -> Tensor:
    """A convex combination of `candidates` (B, K, 2, h, w) under the softmax of `logits` (B, K, h, w)."""
    return (candidates * logits.softmax(dim=1)[:, :, None]).sum(dim=1)
