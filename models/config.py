"""What a network is: frozen dataclasses, saved with the weights, so that the file says how to build it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

Config = TypeVar("Config")


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Widths and levels of the generator; a level is named by its share of the image side."""

    size: int = 256
    """Side of the square image in pixels; a multiple of 32."""
    structure_channels: int = 17
    """Channels of a structure map: drawn edges, 14 distances, part label, image edges."""
    previous: int = 1
    """How many previously generated frames are references beside the source."""
    channels: tuple[int, int, int] = (16, 48, 96)
    """Feature channels at H/2, H/4 and H/8."""
    blocks: tuple[int, int, int] = (1, 1, 2)
    """Residual blocks of the decoder at H/2, H/4 and H/8."""
    flow_channels: tuple[int, int, int, int] = (32, 64, 96, 96)
    """Channels of the flow field estimator at H/4, H/8, H/16 and H/32."""
    attention_hidden: int = 24
    """Hidden width of the net that predicts local attention weights."""
    kernel_sizes: tuple[int, int] = (3, 5)
    """Local attention kernel at H/8 and at H/4 (GFLA section 4: 3 and 5)."""


@dataclass(frozen=True, kw_only=True)
class AttentionFlowConfig(GeneratorConfig):
    """The model of Ren 2021 (`attention_flow`); the widths it shares with the generator mean the same."""

    previous: int = 0
    key_channels: int = 64
    """K: channels of keys and queries at both levels."""
    alpha: float = 100.0
    """How sharp the attention is (Eq. 2)."""
    attention: bool = True
    """Without: the Flow Model of the paper's ablation (section 4.2)."""
    flow: bool = True
    """Without: its Attention Model."""


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """A patch critic: over images (3 channels) or over residuals between consecutive frames."""

    channels: int = 3
    base: int = 24
    largest: int = 96
    levels: int = 4


def config_from_json(kind: type[Config], values: dict[str, Any]) -> Config:
    """A configuration of `kind` from what JSON made of it, which knows no tuples. TypeError if a name is not
    `kind`'s."""
    settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return kind(**settings)


_FACE = GeneratorConfig()
CONFIGS: dict[str, GeneratorConfig] = {
    "face-256": _FACE,
    "face-256-paper": replace(
        _FACE,
        channels=(64, 128, 256),
        blocks=(2, 2, 3),
        flow_channels=(64, 128, 256, 256),
        attention_hidden=128,
    ),
    "face-tiny": replace(
        _FACE,
        size=64,
        channels=(8, 8, 16),
        blocks=(1, 1, 1),
        flow_channels=(8, 8, 16, 16),
        attention_hidden=8,
    ),
}
"""The named configurations. `face-tiny` is for tests and for trying a training command."""
