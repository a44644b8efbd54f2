"""The rows of the papers' ablations: model, losses and the papers' own figures.

All rows of a set have the same data, seeds, steps, optimiser and widths. As in both papers, a model with
motion trains its motion alone at first; a model without motion paints from the first step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from torch import nn

from ...models import AttentionFlow, AttentionFlowConfig, Generator, GeneratorConfig
from ...models.variants import Baseline, BilinearSampling, GlobalAttention, NoPrior, Paper
from ..config import Stage

NETWORK = GeneratorConfig(
    task="person",
    size=64,
    structure_channels=18,
    previous=0,
    channels=(16, 32, 48),
    blocks=(1, 1, 2),
    flow_channels=(16, 32, 48, 48),
    attention_hidden=16,
)
"""Small enough for one core, with the papers' levels, H/8 and H/4, and kernels, 3 and 5."""
PAPER_1 = Stage(
    name="paper 1", steps=0, batch=8, l1=2.0, perceptual=1.0, style=0.05, correctness=0.5, affine=0.002
)
PAPER_2 = replace(PAPER_1, name="paper 2", l1=1.0, attention=2.0, face=0.3)
"""Weights for our relative losses (`losses.terms`); the papers' are for VGG-19's absolute ones. Paper 2 has
no L1, but its VGG-19 sees every pixel; SqueezeNet starts with a stride of two and is blind to a
checkerboard."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One row. build: makes the model of a config. stage: the weights of its losses. published: the paper's
    own figures, on another dataset."""

    name: str
    build: Callable[[GeneratorConfig], nn.Module]
    stage: Stage
    published: dict[str, str]


def _attention_flow(attention: bool = True, flow: bool = True) -> Callable[[GeneratorConfig], nn.Module]:
    def build(config: GeneratorConfig) -> nn.Module:
        return AttentionFlow(
            AttentionFlowConfig(**asdict(config), attention=attention, flow=flow, key_channels=32)
        )

    return build


def _row(name: str, build: Callable, stage: Stage, **published: str) -> Variant:
    return Variant(name=name, build=build, stage=stage, published=published)


SETS: dict[str, tuple[Variant, ...]] = {
    "gfla": (
        _row("Baseline", Baseline, PAPER_1, fid="16.008", lpips="0.2473"),
        _row("Global-Attn", GlobalAttention, PAPER_1, fid="18.616", lpips="0.2575"),
        _row("Bi-Sample", BilinearSampling, PAPER_1, fid="12.143", lpips="0.2406"),
        _row("Full", Paper, PAPER_1, fid="10.573", lpips="0.2341"),
        _row("Full, no regularisation", Paper, replace(PAPER_1, affine=0.0)),
    ),
    "attention-flow": (
        _row(
            "Baseline",
            lambda config: Baseline(config, source_structure=False),
            PAPER_2,
            fid="16.283",
            lpips="0.2189",
            ssim="0.6997",
        ),
        _row("Attn", _attention_flow(flow=False), PAPER_2, fid="10.636", lpips="0.1852", ssim="0.7119"),
        _row("Flow", _attention_flow(attention=False), PAPER_2, fid="10.535", lpips="0.1911", ssim="0.7084"),
        _row(
            "Full, no face loss",
            _attention_flow(),
            replace(PAPER_2, face=0.0),
            fid="9.9336",
            lpips="0.1778",
            ssim="0.7124",
        ),
        _row("Full", _attention_flow(), PAPER_2, fid="9.4502", lpips="0.1813", ssim="0.7113"),
    ),
    "ours": (
        _row("Ours", Generator, PAPER_1),
        _row("No warped-source skip", Paper, PAPER_1),
        _row("No limb prior", NoPrior, PAPER_1),
    ),
}
