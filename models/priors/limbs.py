"""Dense backward flows of a person from joints in closed form: every limb goes where its two joints go.

Between poses a body moves limb by limb, which no smooth spline can follow: an arm in front of the chest would
drag the chest along. Near a limb the flow takes the limb's axis to the reference's; between limbs they blend.

B batch, R references, L limbs, P places of the grid, h w the grid.
"""

from __future__ import annotations

import torch
from torch import Tensor

_HIPS, _HEAD = 18, 19  # points added to the 18 joints: the middle of the hips and of the face
_AXES: tuple[tuple[int, int, float], ...] = (
    (1, _HIPS, 0.36),
    (1, _HEAD, 0.24),
    (2, 3, 0.13),
    (3, 4, 0.11),
    (5, 6, 0.13),
    (6, 7, 0.11),
    (8, 9, 0.2),
    (9, 10, 0.16),
    (11, 12, 0.2),
    (12, 13, 0.16),
)
"""A limb's two joints in OpenPose's order, and its width as a fraction of the trunk's length."""
_FAR = 1.25  # distance from a limb, in widths, at which it and the still background weigh the same
_SHARP = 4.0  # how fast a limb's weight falls with distance


def limb_flows(
    target: Tensor, references: Tensor, shape: tuple[int, int], stride: int
) -> tuple[Tensor, Tensor]:
    """Two backward flows: of the trunk alone, applied everywhere, and of all limbs.

    target (B, 18, 2) and references (B, R, 18, 2): joints in pixels of a picture of `shape` (height, width),
    x then y, NaN where unknown. Each flow is (B, R, 2, h, w) float32, pixels of the full picture, at the
    centres of cells of `stride` pixels. Limbs unknown in either picture are left out; without any limb the
    flow is zero.
    """
    with torch.autocast(target.device.type, enabled=False):
        here, there = _extended(target.float()[:, None]), _extended(references.float())
        first, last, _ = zip(*_AXES, strict=True)
        start, end = here[..., first, :], here[..., last, :]  # (B, 1, L, 2)
        goal, goal_end = there[..., first, :], there[..., last, :]  # (B, R, L, 2)
        known = ~(start + end + goal + goal_end).isnan().any(-1)  # (B, R, L)
        start, end, goal, goal_end = (torch.nan_to_num(p, nan=0.0) for p in (start, end, goal, goal_end))
        axis, goal_axis = end - start, goal_end - goal
        size = _size(here)  # (B, 1): the trunk's length, as well as it is known
        growth = _size(there) / size  # (B, R)
        across = growth[..., None].repeat(1, 1, len(_AXES))
        across[..., 0] = growth * _turn(here, there, size)

        grid = _cells(shape, stride, target.device)  # (P, 2)
        along, side, distance = _places(grid, start, axis, size)
        width = side * across[..., None]  # (B, R, L, P)
        moved = (
            goal[..., None, :]
            + along.clamp(-3, 3)[..., None] * goal_axis[..., None, :]
            + width[..., None] * _normal(goal_axis)[..., None, :]
        )
        flows = torch.where(known[..., None, None], moved - grid, 0)  # (B, R, L, P, 2)
        limbs = (_weights(distance, known)[..., None] * flows).sum(dim=2)  # (B, R, P, 2)
        cells = (shape[0] // stride, shape[1] // stride)
        return flows[:, :, 0].mT.unflatten(-1, cells), limbs.mT.unflatten(-1, cells)


def near_limbs(joints: Tensor, shape: tuple[int, int], stride: int) -> Tensor:
    """A soft mask of the person of `joints` (B, 18, 2): (B, 1, h, w) in [0, 1]; zero if no limb is known."""
    with torch.autocast(joints.device.type, enabled=False):
        points = _extended(joints.float())
        first, last, _ = zip(*_AXES, strict=True)
        start, end = points[:, first], points[:, last]
        known = ~(start + end).isnan().any(-1)
        start, end = (torch.nan_to_num(p, nan=0.0) for p in (start, end))
        grid = _cells(shape, stride, joints.device)
        *_, distance = _places(grid, start, end - start, _size(points))
        near = _weights(distance, known).sum(1, keepdim=True)
        return near.unflatten(-1, (shape[0] // stride, shape[1] // stride))


def _places(grid: Tensor, start: Tensor, axis: Tensor, size: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Coordinates of the places `grid` (P, 2) relative to limbs that start at `start` and extend by `axis`
    (..., L, 2), of persons of `size` (...,): along the limb, 0 to 1 between the joints; across it, in pixels;
    and the distance from it, in the limb's widths. Each (..., L, P)."""
    place = grid - start[..., None, :]  # (..., L, P, 2)
    length = torch.maximum(axis.square().sum(-1, keepdim=True), (0.05 * size[..., None, None]).square())
    along = (place * axis[..., None, :]).sum(-1) / length
    side = (place @ _normal(axis)[..., None])[..., 0]
    beyond = (along - along.clamp(0, 1)) * length.sqrt()
    width = grid.new_tensor([width for *_, width in _AXES])[:, None]
    return along, side, (beyond.square() + side.square()).sqrt() / (size[..., None, None] * width)


def _weights(distance: Tensor, known: Tensor) -> Tensor:
    """Each limb's weight at each place (..., L, P); the still background has the rest of one."""
    limbs = torch.where(known[..., None], -_SHARP * distance.square(), -1e4)
    still = limbs.new_full((*limbs.shape[:-2], 1, limbs.shape[-1]), -_SHARP * _FAR**2)
    return torch.cat((limbs, still), dim=-2).softmax(dim=-2)[..., :-1, :]


def _extended(joints: Tensor) -> Tensor:
    """(..., 18, 2) with the points `_HIPS` and `_HEAD` added: (..., 20, 2)."""
    hips = (joints[..., 8, :] + joints[..., 11, :]) / 2
    head = joints[..., (0, 14, 15, 16, 17), :].nanmean(dim=-2)
    return torch.cat((joints, hips[..., None, :], head[..., None, :]), dim=-2)


def _size(points: Tensor) -> Tensor:
    """The trunk's length, or an estimate of it from shoulders or thighs: (...,) pixels."""

    def length(a: int, b: int, ratio: float) -> Tensor:
        return torch.nan_to_num((points[..., a, :] - points[..., b, :]).norm(dim=-1) / ratio, nan=0.0)

    guesses = torch.stack(
        (length(1, _HIPS, 1.0), length(2, 5, 1.0), length(8, 9, 1.0), length(11, 12, 1.0), length(2, 3, 0.7))
    )
    return guesses.amax(0).clamp_min(8.0)


def _turn(here: Tensor, there: Tensor, size: Tensor) -> Tensor:
    """The trunk's apparent width `there` over that `here`, relative to the person: -1 for a half turn."""

    def width(points: Tensor) -> Tensor:
        shoulders = (points[..., 5, :] - points[..., 2, :])[..., None, :]
        axis = (points[..., _HIPS, :] - points[..., 1, :])[..., None, :]
        return (shoulders * _normal(axis)).sum(-1)[..., 0] / _size(points)

    a, b = width(here), width(there)
    ratio = a * b / a.square().clamp_min(0.15**2)
    return torch.nan_to_num(ratio, nan=1.0).clamp(-1.3, 1.3)


def _normal(axis: Tensor) -> Tensor:
    """Unit vectors perpendicular to `axis` (..., 2), pixels; nearly zero for an axis of no length."""
    turned = torch.stack((-axis[..., 1], axis[..., 0]), dim=-1)
    return turned / (axis.square().sum(-1, keepdim=True) + 1e-3).sqrt()


def _cells(shape: tuple[int, int], stride: int, device: torch.device) -> Tensor:
    """Centres of the cells, (P, 2) pixels, x then y, pixel centres at integers."""
    y, x = (
        (torch.arange(side // stride, device=device, dtype=torch.float32) + 0.5) * stride - 0.5
        for side in shape
    )
    y, x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack((x, y), dim=-1).flatten(0, 1)
