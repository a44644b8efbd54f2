"""Configurations of training runs: stages of steps with their loss weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from ..animate.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of training.

    A sample has `length` frames after the reference, generated `chunk` at a time. Gradients pass through a
    chunk; from chunk to chunk the memory is detached.
    """

    name: str
    steps: int
    batch: int
    length: int = 1
    chunk: int = 1
    rate: float = 5e-4
    flow_only: bool = False
    """Train the motion alone: the Flow Field Estimator and its encoders, from the teacher's flow."""
    flow: float = 0.15
    """Weight of the relative distance to the teacher's flow."""
    l1: float = 2.0
    parts: float = 0.5
    """Weight of L1 in the eyes and the mouth."""
    perceptual: float = 1.0
    window: float = 0.875
    """Side of the crop that perceptual losses see, of the picture's."""
    central: bool = False
    """That crop is centred instead of random."""
    generated: float = 0.3
    """Weight of the painted picture's own losses; without them the decoder relies on the warped pixels."""
    warped: float = 0.3
    affine: float = 0.01
    correctness: float = 0.0
    """Weight of the sampling-correctness loss of the source's flow (GFLA Eq. 3)."""
    hidden: float = 0.0
    """Weight of the source's share where it is known not to show the place; needs an exact teacher."""
    carried: float = 0.0
    """Weight of the painted share where the source's own warped pixels are right: paint is softer."""
    style: float = 0.0
    """Weight of the Gram matrices' distance."""
    attention: float = 0.0
    """Weight of the attention loss, for models that attend (Ren 2021 Eq. 10)."""
    face: float = 0.0
    """Weight of the perceptual distance of face crops (Ren 2021 Eq. 16)."""
    landmarks: float = 0.0
    """Weight of the difference in landmarks found by the tracker (faces; see `losses.landmarks`)."""
    change: float = 0.0
    """Weight of the error of the changes between a chunk's frames."""
    adversarial: float = 0.0
    temporal: float = 0.0
    entropy: float = 0.0
    """Weight of the cross entropy of mattes."""
    slopes: float = 0.0
    """Weight of L1 of the mattes' slopes, at two sizes: their edges."""

    @property
    def needs_flow(self) -> bool:
        """Whether the stage needs a known flow, which photographs of persons and things do not have."""
        return self.hidden > 0 or (self.flow_only and not self.correctness)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Probabilities of changes beyond the similarity and the colours that every sample gets.

    The first seven are per sample, the same for all its frames. The others are per later chunk of a video
    sample and change its previous frame, so that the generator learns to correct drift.
    """

    mirror: float = 0.5
    first_frame: float = 0.0
    """The reference is the clip's first frame instead of a random one (faces)."""
    far: float = 0.0
    """Of single frames: the one of five whose landmarks are furthest from the reference's (faces)."""
    moved: float = 0.0
    """Of single frames: the reference itself with its head moved, half of them portraits (layered faces)."""
    fine: float = 0.0
    """The frames come with their fine motion beside their points (faces and close-ups)."""
    blur: float = 0.0
    jpeg: float = 0.0
    drop: float = 0.0
    """There is no previous frame, as at the start and after a cut (15 % of chunks in the papers)."""
    mix: float = 0.0
    """The previous frame is blended with the true one, in a random proportion."""
    noise: float = 0.0
    """Noise on the previous frame, with a standard deviation up to 0.1 (of -1 to 1)."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A run: its stages in order, and the settings common to all."""

    stages: tuple[Stage, ...]
    critic_rate: float = 2e-4
    """Learning rate of the critics."""
    critic_levels: int = 4
    """How many times the critics halve their pictures."""
    warmup: int = 100
    """Steps in which the generator's learning rate rises to its value."""
    clip_gradient: float = 1.0
    """Largest norm of the generator's gradient."""
    ema: float = 0.998
    """Decay of the parameters' moving average."""
    seed: int = 0
    features: str = "squeezenet"
    """The perceptual network: "squeezenet" or "vgg19"."""
    augmentation: Augmentation = Augmentation()
    compile: str = ""
    """Backend of torch.compile for the generator's blocks, such as "inductor" (needs a C++ compiler); "" is
    none."""
    checkpointing: bool = False
    """Recompute activations in the backward pass: the memory of a frame instead of a chunk, a third
    slower."""
    accumulate: int = 1
    """Samples gathered for each optimiser step, one after the other: as many times the batch in the memory of
    one."""
    precision: str = "auto"
    """"fp32", "bf16", "fp16" (with a scaled loss), or "auto": bf16 where it is faster, else fp32."""
    average_on: str = ""
    """Device of the parameters' moving average, such as "cpu"; "" is the run's."""
    patience: int = 0
    """The run stops after so many evaluations in a row that are not better than the best; 0 is never."""

    def without_flow(self) -> TrainConfig:
        """The run without its flow stages, for weights that have learnt the motion."""
        return replace(self, stages=tuple(stage for stage in self.stages if not stage.flow_only))

    @property
    def steps(self) -> int:
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> tuple[Stage, int]:
        """The stage of `step`, and the step's number within it."""
        for stage in self.stages:
            if step < stage.steps:
                return stage, step
            step -= stage.steps
        raise ValueError(f"The run has {self.steps} steps.")

    def scaled(self, steps: int) -> TrainConfig:
        """The same run in exactly `steps` steps, its stages in proportion. InputError for fewer than one."""
        if steps < 1:
            raise InputError(f"--steps {steps}", "a run has at least one step")
        total, done, ends = self.steps, 0, [0]
        for stage in self.stages:
            done += stage.steps
            ends.append(round(done * steps / total))
        lengths = [end - begin for begin, end in pairwise(ends)]
        stages = [replace(stage, steps=n) for stage, n in zip(self.stages, lengths, strict=True) if n]
        return replace(self, stages=tuple(stages))


_WHOLE: dict[str, Any] = {"rate": 3e-4, "parts": 1.0, "generated": 0.2, "warped": 0.2}
_SHARP: dict[str, Any] = _WHOLE | {"carried": 0.4, "adversarial": 0.15}
FACE = TrainConfig(
    stages=(
        Stage(name="flow", steps=600, batch=8, flow_only=True, rate=4e-4, flow=1.0),
        Stage(name="image", steps=2800, batch=4, carried=0.1, **_WHOLE),
        Stage(name="sharp", steps=1400, batch=4, **_SHARP),
        Stage(name="video", steps=480, batch=2, length=9, chunk=3, temporal=0.02, **_SHARP),
    ),
    critic_rate=6e-4,
    augmentation=Augmentation(far=0.5, moved=0.25, fine=0.85, drop=0.15),
)
"""A whole face in layers. Targets far from their reference and heads moved by hand teach large motions; where
the moved source is right it is taken as it is, for paint is softer; critics sharpen what is painted."""
FACE_ONE = TrainConfig(
    stages=(Stage(name="video", steps=500, batch=1, length=18, chunk=3, rate=3e-4),),
    warmup=30,
    ema=0.99,
    augmentation=Augmentation(mirror=0.0, first_frame=0.7),
)
"""Fine-tunes trained weights to one person in about ten minutes of a CPU: too few steps for critics. It uses
clips from the first step on, because single pictures unlearn the use of previous frames. Mostly the first
frame is the reference: for one portrait, its surroundings can be learnt by heart."""
_NEAR: dict[str, Any] = {
    "batch": 16,
    "parts": 2.0,
    "window": 0.75,
    "central": True,
    "warped": 0.0,
    "carried": 0.2,
}
CLOSEUP = TrainConfig(
    stages=(
        Stage(name="flow", steps=300, batch=16, flow_only=True, rate=4e-4, flow=1.0),
        Stage(name="image", steps=1500, **_NEAR),
        Stage(name="sharp", steps=4500, **_NEAR, adversarial=0.2),
    ),
    critic_rate=8e-4,
    critic_levels=3,
    augmentation=Augmentation(fine=0.85),
)
"""Squares of a mouth or an eye, one set of weights (`closeups`); from a face's weights it begins ahead. They
have no previous frames: these cost two fifths of the time, and in a still eye a quarter of the sharpness."""
MATTE = TrainConfig(
    stages=(Stage(name="matte", steps=12_000, batch=16, rate=1e-3, l1=1.0, entropy=1.0, slopes=2.0),),
    ema=0.999,
    clip_gradient=5.0,
)
"""The person in a portrait (`models.matte`)."""
PAIRS = TrainConfig(
    stages=(
        Stage(name="flow", steps=500, batch=16, flow_only=True, rate=6e-4, flow=1.0),
        Stage(name="image", steps=2500, batch=8, rate=6e-4, affine=0.002, hidden=0.5),
    ),
    ema=0.997,
)
PAPER_PAIRS = TrainConfig(
    stages=(
        Stage(name="flow", steps=40_000, batch=8, flow_only=True, flow=1.0, correctness=1.0),
        Stage(
            name="image", steps=200_000, batch=8, affine=0.002, correctness=0.2, style=0.1, adversarial=0.02
        ),
    ),
    ema=0.9978,
)
"""For photographs, whose flow is unknown: the papers' sampling correctness teaches it."""
TINY_PAIRS = TrainConfig(
    stages=(
        Stage(name="flow", steps=12, batch=2, flow_only=True, correctness=0.1),
        Stage(name="image", steps=14, batch=2, correctness=0.1, style=0.1, adversarial=0.02),
    ),
)
ATTENTION_FLOW = TrainConfig(
    stages=(
        Stage(name="deformation", steps=600, batch=8, flow_only=True, rate=6e-4, flow=1.0, attention=2.0),
        Stage(name="image", steps=2800, batch=8, rate=6e-4, attention=2.0, generated=0.0),
    ),
)
"""Paper 2's stages for clips of faces, without its face loss, as the face fills the picture. Paper 2's
average of the parameters is in every run here (`TrainConfig.ema`)."""
PAPER_ATTENTION_FLOW = TrainConfig(
    stages=(
        Stage(
            name="deformation",
            steps=40_000,
            batch=24,
            flow_only=True,
            flow=1.0,
            attention=2.0,
            correctness=1.0,
        ),
        Stage(
            name="image",
            steps=200_000,
            batch=24,
            l1=0.0,
            parts=0.0,
            generated=0.0,
            warped=0.0,
            affine=0.002,
            attention=2.0,
            correctness=0.2,
            style=0.1,
            face=0.3,
            adversarial=0.02,
        ),
    ),
    ema=0.9978,
)
"""Paper 2's section 3.3: no L1; the picture comes from the perceptual, face, style and adversarial losses."""
TINY_ATTENTION_FLOW = TrainConfig(
    stages=(
        Stage(name="deformation", steps=10, batch=2, flow_only=True, correctness=0.1, attention=2.0),
        Stage(name="image", steps=10, batch=2, attention=2.0, style=0.1, face=0.3, adversarial=0.02),
    ),
)
TINY = TrainConfig(
    stages=(
        Stage(name="flow", steps=12, batch=2, flow_only=True, correctness=0.1),
        Stage(name="image", steps=14, batch=2, correctness=0.1, style=0.1),
        Stage(
            name="video",
            steps=14,
            batch=1,
            length=6,
            chunk=3,
            landmarks=5.0,
            change=1.0,
            adversarial=0.02,
            temporal=0.02,
        ),
    ),
    augmentation=Augmentation(far=0.5, moved=0.5, blur=0.1, jpeg=0.1, drop=0.15, mix=0.2, noise=0.2),
)
CONFIGS: dict[str, TrainConfig] = {
    "face-256": FACE,
    "face-256-one": FACE_ONE,
    "face-256-paper": FACE,
    "face-tiny": TINY,
    "tiny": TINY.scaled(600),
    "closeup-96": CLOSEUP,
    "closeup-tiny": TINY,
    "matte-256": MATTE,
    "matte-tiny": MATTE.scaled(40),
    "person-256": PAPER_PAIRS,
    "person-128x64": PAPER_PAIRS,
    "person-96": PAIRS,
    "person-tiny": TINY_PAIRS,
    "person-256-attention-flow": PAPER_ATTENTION_FLOW,
    "face-96-attention-flow": ATTENTION_FLOW,
    "face-tiny-attention-flow": TINY_ATTENTION_FLOW,
    "view-256": PAPER_PAIRS,
    "view-64": PAIRS,
    "view-tiny": TINY_PAIRS,
}
NETWORKS = {name: name for name in CONFIGS} | {"tiny": "face-tiny", "face-256-one": "face-256"}
"""The network of each schedule, mostly of the same name. `tiny` trains `face-tiny` for about two minutes of a
CPU; `face-256-one` continues from the weights of `face-256`."""
