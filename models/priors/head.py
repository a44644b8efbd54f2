"""The head as one body: where its landmarks say that it is, and how a place on it moves with it.

Eyes, nose and mouth also move when the head only turns; the middle of the head, behind the face, hardly does.
So hair, ears and hats follow the head's centre: its shift, its size and its roll.

B batch, N landmarks in iBUG order, pixels, x then y.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

_RIGID = (0, 1, 2, 14, 15, 16, *range(27, 36), 36, 39, 42, 45)
"""Landmarks that hardly move within the head: the jaw beside the ears, the nose, the corners of the eyes."""
_SOLID = (
    (-1.102, -0.505, 0.808),
    (-1.092, -0.276, 0.885),
    (-1.076, -0.042, 0.897),
    (1.076, -0.042, 0.897),
    (1.092, -0.276, 0.885),
    (1.102, -0.505, 0.808),
    (0.0, -0.621, -0.324),
    (0.0, -0.383, -0.466),
    (0.0, -0.163, -0.635),
    (0.0, -0.026, -0.671),
    (-0.278, 0.127, -0.261),
    (-0.127, 0.163, -0.362),
    (0.0, 0.17, -0.389),
    (0.127, 0.163, -0.362),
    (0.278, 0.127, -0.261),
    (-0.697, -0.564, 0.028),
    (-0.272, -0.536, -0.057),
    (0.272, -0.536, -0.057),
    (0.697, -0.564, 0.028),
)
"""Where these are in the mean of the face model: x right, y down, z away; the eyes about one unit apart."""
_TRUST = (0.35,) * 6 + (1.0,) * 13  # the contour of a turned head is another line of skin
_CENTRE = (0.0, -0.35, 1.25)
"""The head's centre in the same units. Of nine places tried, this one carried hair best (val, no network)."""
_OUTLINE = (1.65, 1.95, -0.25)
"""Half width, half height and shift down of the head's outline about its centre, in the same units."""
_OUTLINE_POINTS, _LOWEST = 24, 0.9  # around the whole of it; none below this, where the neck begins


class HeadPose(NamedTuple):
    """A head seen through a weak-perspective camera.

    Attributes:
        scale: (...,) pixels per unit. roll: (...,) radians, clockwise in the image. centre: (..., 2) pixels.
    """

    scale: Tensor
    roll: Tensor
    centre: Tensor


def head_pose(points: Tensor) -> HeadPose:
    """The pose of the heads with landmarks `points` (..., 68, 2): the best affine camera on the rigid ones,
    reduced to a rotation with one scale (POS, DeMenthon 1995)."""
    with torch.autocast(points.device.type, enabled=False):
        seen = points.float()[..., _RIGID, :]
        trust, solver, offset = _camera(seen.device)
        mean = (trust * seen).sum(-2)
        affine = (solver @ (seen - mean[..., None, :])).mT  # (..., 2, 3)
        square = affine @ affine.mT
        volume = (square[..., 0, 0] * square[..., 1, 1] - square[..., 0, 1].square()).clamp_min(1e-8).sqrt()
        length = (square[..., 0, 0] + square[..., 1, 1] + 2 * volume).sqrt()  # both singular values summed
        root = (square + volume[..., None, None] * torch.eye(2, device=seen.device)) / length[..., None, None]
        turn = torch.linalg.inv(root) @ affine  # its two first rows
        scale = length / 2
        centre = mean + scale[..., None] * (turn @ offset)
    return HeadPose(scale, torch.atan2(turn[..., 1, 0], turn[..., 0, 0]), centre)


def follow_head(places: Tensor, here: HeadPose, there: HeadPose) -> Tensor:
    """Where `places` (..., P, 2) on a head posed as `here` are when it is posed as `there`."""
    scale, angle = there.scale / here.scale, there.roll - here.roll
    across, along = (scale * angle.cos())[..., None], (scale * angle.sin())[..., None]
    x, y = (places - here.centre[..., None, :]).unbind(-1)
    turned = torch.stack((across * x - along * y, along * x + across * y), dim=-1)
    return turned + there.centre[..., None, :]


def head_outline(pose: HeadPose) -> Tensor:
    """Points on the outline of the heads of `pose`, above the neck: (..., P, 2)."""
    one = torch.ones_like(pose.scale)
    unmoved = HeadPose(one, 0 * one, torch.zeros_like(pose.centre))
    return follow_head(_unit_outline(pose.scale.device), unmoved, pose)


@cache
def _unit_outline(device: torch.device) -> Tensor:
    wide, high, down = _OUTLINE
    angles = (2 * math.pi * k / _OUTLINE_POINTS for k in range(_OUTLINE_POINTS))
    around = [(wide * math.cos(a), high * math.sin(a) + down) for a in angles]
    with torch.inference_mode(False):  # training may ask later
        return torch.tensor([place for place in around if place[1] < _LOWEST], device=device)


@cache
def _camera(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """What `head_pose` needs of the solid head: the landmarks' weights (N, 1), the least-squares solver of an
    affine camera (3, N), and the way from the weighted mean to the head's centre (3,)."""
    with torch.inference_mode(False), torch.no_grad():
        trust = torch.tensor(_TRUST, device=device)[:, None] / sum(_TRUST)
        solid = torch.tensor(_SOLID, device=device)
        middle = (trust * solid).sum(0)
        apart = solid - middle
        solver = torch.linalg.inv((trust * apart).mT @ apart) @ (trust * apart).mT
        return trust, solver, torch.tensor(_CENTRE, device=device) - middle
