"""Structure maps, the generator's guidance in inference and training: drawn from a pose, or an image's edges.

Drawn on the tensor's device from exact distances to line segments: differentiable, and the same at any
resolution. B batch, H W the picture, E edges, M their segments, n the side of the grid that is drawn.

Channels of a face: 0 all drawn edges, 1-14 distance to each edge, 15 face part / 6, 16 image edges. Of a
person: one heat map per joint. Of a view: its code. Of a close-up: see `closeup_maps`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from ..models.config import Task
from .ibug68 import BROWS, EYES, INNER_LIPS, JAW, NOSTRILS, OUTER_LIPS

EDGE_CHANNEL = 16
CLOSEUP_MASKS = slice(19, 35)
STRIDE = 4
"""The map has one cell per STRIDE x STRIDE pixels: distances are smooth, the generator starts at H/4."""

_LINE_WIDTH = 1.0  # of the drawn edges, in grid cells
_CACHED = 1 << 16  # numbers of an operation's result, 256 KiB

_FOREHEAD = range(68, 83)  # the points that `_with_forehead` adds
EDGES: tuple[tuple[int, ...], ...] = (
    (*JAW, *_FOREHEAD, JAW[0]),
    *(tuple(brow) for brow in BROWS),
    (28, NOSTRILS[0]),
    tuple(NOSTRILS),
    (NOSTRILS[-1], 28),
    *(lid for eye in EYES for lid in (tuple(eye[:4]), (*eye[3:], eye[0]))),
    tuple(OUTER_LIPS[:7]),
    (*OUTER_LIPS[6:], OUTER_LIPS[0]),
    tuple(INNER_LIPS[:5]),
    (*INNER_LIPS[4:], INNER_LIPS[0]),
)
PARTS: tuple[tuple[int, tuple[int, ...]], ...] = (
    (1, (*JAW, *_FOREHEAD)),
    *((2, tuple(brow)) for brow in BROWS),
    (3, (28, *NOSTRILS)),
    *((4, tuple(eye)) for eye in EYES),
    (5, tuple(OUTER_LIPS)),
    (6, tuple(INNER_LIPS)),
)

# Of a close-up, whose eye is always 36-41, as polygons and as pairs of edges.
_LIDS, _LIPS = slice(36, 42), slice(48, 68)
_FINE_PARTS = ((5, tuple(OUTER_LIPS)), (6, tuple(INNER_LIPS)), (4, tuple(EYES[0])))
_FINE_EDGES = (*EDGES[10:14], *EDGES[6:8])
_RAMP = 3.0  # pixels
_IRIS = 0.075  # radius over what eyes and nose measure: human irises are alike in size


def structure_map(
    points: Tensor,
    size: int,
    edges: Tensor | None = None,
    stride: int = STRIDE,
    reach: float | None = None,
) -> Tensor:
    """Draw landmarks as the generator's guidance.

    Args:
        points: (B, N, 2) float, 68 of them landmarks, then others: pixels of a square picture of side
            `size`, x then y, centres at integers.
        edges: (B, 1, size, size) in [0, 1] from `image_edges`, or None: channel 16 stays zero.
        stride: pixels per cell. reach: pixels at which distances are clipped, None: a quarter of `size`.

    Returns:
        (B, 17, size / stride, size / stride) float32 in [0, 1]: channel 0 the drawn edges, 1-14 the distance
        to each of the 14 edges over `reach`, clipped; 15 the face part (1 skin, 2 brow, 3 nose,
        4 eye, 5 lips, 6 inner mouth) / 6; 16 the image's edges.
    """
    points = _with_forehead(points[:, :68].float())
    cells = size // stride
    centres = torch.arange(cells, device=points.device) * stride + (stride - 1) / 2
    distances = _distances(points, centres, EDGES)
    drawn = (_LINE_WIDTH - distances.amin(dim=1, keepdim=True) / stride).clamp(0, 1)
    label = torch.zeros_like(drawn)
    for (part, _), inside in zip(PARTS, _insides(points, centres, PARTS), strict=True):
        label = label.masked_fill(inside[:, None], part / 6)
    channels = torch.cat((drawn, (distances / (reach or size / 4)).clamp(max=1), label), dim=1)
    image_channel = channels.new_zeros(len(points), 1, cells, cells)
    if edges is not None:
        image_channel = F.avg_pool2d(edges.float(), stride)
    return torch.cat((channels, image_channel), dim=1)


def image_edges(image: Tensor) -> Tensor:
    """Canny edges of `image` (B, 3, H, W) RGB in [0, 1]: (B, 1, H, W) in [0, 1], without hysteresis (a loop
    as long as the longest edge). Needs kornia, the extra `edges`."""
    from kornia.filters import canny

    return canny(image.float(), hysteresis=False)[1]


def edges_only(structure: Tensor) -> Tensor:
    """The map with its landmark channels (0-15) set to zero: the paper's edge guidance."""
    return F.pad(structure[:, EDGE_CHANNEL:], (0, 0, 0, 0, EDGE_CHANNEL, 0))


def _with_forehead(points: Tensor) -> Tensor:
    """Append 15 forehead points: jaw points 1-15 mirrored at the ears' height, two thirds as far."""
    base = (points[:, :1, 1] + points[:, 16:17, 1]) / 2
    jaw = points[:, 1:16]
    mirrored = torch.stack((jaw[..., 0], base + (base - jaw[..., 1]) * 2 / 3), dim=-1)
    return torch.cat((points, mirrored.flip(1)), dim=1)


def _distances(points: Tensor, centres: Tensor, edges: tuple[tuple[int, ...], ...]) -> Tensor:
    """Distance in pixels from every cell of the grid of `centres` (n,), rows by columns, to each of `edges`
    of `points` (B, N, 2): (B, E, n, n).

    The coordinates along and across a segment are each a row's term plus a column's term, so that few
    operations run per cell; edges go in groups that a processor's cache can hold.
    """
    pairs = [(a, b) for edge in edges for a, b in pairwise(edge)]
    starts, ends = (list(side) for side in zip(*pairs, strict=True))
    start, step = points[:, starts], points[:, ends] - points[:, starts]  # (B, M, 2)
    length = step.square().sum(-1, keepdim=True).clamp_min(1e-6).sqrt()
    rightwards = torch.tensor((1.0, 0.0), device=points.device)  # direction of a zero-length segment
    ux, uy = torch.where(length > 2e-3, step / length, rightwards)[..., None].unbind(2)  # (B, M, 1)
    px, py = (centres - start[..., None]).unbind(2)  # (B, M, n)
    half = length / 2
    rows, columns = torch.stack((py * uy, py * ux)), torch.stack((px * ux - half, px * uy))
    nearest: list[Tensor] = []
    first = 0
    for counts in _groups([len(edge) - 1 for edge in edges], _CACHED // (len(points) * len(centres) ** 2)):
        group = slice(first, first + sum(counts))
        first = group.stop
        (along, across), (x, y) = rows[:, :, group, :, None], columns[:, :, group, None, :]
        # How far beyond either end, and to the side: (B, M, n, n).
        beyond = (along + x).abs_().sub_(half[:, group, :, None]).clamp_min_(0)
        square = (across - y).square_().addcmul_(beyond, beyond)
        nearest += [part.amin(dim=1) for part in square.split(counts, dim=1)]
    return torch.stack(nearest, dim=1).clamp_min_(1e-8).sqrt_()


def _groups(counts: list[int], most: int) -> Iterator[list[int]]:
    """`counts` in order, in groups of a sum of about `most`."""
    group: list[int] = []
    for count in counts:
        group.append(count)
        if sum(group) >= most:
            yield group
            group = []
    if group:
        yield group


def _insides(points: Tensor, centres: Tensor, parts: tuple[tuple[int, tuple[int, ...]], ...]) -> list[Tensor]:
    """For each of `parts`, which cells of the grid of `centres` (n,) lie inside its polygon, by the even-odd
    rule: (B, n, n). Where an edge crosses a row depends on the row alone."""
    starts = [index for _, polygon in parts for index in polygon]
    ends = [index for _, polygon in parts for index in (*polygon[1:], polygon[0])]
    ax, ay = points[:, starts, None].unbind(-1)  # (B, M, 1)
    bx, by = points[:, ends, None].unbind(-1)
    spans = (ay > centres) != (by > centres)  # (B, M, n)
    crossing = ax + (centres - ay) * ((bx - ax) / torch.where(by == ay, 1.0, by - ay))
    crossing = torch.where(spans, crossing, -torch.inf)
    cells = len(centres)
    before = torch.searchsorted(centres, crossing)  # how many cells of the row lie left of it
    owners = [number for number, (_, polygon) in enumerate(parts) for _ in polygon]
    counts = torch.zeros(len(points), len(parts), cells, cells + 1, dtype=torch.int16, device=points.device)
    batch = torch.arange(len(points), device=points.device)[:, None, None]
    owner = torch.tensor(owners, device=points.device)[:, None]
    row = torch.arange(cells, device=points.device)
    one = counts.new_ones(())
    counts.index_put_((batch, owner, row, before), one, accumulate=True)
    hits = counts.flip(-1).cumsum(-1, dtype=torch.int16).flip(-1)[..., 1:]
    return list((hits % 2 == 1).unbind(1))


def pose_structure(task: Task, points: Tensor, shape: tuple[int, int], stride: int = STRIDE) -> Tensor:
    """The structure map of a pose's points (B, N, 2) for any `task`, in a picture of `shape` (height,
    width): (B, S, height / stride, width / stride) float in [0, 1]. A face's picture is square."""
    if task == "person":
        return joint_maps(points, shape, stride)
    if task == "view":
        return view_maps(points, shape, stride)
    if task == "closeup":
        return closeup_maps(points, shape[0])
    return structure_map(points, shape[0], stride=stride)


def joint_maps(
    joints: Tensor, shape: tuple[int, int], stride: int = STRIDE, sigma: float | None = None
) -> Tensor:
    """A Gaussian of height 1 around each of `joints` (B, N, 2), pixels of a picture of `shape`, x then y;
    zero for NaN: (B, N, h, w). Sigma, in pixels, is by default the 6 of GFLA's code at a height of 256,
    proportional to the height, at least one cell."""
    sigma = sigma or max(6 * shape[0] / 256, float(stride))
    y, x = (torch.arange(side // stride, device=joints.device) * stride + (stride - 1) / 2 for side in shape)
    across = joints[..., 0, None].float() - x  # (B, N, w)
    down = joints[..., 1, None].float() - y  # (B, 18, h)
    near = torch.exp(-(across.square()[:, :, None] + down.square()[..., None]) / (2 * sigma**2))
    return torch.nan_to_num(near, nan=0.0)


def view_maps(views: Tensor, shape: tuple[int, int], stride: int = STRIDE) -> Tensor:
    """The code of `views` (B, 1, 2), azimuth and elevation in degrees, in every cell: (B, 23, h, w).

    18 azimuths, 20 degrees apart, and the elevations 0, 10 and 20 are GFLA's one-hot code; an angle between
    two is split linearly between them. The last two channels are the cell's own x and y in [0, 1], which a
    constant map lacks.
    """
    azimuth, elevation = views.float().unbind(-1)  # (B, 1)
    steps = torch.arange(18, device=views.device)
    apart = (azimuth / 20 - steps) % 18
    turned = (1 - torch.minimum(apart, 18 - apart)).clamp_min(0)  # (B, 18)
    raised = 1 - (elevation.clamp(0, 20) / 10 - torch.arange(3, device=views.device)).abs()
    code = torch.cat((turned, raised.clamp_min(0)), dim=1)
    height, width = (side // stride for side in shape)
    y, x = (torch.linspace(0, 1, side, device=views.device) for side in (height, width))
    place = torch.stack((x.expand(height, -1), y[:, None].expand(-1, width)))
    return torch.cat(
        (code[..., None, None].expand(-1, -1, height, width), place.expand(len(code), -1, -1, -1)), dim=1
    )


def closeup_maps(points: Tensor, size: int) -> Tensor:
    """The map of a close-up of a mouth or an eye by its points (B, 70, 2), pixels of a square of side `size`,
    x then y: (B, 35, size / 4, size / 4) float32 in [0, 1].

    Channels 0-15 as of a face, distances over two thirds of the side; 16 one for a mouth, 17, 18 how far lips
    and lids are open; 19-34 soft masks of lips, inner mouth, eye and iris, four channels each: the 2 x 2
    places of half the stride. A mask goes from 0 to 1 within 3 pixels either side of its edge, so that
    openings of a fraction of a pixel are told apart.
    """
    points = points.float()
    drawn = structure_map(points[:, :68], size, reach=size * 2 / 3)[:, :EDGE_CHANNEL]
    centres = torch.arange(size // 2, device=points.device) * 2 + 0.5
    distances = torch.stack(
        [pair.amin(dim=1) for pair in _distances(points, centres, _FINE_EDGES).split(2, dim=1)], dim=1
    )
    insides = torch.stack(_insides(points, centres, _FINE_PARTS), dim=1)
    signed = torch.where(insides, distances, -distances)
    x, y = (points[:, 68, i, None] - centres for i in (0, 1))
    away = (y.square()[..., :, None] + x.square()[..., None, :]).sqrt()
    right, left = points[:, [36, 39]].mean(1), points[:, [42, 45]].mean(1)
    face = torch.cat((left - right, points[:, 33] - (left + right) / 2), dim=1).norm(dim=1)
    signed = torch.cat((signed, (_IRIS * face[:, None, None] - away)[:, None]), dim=1)
    fine = F.pixel_unshuffle((signed / (2 * _RAMP) + 0.5).clamp(0, 1), 2)
    middle = (size - 1) / 2
    from_lips, from_lids = ((points[:, part].mean(1) - middle).norm(dim=1) for part in (_LIPS, _LIDS))
    gaps = [
        (points[:, low] - points[:, up]).norm(dim=-1).mean(1) / reach
        for up, low, reach in (([61, 62, 63], [67, 66, 65], size / 3), ([37, 38], [41, 40], size / 6))
    ]
    scalars = torch.stack(
        ((from_lips < from_lids).float(), gaps[0].clamp(max=1), gaps[1].clamp(max=1)), dim=1
    )
    scalars = scalars[..., None, None].expand(-1, -1, *drawn.shape[-2:])
    return torch.cat((drawn, scalars, fine), dim=1)
