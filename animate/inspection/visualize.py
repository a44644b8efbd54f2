"""The network's tensors as images: structure, flow, shares and attention.

Training's grids, the app and `demos/look_inside.py` all draw with these. S the side of the network's image,
h w the grid of a level, R references.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Picture = NDArray[np.uint8]
"""RGB (H, W, 3)."""

_PARTS = np.array(
    [
        (24, 26, 34),
        (196, 154, 128),
        (110, 74, 52),
        (226, 186, 120),
        (96, 170, 220),
        (206, 84, 96),
        (92, 20, 36),
    ],
    np.uint8,
)
"""Colours of background, skin, brow, nose, eye, lips, inner mouth."""


def as_picture(image: Tensor) -> Picture:
    """`image` (3, H, W) in [-1, 1] as 8-bit RGB."""
    pixels = (image.detach().float().clamp(-1, 1) * 127.5 + 127.5).round().byte()
    return pixels.permute(1, 2, 0).contiguous().cpu().numpy()


def grey(values: Tensor) -> Picture:
    """`values` (H, W), 0 black to 1 white."""
    levels = (values.detach().float().clamp(0, 1) * 255).round().byte().cpu().numpy()
    return np.repeat(levels[..., None], 3, axis=2)


def share_picture(mask: Tensor) -> tuple[Picture, float]:
    """The share (H, W) of the warped source, white for all of it, black for the smallest one, which is
    returned too. The average around each pixel, so that the pattern of the decoder's last upsampling, which
    repeats every four pixels, does not show."""
    values = mask.detach().float().cpu().numpy()
    for anchor in ((1, 1), (2, 2)):
        values = cv2.blur(values, (4, 4), anchor=anchor, borderType=cv2.BORDER_REFLECT)
    least = float(values.min())
    black = min(least, 0.99)
    return grey(torch.from_numpy(values - black) / (1 - black)), least


def enlarged(picture: Picture, height: int) -> Picture:
    """An image at `height` pixels, each pixel a rectangle."""
    size = (round(picture.shape[1] * height / picture.shape[0]), height)
    return cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST)  # type: ignore[return-value]


def heat_colours(values: NDArray[np.floating]) -> Picture:
    """`values` (H, W) relative to the largest: blue is low, red is high (GFLA, Figure 6)."""
    levels = values / max(float(values.max()), 1e-9)
    colours = cv2.applyColorMap((levels.clip(0, 1) * 255).astype(np.uint8), cv2.COLORMAP_JET)
    return cv2.cvtColor(colours, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def flow_colours(flow: Tensor, longest: float | None = None) -> Picture:
    """`flow` (2, h, w) on the colour wheel: hue is direction (right red, down yellow-green), saturation is
    length over `longest` (default: `longest_flow`); white is no motion."""
    x, y = flow.detach().float().cpu().numpy()
    strength = np.clip(np.hypot(x, y) / (longest or longest_flow(flow)), 0, 1) * 255
    hue = (np.degrees(np.arctan2(y, x)) % 360) / 2  # OpenCV halves degrees
    hsv = np.stack([hue, strength, np.full_like(hue, 255)], axis=-1).astype(np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)  # type: ignore[return-value]


def longest_flow(flow: Tensor) -> float:
    """The 99th percentile of the lengths of `flow` (2, h, w), in its pixels: outliers do not count."""
    x, y = flow.detach().float().cpu().numpy()
    return max(float(np.percentile(np.hypot(x, y), 99)), 1e-6)


def colour_wheel(side: int) -> Picture:
    """The legend of `flow_colours`: each pixel has the colour of a flow from the centre to it, full at the
    rim; white outside the disc."""
    axis = (torch.arange(side) + 0.5) * 2 / side - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    inside = (x.square() + y.square() <= 1).float()
    return flow_colours(torch.stack((x, y)) * inside, longest=1.0)


def structure_picture(structure: Tensor) -> Picture:
    """A structure map (17, h, w) as one image: the face's parts in colours (skin, brow, nose, eye, lips,
    inner mouth); over them in white the drawn edges and, if they guide, the edges of an image."""
    maps = structure.detach().float().cpu().numpy()
    parts = _PARTS[np.rint(maps[15] * 6).astype(int).clip(0, 6)].astype(np.float32)
    lines = np.maximum(maps[0], maps[16])[..., None].clip(0, 1)
    return np.rint(parts * (1 - lines) + 255 * lines).astype(np.uint8)


def structure_channels(structure: Tensor, columns: int = 6) -> Picture:
    """All channels (S, h, w) of a structure map as grey tiles, row by row."""
    channels, height, width = structure.shape
    rows = -(-channels // columns)
    sheet = structure.detach().float().new_zeros(rows * columns, height, width)
    sheet[:channels] = structure.detach()
    sheet = sheet.view(rows, columns, height, width).transpose(1, 2).reshape(rows * height, columns * width)
    return grey(sheet)


def shares_picture(mask: Tensor) -> Picture:
    """Side by side, white for 1 and black for 0: the references' shares (R, 1, h, w), then the share of the
    generated part: (h, (R + 1) w, 3)."""
    taken = mask.detach().float()[:, 0]
    return grey(torch.cat((taken, 1 - taken.sum(0, keepdim=True))).permute(1, 0, 2).flatten(1))


def attention_heat(flow: Tensor, weights: Tensor) -> Tensor:
    """How much each pixel of the source is read: (h, w), sum h w. `weights` (k k, h, w) are those of the taps
    around the place that `flow` (2, h, w) points to, each added to the nearest pixel."""
    weights, flow = weights.detach().float(), flow.detach().float()
    taps, height, width = weights.shape
    k = round(taps**0.5)
    y, x = torch.meshgrid(
        torch.arange(height, device=flow.device), torch.arange(width, device=flow.device), indexing="ij"
    )
    heat = torch.zeros(height * width, device=flow.device)
    for tap in range(taps):
        row = (y + flow[1] + tap // k - k // 2).round().long().clamp(0, height - 1)
        column = (x + flow[0] + tap % k - k // 2).round().long().clamp(0, width - 1)
        heat.index_add_(0, (row * width + column).flatten(), weights[tap].flatten())
    return heat.view(height, width)


def attention_at(flow: Tensor, weights: Tensor, point: tuple[float, float], side: int) -> NDArray[np.float32]:
    """What one place of the output reads of a reference: (side, side), the weight of each of its k x k taps
    over the cell that the tap reads, zero elsewhere.

    flow: (2, h, w) and weights (k k, h, w) of that reference at one level. point: x then y, pixels of the
    image of `side`.
    """
    taps, height, width = weights.shape
    k, cell = round(taps**0.5), side // width
    column, row = place_at(point, cell, width)
    moved_x, moved_y = flow[:, row, column].tolist()
    read = np.zeros((side, side), np.float32)
    for tap, weight in enumerate(weights[:, row, column].tolist()):
        x = round(cell * min(max(column + moved_x + tap % k - k // 2, 0), width - 1))
        y = round(cell * min(max(row + moved_y + tap // k - k // 2, 0), height - 1))
        read[y : y + cell, x : x + cell] += weight  # beyond the border the border repeats
    return read


def place_at(point: tuple[float, float], cell: int, count: int) -> tuple[int, int]:
    """The cell (column, row) that holds `point` (x, y in pixels), or the nearest one, in a grid of
    `count` x `count` cells of `cell` pixels."""
    column, row = (min(max(int(at // cell), 0), count - 1) for at in point)
    return column, row


def over(picture: Picture, heat: NDArray[np.floating]) -> Picture:
    """`heat` (H, W) in colours over `picture` (H, W, 3) in grey, as in GFLA's Figure 6; low heat is more
    transparent."""
    below = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    strength = (0.4 + 0.4 * heat / max(float(heat.max()), 1e-9))[..., None]
    return np.rint((1 - strength) * below + strength * heat_colours(heat)).astype(np.uint8)


def framed(picture: Picture, point: tuple[float, float], cell: int) -> Picture:
    """`picture` with a red rectangle, edged in white, around the cell of `cell` pixels that holds `point`
    (x, y): an eighth of the picture, so that it is seen at the size of a thumbnail, on red lips too."""
    side = picture.shape[0]
    left, top = (cell * at for at in place_at(point, cell, side // cell))
    marked, thick = np.ascontiguousarray(picture).copy(), max(1, side // 100)
    edge = max(1, (side // 8 - cell) // 2)
    for colour, out in (((255, 255, 255), thick), ((255, 0, 0), 0)):
        corner = left - edge - out, top - edge - out
        opposite = left + cell + edge + out - 1, top + cell + edge + out - 1
        cv2.rectangle(marked, corner, opposite, colour, thick)
    return marked


def close_up(picture: Picture, centre: tuple[float, float], reach: int) -> Picture:
    """The square of `reach` pixels to each side of `centre` (x, y), moved inside, at the full size."""
    side = picture.shape[0]
    left, top = (min(max(round(at) - reach, 0), side - 2 * reach) for at in centre)
    return enlarged(picture[top : top + 2 * reach, left : left + 2 * reach], side)


def resized(values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`values` (h, w) resized to `shape` (height, width) by nearest neighbour."""
    return F.interpolate(values[None, None].float(), size=shape, mode="nearest")[0, 0]
