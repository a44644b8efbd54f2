"""Models of the papers' ablations and of ours, each written as what it changes, with `Generator`'s methods.

- Paper 1 (Ren 2020, section 4.3): `Baseline`, `GlobalAttention`, `BilinearSampling`, and `Paper`, the full
  model as printed, which takes no pixels from the source.
- Paper 2 (Ren 2021, section 4.2): `Baseline`, and `AttentionFlow` with `attention` or `flow` off.
- Ours: `NoPrior`, `SummedBlends`, and `Paper` as the generator without its warped-source skip.

`train/ablation/variants.py` has what differs in training alone: losses and memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .attention_flow import Synthesis
from .config import GeneratorConfig
from .frames import FrameOutput, Layers, StillModel
from .generator import Generator
from .layers import Down, ImageEncoder, StructureEncoder, activate, conv, residuals
from .ops import attention_warp, warp
from .priors.spline import PosePrior


class Paper(Generator):
    """No warped-source skip: every pixel is painted, as in both papers."""

    def __init__(self, config: GeneratorConfig):
        super().__init__(config)
        self.pixels2 = None
        self.paint = conv(config.channels[0], 12)
        nn.init.normal_(self.paint.weight, std=0.01)

    def _paint(self, x4: Tensor, warped: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.body2(self.up2(self.body4(x4)))
        generated = F.pixel_shuffle(self.paint(activate(x)).float(), 2).tanh()
        return generated, generated, torch.zeros_like(logits)


class BilinearSampling(Paper):
    """Bi-Sample: features are sampled bilinearly where the flow points; no weights are predicted."""

    def __init__(self, config: GeneratorConfig):
        super().__init__(config)
        self.attention8, self.attention4 = _Bilinear(), _Bilinear()


class SummedBlends(Generator):
    """The original's fusion: one blend (Eq. 10) per reference, summed; two references double a feature."""

    def _fuse(self, x: Tensor, sampled: Sequence[Tensor], logits: Tensor) -> tuple[Tensor, Tensor]:
        mask = logits.float().sigmoid()
        weight = mask.to(x.dtype)
        return ((1 - weight) * x[:, None] + weight * torch.stack(list(sampled), dim=1)).sum(dim=1), mask


class NoPrior(Generator):
    """No prior: the flow is learnt from zero."""

    def candidates(self, target: PosePrior, points: Tensor, fine: Tensor | None = None) -> Tensor:
        return torch.zeros_like(super().candidates(target, points))


class Unmoved(NamedTuple):
    """A reference for a model without flow: `Baseline` or `GlobalAttention`.

    Attributes:
        image: (B, 3, H, W) in [-1, 1]. structure: (B, S, H/4, W/4).
        features: (B, C, h, w) at H/8 and H/4; empty for the baseline.
    """

    image: Tensor
    structure: Tensor
    features: tuple[Tensor, ...] = ()


class GlobalAttention(StillModel[GeneratorConfig, Unmoved]):
    """Global-Attn: every place of the target reads every place of the source, softmax over the source.

    Keys and queries are 1 x 1 convolutions of the features f_s and f_t (section 4.3). Their cosines are
    multiplied by `ALPHA`, as in paper 2's Eq. 2; otherwise a softmax over so many places stays flat.
    """

    ALPHA = 100.0

    def __init__(self, config: GeneratorConfig):
        super().__init__(config)
        _, c4, c8 = config.channels
        self.image_encoder, self.structure_encoder = ImageEncoder(config), StructureEncoder(config)
        self.keys = nn.ModuleList((conv(c8, c8, 1), conv(c4, c4, 1)))
        self.queries = nn.ModuleList((conv(c8, c8, 1), conv(c4, c4, 1)))
        self.synthesis = Synthesis(config)

    def encode_reference(
        self, image: Tensor, structure: Tensor, points: Tensor, layers: Layers | None = None
    ) -> Unmoved:
        return Unmoved(image, structure, self.image_encoder(image)[::-1])

    def look_ahead(
        self, structure: Tensor, points: Tensor, reference: Unmoved, fine: Tensor | None = None
    ) -> FrameOutput:
        image, _ = self._attend(structure, reference)
        return FrameOutput(image, image, reference.image, (), ())

    def keys_and_queries(self, structure: Tensor, reference: Unmoved) -> tuple[Tensor, Tensor]:
        """Keys and queries at H/4 for one picture, (B, K, H/4, W/4) each; `structure` (B, S, H/4, W/4)."""
        return self._attend(structure, reference)[1]

    def _attend(self, structure: Tensor, reference: Unmoved) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The picture (B, 3, H, W), and the keys and queries at H/4."""
        seen: list[tuple[Tensor, Tensor]] = []

        def align(level: int, x: Tensor) -> Tensor:
            features = reference.features[level]
            seen.append((self.keys[level](features), self.queries[level](x)))
            return x + attention_warp(features, *seen[-1], self.ALPHA).to(x.dtype)

        return self.synthesis(*self.structure_encoder(structure), align), seen[1]


class Baseline(StillModel[GeneratorConfig, Unmoved]):
    """An auto-encoder of the source picture and both structures, concatenated, without any motion.

    source_structure: False is paper 2's baseline, which sees the target's structure alone.
    """

    def __init__(self, config: GeneratorConfig, source_structure: bool = True):
        super().__init__(config)
        self.source_structure = source_structure
        c2, c4, c8 = config.channels
        structures = config.structure_channels * (2 if source_structure else 1)
        self.enter = conv(12 + structures, c2)
        self.down4, self.body4 = Down(c2, c4), residuals(c4, 2)
        self.down8, self.body8 = Down(c4, c8), residuals(c8, 2)
        self.synthesis = Synthesis(config)

    def encode_reference(
        self, image: Tensor, structure: Tensor, points: Tensor, layers: Layers | None = None
    ) -> Unmoved:
        return Unmoved(image, structure)

    def look_ahead(
        self, structure: Tensor, points: Tensor, reference: Unmoved, fine: Tensor | None = None
    ) -> FrameOutput:
        structures = (structure, reference.structure) if self.source_structure else (structure,)
        drawn = F.interpolate(torch.cat(structures, dim=1), scale_factor=2, mode="nearest")
        x4 = self.body4(self.down4(self.enter(torch.cat((F.pixel_unshuffle(reference.image, 2), drawn), 1))))
        image = self.synthesis(x4, self.body8(self.down8(x4)), lambda _, x: x)
        return FrameOutput(image, image, reference.image, (), ())


class _Bilinear(nn.Module):
    """A `LocalAttention` with a single tap, whose weight is one."""

    def encode_reference(self, features: Tensor) -> Tensor:
        return features[:, :0]

    def encode_target(self, target: Tensor) -> Tensor:
        return target[:, :0]

    def forward(
        self, hidden: Tensor, features: Tensor, halves: Tensor, flow: Tensor
    ) -> tuple[Tensor, Tensor]:
        sampled = warp(features.flatten(0, 1), flow.flatten(0, 1)).unflatten(0, features.shape[:2])
        return sampled, torch.ones_like(flow[:, :, :1])
