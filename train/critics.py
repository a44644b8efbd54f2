"""The critics of pictures and of changes between frames: their own step, and their terms for the generator.

B batch, T frames, H W the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..animate.structure import CLOSEUP_MASKS
from ..models import Discriminator, DiscriminatorConfig, frame_residuals
from ..models.config import Task
from .losses.terms import critic_hinge, generator_hinge
from .processes import average_gradients

VIDEO_CHUNK = 3  # frames the temporal critic sees: two residuals


def new_critics(task: Task, levels: int) -> tuple[Discriminator, Discriminator]:
    """One of pictures and one of the changes in a chunk of frames. levels: how often they halve the size."""
    masks = 4 if task == "closeup" else 0
    return (
        Discriminator(DiscriminatorConfig(channels=3 + masks, levels=levels)),
        Discriminator(DiscriminatorConfig(channels=3 * (VIDEO_CHUNK - 1), levels=levels)),
    )


def critic_masks(task: Task, structure: Tensor) -> Tensor | None:
    """What the critic of pictures sees beside close-ups of `structure` (B, T, S, H/4, W/4): masks of
    lips, inner mouth, eye and iris, (B, T, 4, H, W) in [0, 1]; None for other tasks."""
    if task != "closeup":
        return None
    masks = F.pixel_shuffle(structure[:, :, CLOSEUP_MASKS].flatten(0, 1), 2)
    masks = F.interpolate(masks, scale_factor=2, mode="bilinear", align_corners=False)
    return masks.unflatten(0, structure.shape[:2])


class Critics(NamedTuple):
    """Both critics, their optimiser, what scales their loss, and how many processes train together."""

    image: Discriminator
    video: Discriminator
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    world: int = 1


def critic_terms(
    critics: Critics,
    fake: Tensor,
    truth: Tensor,
    masks: Tensor | None,
    *,
    temporal: bool,
    rng: torch.Generator,
    autocast: Callable[[], torch.autocast],
    part: tuple[int, int] = (0, 1),
) -> dict[str, Tensor]:
    """One step of the critics, then the generator's terms. fake, truth: (B, T, 3, H, W) in [-1, 1].
    masks: of `critic_masks`. temporal: whether the critic of changes takes part. rng: draws the frame.
    part: place among the parts of a batch, and their number: the critics' step is made with the last."""
    networks = (critics.image, critics.video)
    pick = int(torch.randint(fake.shape[1], (), generator=rng))

    def score(frames: Tensor) -> Tensor:
        seen = frames[:, pick]
        return critics.image(seen if masks is None else torch.cat((seen, masks[:, pick]), dim=1))

    with autocast():
        frozen = fake.detach()
        image_loss = critic_hinge(score(truth), score(frozen))
        video_loss = torch.zeros((), device=fake.device)
        if temporal:
            video_loss = critic_hinge(
                critics.video(frame_residuals(truth)), critics.video(frame_residuals(frozen))
            )
    place, parts = part
    if place == 0:
        critics.optimiser.zero_grad(set_to_none=True)
    critics.scaler.scale((image_loss + video_loss) / parts).backward()
    if place == parts - 1:
        average_gradients(critics.world, *networks)
        critics.scaler.step(critics.optimiser)
    for module in networks:
        module.requires_grad_(False)
    with autocast():
        terms = {"critic": image_loss.detach(), "adversarial": generator_hinge(score(fake))}
        if temporal:
            terms["temporal_critic"] = video_loss.detach()
            terms["temporal"] = generator_hinge(critics.video(frame_residuals(fake)))
    for module in networks:
        module.requires_grad_(True)
    return terms
