"""Losses as functions of tensors, named as in the papers.

B batch, R references, N points of a pose, h w a level's grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ...animate.ibug68 import EYES, MOUTH
from ...models.config import Task
from ...models.ops import warp
from ...models.priors.limbs import near_limbs

PARTS = tuple(slice(part.start, part.stop) for part in (*EYES, MOUTH))


def affine_regularisation(flow: Tensor, n: int) -> Tensor:
    """Distance of each n x n patch of `flow` (B, 2, h, w) from an affine map (GFLA Eq. 4-6), averaged.

    The residual energy of the least-squares affine fit from target to source places, in closed form by box
    filters. The target grid is affine itself, so the flow can replace the source places.
    """
    area = n * n
    x = flow.to(torch.promote_types(flow.dtype, torch.float32))
    mean = F.avg_pool2d(x, n, stride=1)
    energy = area * (F.avg_pool2d(x * x, n, stride=1) - mean * mean)
    height, width = mean.shape[-2:]
    # energy - slope cancels: a convolution, in bfloat16 or TF32, would leave only noise.
    columns, rows = n * F.avg_pool2d(x, (n, 1), stride=1), n * F.avg_pool2d(x, (1, n), stride=1)
    offsets = [i - (n - 1) / 2 for i in range(n)]
    across = sum(offset * columns.narrow(3, i, width) for i, offset in enumerate(offsets))
    down = sum(offset * rows.narrow(2, i, height) for i, offset in enumerate(offsets))
    slope = (across * across + down * down) / (area * (area - 1) / 12)
    return 2 * (energy - slope).clamp_min(0).mean()


def sampling_correctness(source: Tensor, target: Tensor, flow: Tensor) -> Tensor:
    """How similar the sampled source is to the target, relative to the best place (GFLA Eq. 2-3), as a loss.

        mu(l) = cos(v_s(l + w(l)), v_t(l)),   mu_max(l) = max over l' of cos(v_s(l'), v_t(l))
        L_c = mean over l of exp(-mu(l) / mu_max(l)) - exp(-1)

    source, target (B, C, h, w): a frozen network's features v_s, v_t of the reference and the true frame;
    flow (B, 2, h, w): w, in cells of their grid. The constant, from the authors' code, makes a perfect match
    0. Bilinear sampling has gradients from one cell only, so v_s is blurred first by a binomial of 5 x 5
    cells (the authors': a Gaussian of 4 x 4, off centre by a third of a cell); mu_max uses it blurred, too.
    """
    source, target = blur(source.detach().float()), F.normalize(target.detach().float(), dim=1, eps=1e-8)
    with torch.no_grad():
        places = F.normalize(source, dim=1, eps=1e-8).flatten(2)
        best = [  # one sample at a time: h w x h w numbers each
            (a.T @ b).amax(0) for a, b in zip(places, target.flatten(2), strict=True)
        ]
        best = torch.stack(best).view(len(flow), *flow.shape[2:]).clamp_min(1e-8)
    similarity = F.cosine_similarity(warp(source, flow.float()), target, dim=1, eps=1e-8)
    return torch.exp(-similarity / best).mean() - math.exp(-1)


def style_distance(features: list[Tensor], truth: list[Tensor]) -> Tensor:
    """Style loss (Johnson 2016; Ren 2021 Eq. 17): the mean over taps of mean|G(f) - G(g)| / mean|G(g)|, G(f)
    = f f^T / (C h w) being the Gram matrix of features (B, C, h, w). The papers use the absolute difference
    for VGG-19; the relative one has the same scale for every network."""
    terms = []
    for f, g in zip(features, truth, strict=True):
        wanted = _gram(g)
        error = (_gram(f) - wanted).abs().mean((1, 2))  # (B,)
        terms.append(error / wanted.abs().mean((1, 2)).clamp_min(1e-12))
    return torch.stack(terms).mean()


def attention_distance(attended: Sequence[Tensor], truth: Tensor) -> Tensor:
    """Attention loss (Ren 2021 Eq. 10): mean|W_a(x_r, C) - x_t|, summed over the levels. attended: (B, 3, h,
    w) the resized reference under the attention. truth: (B, 3, H, W), averaged down to each level."""
    sizes = [F.adaptive_avg_pool2d(truth, (picture.shape[-2], picture.shape[-1])) for picture in attended]
    return sum((F.l1_loss(a, b) for a, b in zip(attended, sizes, strict=True)), truth.new_zeros(()))


def find_eyes(task: Task, points: Tensor) -> Tensor:
    """Centres of the eyes (B, 2, 2) in a pose's points (B, N, 2); NaN where unknown, as for a thing."""
    if task == "face":
        return torch.stack([points[:, part].mean(1) for part in PARTS[:2]], dim=1)
    if task == "person":
        return points[:, (14, 15)]
    return points.new_full((len(points), 2, 2), math.nan)


def face_crops(images: Tensor, eyes: Tensor) -> Tensor:
    """Crops of the faces of `images` (B, 3, H, W), for the face loss (Ren 2021 Eq. 16): (B, 3, S, S).

    A crop is a square around the middle of the `eyes` (B, 2, 2) pixels, x then y, moved inside the picture;
    its side is 2.5 eye distances, at least H / 8. S is H / 4, at least 32. Where an eye is unknown (NaN) the
    crop is zero, so it costs nothing.
    """
    height, width = images.shape[-2:]
    known = ~eyes.isnan().flatten(1).any(1)
    eyes = eyes.nan_to_num(0.0)
    half = 1.25 * (eyes[:, 0, 0] - eyes[:, 1, 0]).abs().clamp(height / 20, min(height, width) / 2.5)
    limits = eyes.new_tensor((width, height)) - 1
    centre = eyes.mean(1)
    centre = centre.clamp_min(half[:, None])
    centre = torch.minimum(centre, limits - half[:, None])
    side = torch.linspace(-1, 1, max(height // 4, 32), device=eyes.device)
    y, x = torch.meshgrid(side, side, indexing="ij")
    place = centre[:, None, None] + half[:, None, None, None] * torch.stack((x, y), dim=-1)
    grid = 2 * place / limits - 1
    crops = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=True)
    return crops * known[:, None, None, None]


def flow_distance(flow4: Tensor, flow8: Tensor, teacher: Tensor, weight: Tensor) -> Tensor:
    """Mean distance of the source's flow from the teacher's at both levels, relative to the teacher's
    length, so that large movements do not outweigh small ones.

    flow4 (B, R, 2, H/4, W/4) and flow8 (B, R, 2, H/8, W/8) in pixels of their levels; teacher (B, 2, H/4,
    W/4) in pixels of the full picture; weight (B, 1, H/4, W/4).
    """
    wanted4, wanted8 = teacher / 4, F.avg_pool2d(teacher, 2) / 8
    weight8 = F.avg_pool2d(weight, 2)
    fine = ((flow4[:, 0] - wanted4).abs() * weight).mean((1, 2, 3))
    coarse = ((flow8[:, 0] - wanted8).abs() * weight8).mean((1, 2, 3))
    length = (wanted4.abs() * weight).mean((1, 2, 3))
    return ((fine + 2 * coarse) / (length + 0.2)).mean()


def hidden_share(mask4: Tensor, mask1: Tensor, shown: Tensor) -> Tensor:
    """-log(1 - m) of the source's shares m where the source is known not to show the place: it must be
    painted.

    mask4 (B, 1, H/4, W/4) and mask1 (B, 1, H, W): the shares. shown (B, 1, H/4, W/4): 1 where the source
    shows the place; there the term is zero, as the flow may still be wrong. Without this term, as in GFLA,
    the mask learns late and leaves ghosts of moved limbs.
    """
    with torch.autocast(shown.device.type, enabled=False):
        masks = torch.cat((mask4.float(), F.avg_pool2d(mask1.float(), 4)), dim=1)
        return (-torch.log1p(-masks.clamp(max=1 - 1e-4)) * (1 - shown)).mean()


def painted_share(mask: Tensor, warped: Tensor, truth: Tensor) -> Tensor:
    """The mean of 1 - m, the source's share m being `mask` (B, 1, H, W), where its moved pixels `warped` are
    those of the `truth` (B, 3, H, W): there a painting can only be softer, and so is a blend with it."""
    with torch.no_grad():
        apart = (warped - truth).abs().mean(1, keepdim=True)
        right = torch.exp(-F.avg_pool2d(apart, 3, stride=1, padding=1) / 0.08)
    return ((1 - mask) * right).mean()


def detail_weight(task: Task, points: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Where small errors matter, for points (B, N, 2) and a picture of `shape` (height, width): (B, 1, H, W)
    in [0, 1]. A face's eyes and mouth, a close-up's lids or lips, a person's body, everywhere for a thing."""
    if task == "face":
        return part_weight(points, shape[-1])
    if task == "view":
        return points.new_ones(len(points), 1, *shape)
    if task == "closeup":
        return closeup_weight(points, shape[-1])
    near = near_limbs(points, (shape[0], shape[1]), stride=4)
    return F.interpolate(near, size=tuple(shape), mode="bilinear", align_corners=False)


def part_weight(points: Tensor, size: int) -> Tensor:
    """Eyes and mouth of landmarks (B, 68, 2), pixels of a picture of side `size`, as Gaussians of each part's
    size: (B, 1, size, size) in [0, 1]. There a small error is a wrong expression."""
    cells = torch.arange(size, device=points.device, dtype=points.dtype)
    weight = points.new_zeros(len(points), size, size)
    for part in PARTS:
        centre = points[:, part].mean(1)
        reach = (points[:, part] - centre[:, None]).abs().amax(1)  # (B, 2), half width and half height
        reach = torch.maximum(reach, 0.6 * reach.flip(1)).clamp_min(size / 64)  # a closed eye is tall too
        x = (cells - centre[:, :1]) / reach[:, :1]
        y = (cells - centre[:, 1:]) / reach[:, 1:]
        near = torch.exp(-(x.square()[:, None] + y.square()[:, :, None]) / 2)
        weight = torch.maximum(weight, near)
    return weight[:, None]


def closeup_weight(points: Tensor, size: int) -> Tensor:
    """Where the lips or the lids of a close-up are, for its points (B, 70, 2) in a square of side `size`: (B,
    1, size, size) in [0, 1], soft masks with room for lashes and teeth."""
    middle = (size - 1) / 2
    parts = [points[:, part] for part in (slice(48, 60), slice(36, 42))]
    lips = (parts[0].mean(1) - middle).norm(dim=1) < (parts[1].mean(1) - middle).norm(dim=1)
    low, high = (
        torch.where(lips[:, None], *(getattr(part, end)(1) for part in parts)) for end in ("amin", "amax")
    )
    centre, reach = (low + high) / 2, (high - low) / 2 + size / 24
    reach = torch.maximum(reach, reach.new_tensor((0.0, size / 8)))
    cells = torch.arange(size, device=points.device, dtype=points.dtype)
    x, y = ((cells - centre[:, i, None]) / reach[:, i, None] for i in (0, 1))
    away = (x.square()[:, None] + y.square()[:, :, None]).sqrt()
    return (2.5 - 2 * away).clamp(0, 1)[:, None]


def critic_hinge(real: Tensor, fake: Tensor) -> Tensor:
    """The critic's side of the adversarial loss (GFLA Eq. 12, hinge form) on score maps."""
    return F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean()


def generator_hinge(fake: Tensor) -> Tensor:
    """The generator's side of the adversarial loss on the critic's score map."""
    return -fake.float().mean()


def _gram(features: Tensor) -> Tensor:
    flat = features.float().flatten(2)
    return flat @ flat.mT / (flat.shape[1] * flat.shape[2])


def blur(x: Tensor) -> Tensor:
    """Each channel of `x` (B, C, h, w) under a binomial of 5 x 5 cells; the border repeats."""
    taps = x.new_tensor((1, 4, 6, 4, 1)) / 16
    kernel = taps.expand(x.shape[1], 1, 1, 5)
    padded = F.pad(x, (2, 2, 2, 2), mode="replicate")
    rows = F.conv2d(padded, kernel, groups=x.shape[1])
    return F.conv2d(rows, kernel.mT, groups=x.shape[1])
