"""Where a picture shows a person. The network sees it at about 256 pixels; a guided filter then draws the
matte's edge along the picture's own edges."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ..models import MatteNet, load_matte_net
from .compute.devices import fast_arithmetic, to_device

Image = NDArray[np.uint8]
Grey = NDArray[np.float32]

_CELLS = 32  # the network halves a picture five times
_GUIDE = 512  # longer side, pixels, at which the guided filter is fitted
_WINDOW, _NOISE = 0.012, 1e-4  # of that side; variance of a picture in [0, 1] that counts as none
_SURE = 0.02  # a matte this near to 0 or 1 all around is left as the network says


def portrait_matte(image: Image, net: MatteNet | None = None) -> Grey:
    """Which part of each pixel shows the person: (H, W) float32 in [0, 1].

    image: (H, W, 3) uint8 RGB of any size. net: the network, by default the one that we ship, on the CPU.
    """
    net = net or _shipped()
    height, width = image.shape[:2]
    scale = net.config.size / (height * width) ** 0.5
    shape = (_cells(height * scale), _cells(width * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, shape[::-1], interpolation=how)
    device = next(net.parameters()).device
    pixels = to_device(np.stack((small, small[:, ::-1])), device).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode(), fast_arithmetic(device):
        plain, mirrored = net(pixels).sigmoid()[:, 0]
    seen = ((plain + mirrored.flip(1)) / 2).cpu().numpy()
    return _refined(image, seen)


@cache
def _shipped() -> MatteNet:
    return load_matte_net()


def _cells(length: float) -> int:
    return max(1, round(length / _CELLS)) * _CELLS


def disc(radius: int) -> NDArray[np.uint8]:
    """A round structuring element."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))  # type: ignore[return-value]


def _refined(image: Image, seen: Grey) -> Grey:
    """The matte `seen`, small, at the picture's size, with its edges where the picture has them.

    He, Sun, Tang 2013, "Guided Image Filtering", section 3.4: in each window the matte is an affine function
    of the picture's colours. The functions are fitted at a middle size (He, Sun 2015).
    """
    height, width = image.shape[:2]
    scale = min(1.0, _GUIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    guide = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    coarse = cv2.resize(seen, size, interpolation=cv2.INTER_CUBIC).clip(0, 1)
    radius = max(2, round(_WINDOW * max(size)))
    window = (2 * radius + 1, 2 * radius + 1)

    def mean(values: NDArray) -> NDArray:
        return cv2.blur(values, window)

    red, green, blue = cv2.split(guide)
    colours = (red, green, blue)
    centre = mean(guide)
    level = mean(coarse)
    r, g, b = cv2.split(centre)
    rr, gg, bb = (mean(x * x) - m * m + _NOISE for x, m in zip(colours, (r, g, b), strict=True))
    rg, rb, gb = mean(red * green) - r * g, mean(red * blue) - r * b, mean(green * blue) - g * b
    with_red, with_green, with_blue = (
        mean(x * coarse) - m * level for x, m in zip(colours, (r, g, b), strict=True)
    )
    # The inverse of the symmetric 3 x 3 matrix of the colours' covariance, by its minors.
    m_rr, m_gg, m_bb = gg * bb - gb * gb, rr * bb - rb * rb, rr * gg - rg * rg
    m_rg, m_rb, m_gb = gb * rb - rg * bb, rg * gb - gg * rb, rg * rb - rr * gb
    whole_size = rr * m_rr + rg * m_rg + rb * m_rb
    slopes = (
        (m_rr * with_red + m_rg * with_green + m_rb * with_blue) / whole_size,
        (m_rg * with_red + m_gg * with_green + m_gb * with_blue) / whole_size,
        (m_rb * with_red + m_gb * with_green + m_bb * with_blue) / whole_size,
    )
    offset = level - slopes[0] * r - slopes[1] * g - slopes[2] * b
    whole = (width, height)
    *slopes, offset = (cv2.resize(mean(x), whole, interpolation=cv2.INTER_LINEAR) for x in (*slopes, offset))
    edge = offset
    for slope, channel in zip(slopes, cv2.split(image), strict=True):
        edge = edge + slope * channel * np.float32(1 / 255)
    near = disc(radius)
    low, high = cv2.erode(coarse, near), cv2.dilate(coarse, near)
    unsure = mean(((high > _SURE) & (low < 1 - _SURE)).astype(np.float32))
    smooth = cv2.resize(coarse, whole, interpolation=cv2.INTER_LINEAR)
    matte = smooth + cv2.resize(unsure, whole, interpolation=cv2.INTER_LINEAR) * (edge - smooth)
    return np.clip((matte - _SURE) / (1 - 2 * _SURE), 0, 1).astype(np.float32)
