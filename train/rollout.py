"""A sample under way: its frames are generated chunk by chunk, each chunk from the memory of the one before.

B batch, T a chunk's frames, H W the picture, S channels of a structure map.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..models import AttentionFlow, Generator
from ..models.config import Task
from ..models.frames import FrameOutput, GeneratorMemory, Reference
from .config import Augmentation, Stage
from .data.clips import Batch, draw_structures


@dataclass(eq=False)
class Rollout:
    """A batch of samples while it is trained on.

    structures: (B, 1 + T, S, H/4, W/4) of all its frames, the reference first. part: its place among all
    that are trained on in one step, here and in other processes, and their number.
    """

    batch: Batch
    structures: Tensor
    part: tuple[int, int]
    memory: GeneratorMemory = field(default_factory=GeneratorMemory)

    @classmethod
    def of(cls, batch: Batch, task: Task, device: torch.device, part: tuple[int, int]) -> Rollout:
        batch = batch.to(device)
        return cls(batch, draw_structures(task, batch.images, batch.points, batch.guidance), part)

    @property
    def source(self) -> Tensor:
        return self.batch.images[:, 0]

    def truth(self, stage: Stage, start: int) -> Tensor:
        """The true frames of the chunk from frame `start` on."""
        return self.batch.images[:, 1:][:, start : start + stage.chunk]


def animate_chunk(
    generator: Generator | AttentionFlow,
    drawn: Tensor,
    points: Tensor,
    reference: Reference,
    memory: GeneratorMemory,
    fine: Tensor,
    *,
    checkpointing: bool,
) -> tuple[list[FrameOutput], GeneratorMemory]:
    """`Generator.animate` over a chunk; with activation checkpointing, frame by frame."""
    if not checkpointing:
        return generator.animate(drawn, points, reference, memory, fine)
    outputs: list[FrameOutput] = []
    for t in range(drawn.shape[1]):
        frame = slice(t, t + 1)
        some = (drawn[:, frame], points[:, frame], reference, memory, fine[:, frame])
        made, memory = checkpoint(generator.animate, *some, use_reentrant=False)  # pyright: ignore
        outputs += made
    return outputs, memory


def disturb(
    generator: Generator | AttentionFlow,
    rollout: Rollout,
    start: int,
    extra: Augmentation,
    rng: torch.Generator,
) -> GeneratorMemory:
    """The memory before the chunk from frame `start` on, augmented: dropped, its newest picture blended with
    the truth, or with noise. Random numbers are drawn for all parts of the step, so that they together do
    what one process with the whole batch would."""
    batch, memory = rollout.batch, rollout.memory
    chances = torch.tensor((extra.drop, extra.mix, extra.noise))
    drop, mix, noisy = (torch.rand(3, generator=rng) < chances).tolist()
    if drop or not memory.previous:
        return GeneratorMemory()
    if not (mix or noisy):
        return memory
    # Index `start` of the sample is the frame before this chunk.
    truth, structure, points = batch.images[:, start], rollout.structures[:, start], batch.points[:, start]
    place, parts = rollout.part
    image, part = memory.previous[0].image, slice(place * len(truth), (place + 1) * len(truth))
    whole = (len(truth) * parts, 1, 1, 1)
    if mix:
        share = torch.rand(whole, generator=rng)[part].to(truth.device)
        image = image + share * (truth - image)
    if noisy:
        deviation = 0.1 * torch.rand(whole, generator=rng)
        noise = deviation * torch.randn((whole[0], *truth.shape[1:]), generator=rng)
        image = (image + noise[part].to(truth.device)).clamp(-1, 1)
    newest = generator.encode_reference(image, structure, points)
    newest = newest._replace(fine=memory.previous[0].fine)
    return GeneratorMemory((newest, *memory.previous[1:]))
