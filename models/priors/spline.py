"""Dense backward flows from a pose in closed form, which the network blends and refines.

- Face: a thin-plate spline (Bookstein 1989) takes the target's landmarks to the reference's, and the head's
  outline with the head's centre (`head`); the picture's lower side goes with the shoulders. Beside it the
  head alone, as one body: right for hair and hats; and the shoulders below the chin, nothing above it.
  Without layers the whole border is fixed instead, and a similarity of all landmarks stands for the head.
- Person: every limb goes where its two joints go (`limbs`).
- View: the thing turns as a cylinder would.

All are evaluated in float32 or better, outside autocast: in half precision the spline explodes at large head
turns.

B batch, R references, N landmarks, S side of the picture in pixels.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..config import Task
from ..ops import warp
from .head import HeadPose, follow_head, head_outline, head_pose
from .limbs import limb_flows

CANDIDATES: dict[Task, int] = {"face": 3, "person": 3, "view": 3, "closeup": 3}
"""How many flows there are in closed form."""
SMOOTHING = 1e-2
LANDMARKS = 68
_NECK = 0.08  # of the picture's side, about the chin: from what is still to what goes with the shoulders
_ROUNDS = 3
CLOSEUP_SMOOTHING = 1e-3  # a part drawn larger: its points lie further apart
BORDER_POINTS = 16
CYLINDERS = (0.36, 0.22)
"""Radii of the turning thing, fractions of the picture's width."""
Held = Literal["border", "head", "nothing"]
"""What a spline holds beside the landmarks: the border in place; the head's outline together and the
lower side with the shoulders; nothing."""


class Spline(NamedTuple):
    """The spline from one target's landmarks, factored, so that the flow to any reference is a small product.

    Attributes:
        points: (B, N, 2) the target's landmarks, a head's maybe with two places of the shoulders: pixels of
            the picture, x then y. size: its side.
        held: what else the spline holds.
        factors, pivots: of the spline's system, (B, K + 3, K + 3), K knots. basis: (B, K + 3, n, n) at the
            centres of the cells. head: the pose of the target's head, if the spline holds it.
        fine: (B, 2, n, n) pixels of the picture: how far each place moved beside what the landmarks say, see
            `animate.face.fine_flow`; None if nobody looked.
    """

    points: Tensor
    size: int
    held: Held
    factors: Tensor
    pivots: Tensor
    basis: Tensor
    head: HeadPose | None = None
    fine: Tensor | None = None

    @classmethod
    def through(
        cls, points: Tensor, size: int, stride: int, held: Held = "border", smoothing: float = SMOOTHING
    ) -> Spline:
        """From landmarks `points` (B, N, 2) of a picture of side `size`, pixel centres at integers, evaluated
        at the centres of cells of `stride` pixels."""
        with torch.autocast(points.device.type, enabled=False):
            target, head = points.float(), None
            if held != "nothing":
                target = target[:, :LANDMARKS]
            if held == "head":
                head = head_pose(points)
                target = torch.cat((target, head_outline(head)), dim=1)
            knots = (target + 0.5) / size
            if held != "nothing":
                fixed = _border(knots.device, lower=held == "head").expand(len(knots), -1, -1)
                knots = torch.cat((knots, fixed), dim=1)
            x, y = knots[..., None].unbind(2)  # (B, K, 1)
            kernel = _radial((x - x.mT).square() + (y - y.mT).square())
            kernel = kernel + smoothing * torch.eye(knots.shape[1], device=knots.device)
            affine = F.pad(knots, (0, 1), value=1.0)
            top, bottom = torch.cat((kernel, affine), dim=2), F.pad(affine.mT, (0, 3))
            # The smoothed system is never singular, and checking would make a GPU wait.
            factors, pivots, _ = torch.linalg.lu_factor_ex(torch.cat((top, bottom), dim=1))
            cells = size // stride
            grid = _grid(cells, target.device).mT.unflatten(2, (cells, cells))  # (1, 2, n, n)
            centre = grid[0, 0, 0]  # cell centres along one side
            square = (centre - y).square()[..., :, None] + (centre - x).square()[..., None, :]
            plane = F.pad(grid, (0, 0, 0, 0, 0, 1), value=1.0).expand(len(knots), -1, -1, -1)
            basis = torch.cat((_radial(square), plane), dim=1)
        return cls(points, size, held, factors, pivots, basis, head)

    def flows(self, references: Tensor, fine: Tensor | None = None) -> Tensor:
        """Still or with the shoulders, rigid, and spline to landmarks `references` (B, R, N, 2): (B, R, 3, 2,
        n, n), pixels. fine: (B, R, 2, n, n) of the references; None: nothing, as of a source."""
        stride = self.size // self.basis.shape[-1]
        if self.head is None:
            rigid = similarity_flow(self.points, references, self.size, stride)
            spline = self.finest(references, fine)
            return torch.stack((torch.zeros_like(rigid), rigid, spline), dim=2)
        there = head_pose(references)
        rigid = _moved_grid(self._here(), there, self.size, stride)
        spline = self._refined(self.flow(references, there), fine)
        return torch.stack((self._body_flow(references), rigid, spline), dim=2)

    def finest(self, references: Tensor, fine: Tensor | None = None) -> Tensor:
        """The last of `flows` alone, (B, R, 2, n, n)."""
        return self._refined(self.flow(references), fine)

    def _refined(self, flow: Tensor, there: Tensor | None) -> Tensor:
        """A flow (B, R, 2, n, n) after the fine motion of the target, to references with that of `there`."""
        if self.fine is None:
            return flow
        moved = self.fine[:, None].float()
        moved = (moved.expand_as(flow) if there is None else moved - there.float()).flatten(0, 1)
        cells = moved * (flow.shape[-1] / self.size)
        return (warp(flow.flatten(0, 1), cells) + moved).view_as(flow)

    def _body_flow(self, references: Tensor) -> Tensor:
        """Still above the chin, with the shoulders below it; (B, R, 2, n, n)."""
        with torch.autocast(self.points.device.type, enabled=False):
            cells = self.basis.shape[-1]
            places = self.size * _grid(cells, references.device)[:, None] - 0.5  # (1, 1, P, 2)
            chin = self.points[:, None, None, 8, 1].float()
            below = ((places[..., 1] - chin) / (_NECK * self.size) + 0.5).clamp(0, 1)
            moved = below[..., None] * self._with_body(places, references)
            return moved.mT.unflatten(3, (cells, cells))

    def _with_body(self, places: Tensor, references: Tensor) -> Tensor:
        """How far `places` (1, 1, P, 2) go with the shoulders to those of `references`: (B, R, P, 2)."""
        here, there = (x[..., LANDMARKS:, :].float() for x in (self.points[:, None], references))
        if not here.shape[2]:
            return torch.zeros_like(places).expand(*references.shape[:2], -1, -1)
        across, goal = (x[..., 1, :] - x[..., 0, :] for x in (here, there))  # (B, R, 2)
        power = across.square().sum(-1).clamp_min(1e-6)
        cos = ((across * goal).sum(-1) / power)[..., None] - 1
        sin = ((across[..., 0] * goal[..., 1] - across[..., 1] * goal[..., 0]) / power)[..., None]
        x, y = (places - here.mean(2, keepdim=True)).unbind(-1)
        turned = torch.stack((cos * x - sin * y, sin * x + cos * y), dim=-1)
        return turned + (there.mean(2, keepdim=True) - here.mean(2, keepdim=True))

    def _here(self) -> HeadPose:
        """The pose of the target's head beside those of references, (B, 1)."""
        assert self.head is not None
        return HeadPose(*(part[:, None] for part in self.head))

    def flow(self, references: Tensor, there: HeadPose | None = None) -> Tensor:
        """See `spline_flow`. there: the pose of the references' heads, if it is known."""
        with torch.autocast(self.points.device.type, enabled=False):
            count = self.points.shape[1] if self.held == "nothing" else LANDMARKS
            moves = (references - self.points[:, None])[:, :, :count].float()  # (B, R, N, 2)
            if self.held == "head":
                here, outline = self._here(), head_outline(self._here())
                moved = follow_head(outline, here, there or head_pose(references))
                side = self.size * _border(moves.device, lower=True) - 0.5
                lower = self._with_body(side[None, None], references)
                moves = torch.cat((moves, moved - outline, lower), dim=2)
            moves = (moves / self.size).permute(0, 2, 1, 3).flatten(2)
            moves = F.pad(moves, (0, 0, 0, self.factors.shape[-1] - moves.shape[1]))  # what is fixed stays
            solution = torch.linalg.lu_solve(self.factors, self.pivots, moves)  # (B, K + 3, 2R)
            flow = (self.size * solution).mT @ self.basis.flatten(2)
        return flow.unflatten(2, self.basis.shape[2:]).unflatten(1, (-1, 2))


class Limbs(NamedTuple):
    """A person's joints (B, 18, 2) in a picture of `shape` (height, width), pixels; see `limbs`."""

    points: Tensor
    shape: tuple[int, int]
    stride: int
    fine: Tensor | None = None

    def flows(self, references: Tensor, fine: Tensor | None = None) -> Tensor:
        """Still, trunk and limbs to joints `references` (B, R, 18, 2): (B, R, 3, 2, h, w), pixels."""
        trunk, limbs = limb_flows(self.points, references, self.shape, self.stride)
        return torch.stack((torch.zeros_like(trunk), trunk, limbs), dim=2)


class View(NamedTuple):
    """A view (B, 1, 2), azimuth and elevation in degrees, in a picture of `shape` (height, width)."""

    points: Tensor
    shape: tuple[int, int]
    stride: int
    fine: Tensor | None = None

    def flows(self, references: Tensor, fine: Tensor | None = None) -> Tensor:
        """Still, and turned as cylinders of two radii about the vertical axis, to views `references` (B, R,
        1, 2): (B, R, 3, 2, h, w), pixels. The near side of a thing on a turntable moves much like that; the
        far side is treated as the near one."""
        with torch.autocast(self.points.device.type, enabled=False):
            here, there = self.points.float().deg2rad()[:, None], references.float().deg2rad()
            turned = (there - here)[..., 0, 0, None]  # (B, R, 1)
            tilt, tilt_there = here[..., 0, 1, None].sin(), there[..., 0, 1, None].sin()
            height, width = (side // self.stride for side in self.shape)
            x = (torch.arange(width, device=there.device) + 0.5) * self.stride - self.shape[1] / 2
            flows = [there.new_zeros(*there.shape[:2], 2, width)]
            for radius in (fraction * self.shape[1] for fraction in CYLINDERS):
                angle = (x / radius).clamp(-1, 1).asin()
                across = radius * (torch.sin(angle + turned) - torch.sin(angle))
                down = radius * (tilt_there * torch.cos(angle + turned) - tilt * torch.cos(angle))
                flows.append(torch.stack((across, down), dim=2) * (x.abs() < radius))
            return torch.stack(flows, dim=2)[..., None, :].expand(-1, -1, -1, -1, height, -1)


PosePrior = Spline | Limbs | View
"""A target's pose, ready to give flows to any reference."""


def pose_prior(
    task: Task,
    points: Tensor,
    shape: tuple[int, int],
    stride: int,
    layered: bool = False,
    fine: Tensor | None = None,
) -> PosePrior:
    """The prior of a pose's `points` (B, N, 2) in a picture of `shape` (height, width), evaluated at the
    centres of cells of `stride` pixels. layered: see `GeneratorConfig`. fine: see `Spline`."""
    if task == "person":
        return Limbs(points, shape, stride)
    if task == "view":
        return View(points, shape, stride)
    if task == "closeup":  # cheeks and jaw cross its border, points beyond it say how
        spline = Spline.through(points, shape[0], stride, "nothing", CLOSEUP_SMOOTHING)
    else:
        spline = Spline.through(points, shape[0], stride, "head" if layered else "border")
    return spline._replace(fine=fine)


def beside_spline(dense: Tensor, points: Tensor, references: Tensor, stride: int = 4) -> Tensor:
    """The fine motion (B, 2, n, n) with which the spline of close-ups, from `points` (B, N, 2) to
    `references` (B, N, 2), is the flow `dense` (B, 2, n, n), all pixels of the picture."""
    size = stride * dense.shape[-1]
    with torch.autocast(dense.device.type, enabled=False):
        spline = Spline.through(points, size, stride, "nothing", CLOSEUP_SMOOTHING)
        flow = spline.flow(references[:, None])[:, 0]
        dense = dense.to(flow.device)
        fine = dense - flow
        for _ in range(_ROUNDS):  # to where spline(x + fine) + fine is `dense`
            fine = dense - warp(flow, fine / stride)
        return fine


def spline_flow(target: Tensor, references: Tensor, size: int, stride: int, held: Held = "border") -> Tensor:
    """The backward flow that carries landmarks `target` (B, N, 2) onto `references` (B, R, N, 2).

    Points are pixels of a picture of side `size`, x then y, pixel centres at integers. The flow is evaluated
    at the centres of cells of `stride` pixels: (B, R, 2, size // stride, size // stride), float32, in pixels
    of the full picture.
    """
    return Spline.through(target, size, stride, held).flow(references)


def head_flow(target: Tensor, references: Tensor, size: int, stride: int) -> Tensor:
    """As `spline_flow`, by the head as one body: shift, scale and roll of its centre (`head`)."""
    return _moved_grid(head_pose(target[:, None]), head_pose(references), size, stride)


def _moved_grid(here: HeadPose, there: HeadPose, size: int, stride: int) -> Tensor:
    with torch.autocast(here.scale.device.type, enabled=False):
        cells = size // stride
        places = size * _grid(cells, here.scale.device)[:, None] - 0.5  # (1, 1, P, 2)
        moved = follow_head(places, here, there)
        return (moved - places).mT.unflatten(3, (cells, cells))


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


def _border(device: torch.device, lower: bool = False) -> Tensor:
    """Points on the border of a unit square, (K, 2); lower: of its lower side alone."""
    count = BORDER_POINTS // 4
    side = torch.linspace(0, 1, count + 1, device=device)[:-1]
    zero, one = torch.zeros_like(side), torch.ones_like(side)
    x = torch.cat((side, one, 1 - side, zero))
    y = torch.cat((zero, side, one, 1 - side))
    places = torch.stack((x, y), dim=-1)
    return places[2 * count : 3 * count + 1] if lower else places


def _radial(square: Tensor) -> Tensor:
    """r^2 log r from r^2, zero at zero."""
    return square * square.clamp_min(1e-30).log().mul_(0.5)  # three times as fast as xlogy
