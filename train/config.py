"""What a training run is: stages of steps with their weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any


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
    window: float = 0.875
    """Side of the crop that perceptual losses see, of the picture's."""
    central: bool = False
    """That crop lies about the middle, not anywhere."""
    generated: float = 0.3
    """Weight of the painted picture's own losses: without them the pixel skip makes the decoder lazy."""
    warped: float = 0.3
    affine: float = 0.01
    correctness: float = 0.0
    """Weight of the sampling-correctness loss of the source's flow (GFLA Eq. 3)."""
    hidden: float = 0.0
    """Weight of the source's share where it is known to show nothing of the place: for an exact teacher."""
    carried: float = 0.0
    """Weight of the painted share where the source's own pixels, moved, are right: paint is softer."""
    style: float = 0.0
    """Weight of the Gram matrices' distance."""
    attention: float = 0.0
    """Weight of the attention loss, for models that attend (Ren 2021 Eq. 10)."""
    face: float = 0.0
    """Weight of the perceptual distance of the faces alone (Ren 2021 Eq. 16)."""
    landmarks: float = 0.0
    """Weight of what the tracker's aligner sees otherwise than in the truth (faces; `landmark_loss`)."""
    change: float = 0.0
    """Weight of the error of the changes between a chunk's frames."""
    adversarial: float = 0.0
    temporal: float = 0.0

    @property
    def needs_flow(self) -> bool:
        """Whether nothing right is learnt where no teacher knows the flow, as of photographs of persons and
        things."""
        return self.hidden > 0 or (self.flow_only and not self.correctness)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How often samples are changed beyond the similarity and the colours that all get.

    The first five are shares of samples, whose frames are all treated alike. The others are shares of a
    video sample's later chunks, whose previous frame they change, so that drift is learnt away.
    """

    mirror: float = 0.5
    first_frame: float = 0.0
    """The reference is the clip's first frame and not any (faces)."""
    blur: float = 0.0
    jpeg: float = 0.0
    background: float = 0.0
    """What is around the head moves between the reference and the frames."""
    drop: float = 0.0
    """There is no previous frame, as at the beginning and after a cut (in 15 % of chunks in the papers)."""
    mix: float = 0.0
    """The generated previous frame is blended with the true one, by any share."""
    noise: float = 0.0
    """Noise on the previous frame, up to 0.1 (of -1 to 1) in standard deviation."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A run: its stages one after the other, and what holds for all of them.

    critic_rate: learning rate of the critics. warmup: steps in which the generator's rises to its own.
    clip_gradient: norm of the generator's gradient at most. ema: decay of the parameters' moving average.
    """

    stages: tuple[Stage, ...]
    critic_rate: float = 2e-4
    critic_levels: int = 4
    """How often the critics halve their pictures."""
    warmup: int = 100
    clip_gradient: float = 1.0
    ema: float = 0.998
    seed: int = 0
    features: str = "squeezenet"
    """The perceptual network: "squeezenet" or "vgg19"."""
    augmentation: Augmentation = Augmentation()
    compile: str = ""
    """Backend of torch.compile for the generator's blocks, such as "inductor" (which needs a C++ compiler);
    empty: none."""
    checkpointing: bool = False
    """Compute activations again on the way back: a frame's memory instead of a chunk's, a third slower."""

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
        """The same run in exactly `steps` steps, each stage keeping its share."""
        if steps < 1:
            raise ValueError(f"A run has one step at least, not {steps}.")
        total, done, ends = self.steps, 0, [0]
        for stage in self.stages:
            done += stage.steps
            ends.append(round(done * steps / total))
        lengths = [end - begin for begin, end in pairwise(ends)]
        stages = [replace(stage, steps=n) for stage, n in zip(self.stages, lengths, strict=True) if n]
        return replace(self, stages=tuple(stages))


FACE = TrainConfig(
    stages=(
        Stage(name="flow", steps=600, batch=8, flow_only=True, rate=4e-4, flow=1.0),
        Stage(name="image", steps=2800, batch=4),
        Stage(name="video", steps=720, batch=2, length=18, chunk=3, adversarial=0.02, temporal=0.02),
    )
)
FACE_ONE = TrainConfig(
    stages=(Stage(name="video", steps=500, batch=1, length=18, chunk=3, rate=3e-4),),
    warmup=30,
    ema=0.99,
    augmentation=Augmentation(mirror=0.0, first_frame=0.7),
)
"""Learnt weights made one person's in some ten minutes of a CPU: too few steps for critics. Clips from
the first step on, because pictures alone unlearn what a previous frame is for. Mostly their first frame is
the reference: one portrait is to be animated, and what is around and behind it can be learnt by heart."""
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
)
"""Squares of a mouth or an eye, one set of weights (`closeups`); from a face's weights it begins ahead. They
have no previous frames: these cost two fifths of the time, and in a still eye a quarter of the sharpness."""
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
"""For photographs, whose flow nobody knows: the papers' sampling correctness teaches it."""
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
"""Paper 2's stages for clips of faces, which are all face: no loss for it alone. What every paper-2 run has,
the average of the parameters, every run here has (`TrainConfig.ema`)."""
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
"""Its section 3.3: no L1; the perceptual, face, style and adversarial losses make the picture."""
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
    augmentation=Augmentation(blur=0.1, jpeg=0.1, background=0.2, drop=0.15, mix=0.2, noise=0.2),
)
CONFIGS: dict[str, TrainConfig] = {
    "face-256": FACE,
    "face-256-one": FACE_ONE,
    "face-256-paper": FACE,
    "face-tiny": TINY,
    "tiny": TINY.scaled(600),
    "closeup-96": CLOSEUP,
    "closeup-tiny": TINY,
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
"""The network's name by the schedule's, mostly the same. `tiny` is `face-tiny` for some two minutes of a CPU;
`face-256-one` goes on from the weights of `face-256`."""
