"""Flow Field Estimator (GFLA section 3.1): where every place of the new picture is found in each reference.

It blends flows known in closed form (for a face: stay still, follow the head rigidly, follow the landmark
spline; see `prior`) and adds a learnt residual, coarse to fine: the flow at H/8 goes up into the flow at H/4.
Every reference is judged by the same weights; shares over {generated, references} are a softmax, so any
number of references fits.

B batch, R references, K candidate flows, h w a level's grid.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import GeneratorConfig
from .flow_prior import CANDIDATES, PosePrior
from .layers import Down, Residual, Up, activate, conv, double
from .ops import warp

STRIDE = 4  # of the finest level at which candidate flows are blended


class Motion(NamedTuple):
    """One level's motion.

    Attributes:
        flow: (B, R, 2, h, w) float32, pixels of this level, x then y, backward: the target's (x, y) reads the
            reference's (x + fx, y + fy).
        mask: (B, R, 1, h, w) in [0, 1], the share taken from each warped reference; what they leave is the
            generated part's.
    """

    flow: Tensor
    mask: Tensor


class FlowOutput(NamedTuple):
    """Flows (B, R, 2, h, w) and logits (B, R, 1, h, w) at H/8 and H/4; at H of the source alone (R = 1),
    where it is among the references."""

    flows: tuple[Tensor, ...]
    logits: tuple[Tensor, ...]

    def join(self, previous: FlowOutput) -> FlowOutput:
        """The source's, self, and those of the previous frames."""

        def pairs(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return (torch.cat((a[0], b[0]), dim=1), torch.cat((a[1], b[1]), dim=1), a[2])

        return FlowOutput(pairs(self.flows, previous.flows), pairs(self.logits, previous.logits))


class Hourglass(nn.Module):
    """Features at H/4 down to H/32 and up again with skips, so every place sees the whole picture."""

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
    """Flows and share logits for R references from the target's structure and the references' halves."""

    def __init__(self, config: GeneratorConfig):
        super().__init__(config.flow_channels)
        f4, f8, _, _ = config.flow_channels
        structure, candidates = config.channels[1], CANDIDATES[config.task]
        self.reference_half = conv(structure + config.channels[1], 2 * f4)
        self.candidate_half = conv(2 * (candidates - 1), f4)
        self.target_half = conv(structure, f4)
        self.kind = nn.Parameter(torch.zeros(1 + config.previous, f4))
        self.enter = conv(f4, f4)
        self.head8 = conv(f8, 3 + candidates, zero=True)
        self.head4 = conv(f4, 4 + candidates, zero=True)
        with torch.no_grad():
            assert self.head8.bias is not None
            self.head8.bias[-1] = 1.0  # lean towards the finest

    def encode_reference(self, structure: Tensor, features: Tensor) -> Tensor:
        """The reference's half of the first layer (convolve, then sample): (B, 2 f4, H/4, W/4), one part
        to be read where the spline points, one in place."""
        return self.reference_half(torch.cat((structure, features), dim=1))

    def forward(self, target: Tensor, halves: Tensor, candidates: Tensor, first: int = 0) -> FlowOutput:
        """`target` (B, f4, h, w), its half, `halves` (B, R, 2 f4, h, w), `candidates` (B, R, K, 2, h,
        w): flows at H/4 in pixels of H/4, the finest last. first: the first reference's number; 0 is the
        source. References are judged one by one: those of two calls are those of one."""
        batch, count = halves.shape[:2]
        candidates = candidates.flatten(0, 1)
        moved, still = halves.flatten(0, 1).chunk(2, dim=1)
        x = (warp(moved, candidates[:, -1]) + still).unflatten(0, (batch, count))
        x = x + self.kind[first : first + count, :, None, None] + target[:, None]
        out8, out4 = self.judge(x.flatten(0, 1), candidates[:, 1:].flatten(1, 2))
        with torch.autocast(x.device.type, enabled=False):  # sub-pixel flow needs float32
            flow8 = blend(
                F.avg_pool2d(candidates.flatten(1, 2), 2).view_as(candidates[..., ::2, ::2]) / 2, out8[:, 3:]
            )
            flow8 = flow8 + out8[:, :2]
            flow4 = (
                blend(candidates, double(out8[:, 3:]) + out4[:, 4:]) + 2 * double(out8[:, :2]) + out4[:, :2]
            )
            logit8 = out8[:, 2:3]
            logit4 = double(logit8) + out4[:, 2:3]
            flows, logits = (flow8, flow4), (logit8, logit4)
            flows, logits = (tuple(x.unflatten(0, (batch, count)) for x in both) for both in (flows, logits))
            if first == 0:  # pixels come from the source alone
                flows += (4 * double(double(flows[1][:, 0]))[:, None],)
                logits += (double(double(out4[::count, 3:4]))[:, None],)
        return FlowOutput(flows, logits)

    def judge(self, x: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """The dense part: `x` (B, f4, h, w), all of the first layer but what `moves` (B, 2 (K - 1), h, w),
        the candidates that move, add to it. At H/8 residual flow, logit and the candidates' logits, (B, 3 +
        K, h/2, w/2); at H/4 the same and the logit at H, (B, 4 + K, h, w); float32."""
        x = x + self.candidate_half(moves.to(x.dtype) / 4)
        x8, x4 = self.down_and_up(activate(self.enter(activate(x))))
        with torch.autocast(x.device.type, enabled=False):
            return self.head8(activate(x8).float()), self.head4(activate(x4).float())


def candidate_flows(target: PosePrior, places: Tensor) -> Tensor:
    """The flows known in closed form, from the pose of `target` to `places` (B, R, N, 2), the references':
    (B, R, K, 2, h, w) float32, pixels of H/4. The first stays still, the last is the finest: spline,
    limbs or cylinder."""
    return target.flows(places) / STRIDE


def blend(candidates: Tensor, logits: Tensor) -> Tensor:
    """A convex combination of `candidates` (B, K, 2, h, w) under the softmax of `logits` (B, K, h, w)."""
    return (candidates * logits.softmax(dim=1)[:, :, None]).sum(dim=1)
