"""Persons and views as the released networks take them: heat maps, drawn skeletons, view codes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...models import OriginalConfig
from ..structure import joint_maps, view_maps
from .skeletons import COCO_LIMBS, HUMAN36M_LIMBS, Joints

SIGMA = 6.0
"""Of a joint's heat map, pixels of the network's picture, whatever its size."""

_CODE = 21  # a view's code without the places of its cells
_CELL = 32  # pixels of the picture to a cell of the code


def original_structure(config: OriginalConfig, points: Tensor, *, source: bool) -> Tensor:
    """The structure of a pose's `points` (1, N, 2), pixels of the network's picture, x then y, or a view in
    degrees: (1, S, H, W), of a view (1, 21, H / 32, W / 32). source: of the source picture, whose skeleton is
    another one than a target's in the dance network (N is 17 in both)."""
    if config.network == "view":
        return view_maps(points, config.shape, _CELL)[:, :_CODE]
    if config.network == "pose":
        return joint_maps(points.floor(), config.shape, 1, SIGMA)
    points = points.floor() if source else points
    drawn = draw_skeleton(points[0].cpu().numpy(), COCO_LIMBS if source else HUMAN36M_LIMBS, config.shape)
    heat = joint_maps(points, config.shape, 1, SIGMA)
    return torch.cat((heat, torch.from_numpy(drawn).to(heat).permute(2, 0, 1)[None]), dim=1)


def draw_skeleton(
    joints: Joints, limbs: tuple[tuple[int, int], ...], shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """Joints (N, 2), x then y, NaN where unknown, as squares in a colour for each, on white limbs a pixel
    wide: (H, W, 3) RGB. Coordinates are cut to integers."""
    canvas = np.zeros(shape, np.float64)
    known = [bool(np.isfinite(joint).all()) for joint in joints]
    places = np.nan_to_num(joints).astype(np.int64)
    for first, second in limbs:
        if known[first] and known[second]:
            _draw_limb(canvas, places[first], places[second])
    image = np.repeat(canvas.astype(np.uint8)[..., None], 3, axis=2)
    for index, (x, y) in enumerate(places):
        if known[index]:
            image[max(y - 1, 0) : max(y + 2, 0), max(x - 1, 0) : max(x + 2, 0)] = _colour(index)
    return image


def _draw_limb(canvas: NDArray[np.float64], start: NDArray[np.int64], end: NDArray[np.int64]) -> None:
    """Brightness falls with the distance from the line, to none at a pixel."""
    low = np.maximum(np.minimum(start, end) - 1, 0)
    high = np.minimum(np.maximum(start, end) + 2, canvas.shape[::-1])
    if (low >= high).any():
        return
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
    (dx, dy), (x0, y0) = end - start, start
    away = np.abs((x - x0) * dy - (y - y0) * dx) / max(float(np.hypot(dx, dy)), 1e-9)
    along, reach = (x - x0, dx) if abs(dx) >= abs(dy) else (y - y0, dy)
    within = (along >= min(0, reach)) & (along <= max(0, reach))
    part = canvas[low[1] : high[1], low[0] : high[0]]
    np.maximum(part, np.where(within, 255 * (1 - away), 0), out=part)


def _colour(label: int) -> tuple[int, int, int]:
    """Of Pascal VOC's palette: the bits of a label dealt out to the channels, from their high bits."""
    channels = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            channels[channel] |= (label >> (3 * bit + channel) & 1) << (7 - bit)
    return channels[0], channels[1], channels[2]
