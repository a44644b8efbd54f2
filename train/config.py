"""What a training run is: stages of steps with their weights."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of training.

    `length` frames follow the reference in a sample and are generated `chunk` at a time: gradients pass
    through a chunk, the memory is carried from chunk to chunk detached.
    """

    name: str
    steps: int
    batch: int
    length: int = 1
    chunk: int = 1
    rate: float = 5e-4
    flow_only: bool = False
    """Train the warp alone: the Flow Field Estimator and the encoders it reads, by the teacher's flow."""
    flow: float = 0.15
    """Weight of the relative distance to the teacher's flow."""
    l1: float = 2.0
    parts: float = 0.5
    """Weight of L1 in the eyes and the mouth."""
    perceptual: float = 1.0
    generated: float = 0.3
    """Weight of the painted picture's own losses: without them the pixel skip makes the decoder lazy."""
    warped: float = 0.3
    affine: float = 0.01
    adversarial: float = 0.0
    temporal: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    stages: tuple[Stage, ...]
    critic_rate: float = 2e-4
    warmup: int = 100
    clip_gradient: float = 1.0
    ema: float = 0.998
    seed: int = 0

    def without_flow(self) -> TrainConfig:
        """The run without its flow stage, for weights that have learnt to move."""
        return replace(self, stages=tuple(stage for stage in self.stages if not stage.flow_only))

    @property
    def steps(self) -> int:
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> tuple[Stage, int]:
        """The stage that `step` belongs to and the step's number within it."""
        for stage in self.stages:
            if step < stage.steps:
                return stage, step
            step -= stage.steps
        raise ValueError(f"The run has {self.steps} steps.")

    def scaled(self, steps: int) -> TrainConfig:
        """The same run in `steps` steps, each stage keeping its share."""
        total = self.steps
        stages = [replace(stage, steps=max(1, round(stage.steps * steps / total))) for stage in self.stages]
        return replace(self, stages=tuple(stages))


FACE = TrainConfig(
    stages=(
        Stage(name="flow", steps=600, batch=8, flow_only=True, rate=4e-4, flow=1.0),
        Stage(name="image", steps=2800, batch=4),
        Stage(name="video", steps=720, batch=2, length=18, chunk=3, adversarial=0.02, temporal=0.02),
    )
)
TINY = TrainConfig(
    stages=(
        Stage(name="flow", steps=12, batch=2, flow_only=True),
        Stage(name="image", steps=14, batch=2),
        Stage(name="video", steps=14, batch=1, length=6, chunk=3, adversarial=0.02, temporal=0.02),
    )
)
CONFIGS: dict[str, TrainConfig] = {"face-256": FACE, "face-256-paper": FACE, "face-tiny": TINY}
