"""Geometry first: dense backward flows from a pose in closed form, which the network blends and refines.

Of a face, a thin-plate spline (Bookstein 1989) takes the target's landmarks to the reference's: right in the
face. Points along the border of the picture stay where they are. A similarity takes them there rigidly: right
for hair and neck. Of a person, every limb goes where its two joints go (`limbs`). Of a view nothing is known.
All are solved and evaluated in float32 at least, outside autocast: in half precision the spline explodes at
large head turns.

B batch, R references, N landmarks, S side of the picture in pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .config import Task
from .limbs import limb_flows

CANDIDATES: dict[Task, int] = {"face": 3, "person": 3, "view": 1}
"""How many flows `candidate_flows` gives."""
SMOOTHING = 1e-2
BORDER_POINTS = 16


def candidate_flows(
    task: Task, target: Tensor, references: Tensor, shape: tuple[int, int], stride: int
) -> Tensor:
    """What is known of the flow from points `target` (B, N, 2) and `references` (B, R, N, 2) alone, in a
    picture of `shape` (height, width): (B, R, K, 2, h, w) in pixels of the full picture, K from `CANDIDATES`.
    The first stays still, the last is the finest: spline or limbs."""
    if task == "view":
        return target.new_zeros(*references.shape[:2], 1, 2, shape[0] // stride, shape[1] // stride)
    if task == "person":
        flows = limb_flows(target, references, shape, stride)
    else:
        flows = tuple(prior(target, references, shape[0], stride) for prior in (similarity_flow, spline_flow))
    return torch.stack((torch.zeros_like(flows[0]), *flows), dim=2)


def spline_flow(target: Tensor, references: Tensor, size: int, stride: int) -> Tensor:
    """The backward flow that carries landmarks `target` (B, N, 2) onto `references` (B, R, N, 2).

    Points are pixels of a picture of side `size`, x then y, pixel centres at integers. The flow is evaluated
    at the centres of cells of `stride` pixels: (B, R, 2, size // stride, size // stride), float32, in pixels
    of the full picture.
    """
    with torch.autocast(target.device.type, enabled=False):
        target, references = (target.float() + 0.5) / size, (references.float() + 0.5) / size
        batch, count = target.shape[0], references.shape[1]
        border = _border(target.device)
        knots = torch.cat((target, border.expand(batch, -1, -1)), dim=1)  # (B, K, 2)
        moves = (references - target[:, None]).transpose(1, 2)  # (B, N, R, 2)
        moves = F.pad(moves.flatten(2), (0, 0, 0, len(border) + 3))  # (B, K + 3, 2R)
        system = _system(knots)
        solution = torch.linalg.solve(system, moves)
        cells = size // stride
        grid = _grid(cells, target.device).expand(batch, -1, -1)
        flow = _affine(grid) @ solution[:, -3:] + _kernel(grid, knots) @ solution[:, :-3]
        return size * flow.view(batch, cells, cells, count, 2).permute(0, 3, 4, 1, 2)


def similarity_flow(target: Tensor, references: Tensor, size: int, stride: int) -> Tensor:
    """As `spline_flow`, by the least-squares turn, scale and shift of all landmarks (Umeyama 1991)."""
    with torch.autocast(target.device.type, enabled=False):
        target, references = (target.float()[:, None] + 0.5) / size, (references.float() + 0.5) / size
        centre, goal = target.mean(2, keepdim=True), references.mean(2, keepdim=True)
        a, b = target - centre, references - goal
        power = a.square().sum((2, 3)).clamp_min(1e-8)
        cos = (a * b).sum((2, 3)) / power  # (B, R)
        sin = (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).sum(2) / power
        cells = size // stride
        x, y = (_grid(cells, target.device)[:, None] - centre).unbind(-1)  # (B, 1, P)
        cos, sin = cos[..., None], sin[..., None]
        place = torch.stack((cos * x - sin * y - x, sin * x + cos * y - y), dim=2)  # (B, R, 2, P)
        return size * (place + (goal - centre).transpose(2, 3)).unflatten(3, (cells, cells))


def _grid(cells: int, device: torch.device) -> Tensor:
    """Centres of the cells of a unit square, (1, cells * cells, 2), x then y."""
    centre = (torch.arange(cells, device=device) + 0.5) / cells
    y, x = torch.meshgrid(centre, centre, indexing="ij")
    return torch.stack((x, y), dim=-1).reshape(1, -1, 2)


def _border(device: torch.device) -> Tensor:
    side = torch.linspace(0, 1, BORDER_POINTS // 4 + 1, device=device)[:-1]
    zero, one = torch.zeros_like(side), torch.ones_like(side)
    x = torch.cat((side, one, 1 - side, zero))
    y = torch.cat((zero, side, one, 1 - side))
    return torch.stack((x, y), dim=-1)


def _system(knots: Tensor) -> Tensor:
    """[K + smoothing I, P; P^T, 0] with K the pairwise kernel and P the affine part: (B, K + 3, K + 3)."""
    kernel = _kernel(knots, knots) + SMOOTHING * torch.eye(knots.shape[1], device=knots.device)
    affine = _affine(knots)
    top = torch.cat((kernel, affine), dim=2)
    bottom = F.pad(affine.transpose(1, 2), (0, 3))
    return torch.cat((top, bottom), dim=1)


def _affine(points: Tensor) -> Tensor:
    return F.pad(points, (0, 1), value=1.0)


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    """r^2 log r between every point of a (B, P, 2) and of b (B, K, 2): (B, P, K)."""
    across, down = ((a[:, :, None, i] - b[:, None, :, i]).square() for i in (0, 1))
    square = across + down
    return 0.5 * square * square.clamp_min(1e-12).log()
