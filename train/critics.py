"""A step of both critics, then what they say of the generator's frames. B batch, T frames, H W a picture."""

from __future__ import annotations

from collections.abc import Callable

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
    """One of pictures and one of what changes in a chunk of frames. levels: how often they halve."""
    told = 4 if task == "closeup" else 0
    return (
        Discriminator(DiscriminatorConfig(channels=3 + told, levels=levels)),
        Discriminator(DiscriminatorConfig(channels=3 * (VIDEO_CHUNK - 1), levels=levels)),
    )


def told_critic(task: Task, structure: Tensor) -> Tensor | None:
    """What the critic of pictures is told of frames of `structure` (B, T, S, H/4, W/4): of close-ups the
    masks of lips, inner mouth, eye and iris, (B, T, 4, H, W) in [0, 1]; else nothing."""
    if task != "closeup":
        return None
    masks = F.pixel_shuffle(structure[:, :, CLOSEUP_MASKS].flatten(0, 1), 2)
    masks = F.interpolate(masks, scale_factor=2, mode="bilinear", align_corners=False)
    return masks.unflatten(0, structure.shape[:2])


def critic_terms(
    critics: tuple[Discriminator, Discriminator],
    optimiser: torch.optim.Optimizer,
    fake: Tensor,
    truth: Tensor,
    told: Tensor | None,
    *,
    temporal: bool,
    dice: torch.Generator,
    world: int,
    autocast: Callable[[], torch.autocast],
) -> dict[str, Tensor]:
    """One step of the critics, then the generator's terms. fake, truth: (B, T, 3, H, W); told: of all of
    them, as `told_critic`."""
    image_critic, video_critic = critics
    pick = int(torch.randint(fake.shape[1], (), generator=dice))

    def score(frames: Tensor) -> Tensor:
        seen = frames[:, pick]
        return image_critic(seen if told is None else torch.cat((seen, told[:, pick]), dim=1))

    with autocast():
        frozen = fake.detach()
        image_loss = critic_hinge(score(truth), score(frozen))
        video_loss = torch.zeros((), device=fake.device)
        if temporal:
            video_loss = critic_hinge(
                video_critic(frame_residuals(truth)), video_critic(frame_residuals(frozen))
            )
    optimiser.zero_grad(set_to_none=True)
    (image_loss + video_loss).backward()
    average_gradients(world, *critics)
    optimiser.step()
    for module in critics:
        module.requires_grad_(False)
    with autocast():
        terms = {"critic": image_loss.detach(), "adversarial": generator_hinge(score(fake))}
        if temporal:
            terms["temporal_critic"] = video_loss.detach()
            terms["temporal"] = generator_hinge(video_critic(frame_residuals(fake)))
    for module in critics:
        module.requires_grad_(True)
    return terms
