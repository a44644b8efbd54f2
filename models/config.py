"""Configurations of the networks: frozen dataclasses, saved with the weights, so that a file loads alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

Config = TypeVar("Config")
Task = Literal["face", "person", "view", "closeup"]
Network = Literal["pose", "view", "face", "dance"]


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Widths of the generator by level; a level is named by its fraction of the image side."""

    task: Task = "face"
    """What a pose's points are: 68 landmarks of a face, 18 joints of a person (NaN where unknown), or one
    view (azimuth, elevation) in degrees. Of a close-up: 68 landmarks and two irises, pixels of its square."""
    size: int = 256
    """Height of the image in pixels, and its width unless `width` is given; multiples of 32."""
    width: int | None = None
    structure_channels: int = 17
    """Channels of a structure map. Face: drawn edges, 14 distances, part label, image edges. Person: 18 heat
    maps. View: 18 azimuths, three elevations, and x and y of each place. Close-up: `closeup_maps` in
    `animate.structure`."""
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
    """Local attention kernel at H/8 and at H/4 (GFLA section 4: 3 and 5); 0: no attention at that level."""
    layered: bool = False
    """The source is a person in front of a background plate, and the head moves as one body (faces)."""

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the image in pixels."""
        return self.size, self.width or self.size


ADDED_SETTINGS: dict[str, Any] = {"task": "face", "width": None, "layered": False}
"""Values of settings that older files do not hold."""


@dataclass(frozen=True, kw_only=True)
class AttentionFlowConfig(GeneratorConfig):
    """The model of Ren 2021 (`attention_flow`); common settings mean the same as of the generator."""

    previous: int = 0
    key_channels: int = 64
    """K: channels of keys and queries at both levels."""
    alpha: float = 100.0
    """How sharp the attention is (Eq. 2)."""
    attention: bool = True
    """False: the Flow Model of the paper's ablation (section 4.2)."""
    flow: bool = True
    """False: the Attention Model of that ablation."""


@dataclass(frozen=True, kw_only=True)
class OriginalConfig(GeneratorConfig):
    """A generator as the paper's authors released it (`original`); common settings mean the same as of ours,
    but structure maps have the picture's full size."""

    network: Network = "pose"
    """Which of theirs: persons without and with (`dance`) previous frames, faces, or views."""
    shown: tuple[int, int] | None = None
    """(height, width) of the pictures, on white, that were squashed to the network's shape in training."""


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """A patch critic: over images (3 channels) or over residuals between consecutive frames."""

    channels: int = 3
    base: int = 24
    largest: int = 96
    levels: int = 4


def config_from_json(kind: type[Config], values: dict[str, Any]) -> Config:
    """A configuration of `kind` from JSON values, whose lists become tuples. TypeError for a name that `kind`
    does not have."""
    settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return kind(**settings)


def mismatch(config: GeneratorConfig) -> str:
    """Why training does not start from weights of `config`, another one than the run's."""
    if isinstance(config, OriginalConfig):
        return "a network of the paper's authors, which is not trained here"
    return f"of another configuration: {config}"


_FACE = GeneratorConfig(layered=True)
_PERSON = GeneratorConfig(task="person", structure_channels=18, previous=0)
_VIEW = GeneratorConfig(task="view", structure_channels=23, previous=0)
_CLOSEUP = GeneratorConfig(task="closeup", size=96, structure_channels=35, previous=0)
_PAPER: dict[str, Any] = {
    "channels": (64, 128, 256),
    "blocks": (2, 2, 3),
    "flow_channels": (64, 128, 256, 256),
    "attention_hidden": 128,
}
_AUTHORS: dict[str, Any] = {
    "channels": (64, 128, 256),
    "blocks": (1, 1, 1),
    "flow_channels": (64, 128, 256, 256),
    "attention_hidden": 128,
}
_AUTHORS_POSE = OriginalConfig(**_AUTHORS, task="person", structure_channels=18, previous=0)
_AUTHORS_VIEW = OriginalConfig(**_AUTHORS, task="view", structure_channels=21, previous=0, network="view")
_SMALL: dict[str, Any] = {
    "size": 96,
    "channels": (16, 32, 64),
    "blocks": (1, 1, 2),
    "flow_channels": (32, 48, 64, 64),
}
_TINY: dict[str, Any] = {
    "size": 64,
    "channels": (8, 8, 16),
    "blocks": (1, 1, 1),
    "flow_channels": (8, 8, 16, 16),
    "attention_hidden": 8,
}
CONFIGS: dict[str, GeneratorConfig] = {
    "face-256": _FACE,
    "face-256-paper": replace(_FACE, **_PAPER),
    "face-tiny": replace(_FACE, **_TINY),
    "closeup-96": _CLOSEUP,
    "closeup-tiny": replace(_CLOSEUP, **_TINY),
    "person-256": replace(_PERSON, **_PAPER),
    "person-128x64": replace(_PERSON, **_PAPER, size=128, width=64, kernel_sizes=(0, 3)),
    "person-96": replace(_PERSON, **_SMALL),
    "person-tiny": replace(_PERSON, **_TINY),
    "person-256-attention-flow": AttentionFlowConfig(
        task="person", structure_channels=18, **_PAPER, key_channels=256
    ),
    "face-96-attention-flow": AttentionFlowConfig(**_SMALL),
    "face-tiny-attention-flow": AttentionFlowConfig(**_TINY, key_channels=16),
    "view-256": replace(_VIEW, **_PAPER),
    "view-64": replace(_VIEW, **{**_SMALL, "size": 64}),
    "view-tiny": replace(_VIEW, **_TINY),
    "authors-deepfashion": replace(_AUTHORS_POSE, shown=(256, 176)),
    "authors-market": replace(_AUTHORS_POSE, size=128, width=64, kernel_sizes=(0, 3)),
    "authors-face": OriginalConfig(**_AUTHORS, structure_channels=16, network="face"),
    "authors-dance": OriginalConfig(**_AUTHORS, task="person", structure_channels=20, network="dance"),
    "authors-car": _AUTHORS_VIEW,
    "authors-chair": _AUTHORS_VIEW,
}
"""The named configurations.

- The papers' settings: `person-256` (DeepFashion), `person-128x64` (Market-1501), `view-256` (ShapeNet).
- `person-96` and `view-64` are small, for puppets.
- `*-tiny` are for tests and for trying a training command.
- `*-attention-flow` are paper 2's model.
- `authors-*` are the networks of the paper's released checkpoints, which `gfla-import` reads.
"""
