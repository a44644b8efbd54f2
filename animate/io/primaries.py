"""Colours of other primaries as those of sRGB: by a matrix in linear light, for pictures and for frames.

FFmpeg's scaler takes seconds to build its tables for this, and is off by 3 levels in YCbCr.
"""

from functools import lru_cache
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Curve = Literal["srgb", "bt709"] | float
"""How light becomes a number: a named curve, or the exponent that turns numbers into light."""

_LEVELS = 65535  # steps of linear light that the last curve is tabulated for
_ROWS = 1 << 17  # values that are converted at once, so that they stay in the cache


class Primaries(NamedTuple):
    """Chromaticities, CIE 1931 x then y."""

    red: Point
    green: Point
    blue: Point
    white: Point = (0.3127, 0.3290)


BT709 = Primaries((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
ADOBE_RGB = Primaries((0.640, 0.330), (0.210, 0.710), (0.150, 0.060))
WIDE = {
    9: Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    11: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),  # DCI-P3
    12: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
}
"""Primaries that are visibly wider than those of BT.709, by their number in ITU-T H.273."""
HDR = {16: "PQ", 18: "HLG"}
"""Transfer curves that need tone mapping, by their number in ITU-T H.273."""
_EXPONENTS = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
_SRGB_CURVE = 13


def transfer_curves(number: int, usual: Curve) -> tuple[Curve, Curve]:
    """The curve of transfer `number` (ITU-T H.273) and the one to show its colours with; `usual` is both for
    numbers that say nothing."""
    if number in _EXPONENTS:
        return _EXPONENTS[number], "srgb"
    curve: Curve = "srgb" if number == _SRGB_CURVE else "bt709" if number in (1, 6, 14, 15) else usual
    return curve, curve


def to_bt709(
    image: NDArray[np.uint8], primaries: Primaries, curve: Curve, shown: Curve = "srgb"
) -> NDArray[np.uint8]:
    """RGB (H, W, 3) uint8 of these primaries and this curve as RGB of BT.709's primaries and the curve
    `shown`; colours outside them are clipped."""
    light, matrix, numbers = _tables(primaries, curve, shown)
    out = np.empty_like(image)
    step = max(1, _ROWS // max(image.shape[1], 1))
    for top in range(0, len(image), step):
        linear = cv2.transform(cv2.LUT(np.ascontiguousarray(image[top : top + step]), light), matrix)
        np.clip(linear, 0, _LEVELS, out=linear)
        out[top : top + step] = numbers[linear.astype(np.uint16)]
    return out


@lru_cache(maxsize=16)  # a damaged PNG declares any primaries
def _tables(primaries: Primaries, curve: Curve, shown: Curve) -> tuple[NDArray, NDArray, NDArray]:
    """Light of each number (256,) float32, matrix (3, 3) float32, number of each level of light uint8."""
    light = _to_light(np.arange(256) / 255, curve).astype(np.float32)
    matrix = np.linalg.inv(_to_xyz(BT709)) @ _adapted(primaries.white) @ _to_xyz(primaries)
    numbers = _from_light(np.arange(_LEVELS + 1) / _LEVELS, shown)
    rounding = 0.5 / _LEVELS  # the levels are cut off, not rounded
    matrix, light = matrix.astype(np.float32) * _LEVELS, light + np.float32(rounding)
    return light, matrix, np.rint(numbers * 255).astype(np.uint8)


def _to_light(number: NDArray, curve: Curve) -> NDArray:
    if curve == "srgb":
        return np.where(number <= 0.04045, number / 12.92, ((number + 0.055) / 1.055) ** 2.4)
    if curve == "bt709":
        return np.where(number < 0.081, number / 4.5, ((number + 0.099) / 1.099) ** (1 / 0.45))
    return number**curve


def _from_light(light: NDArray, curve: Curve) -> NDArray:
    if curve == "srgb":
        return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    if curve == "bt709":
        return np.where(light < 0.018, light * 4.5, 1.099 * light**0.45 - 0.099)
    return light ** (1 / curve)


def _to_xyz(primaries: Primaries) -> NDArray:
    """(3, 3) from linear RGB to CIE XYZ."""
    columns = np.array([_xyz(point) for point in primaries[:3]]).T
    return columns * np.linalg.solve(columns, _xyz(primaries.white))


def _xyz(point: Point) -> NDArray:
    x, y = point
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _adapted(white: Point) -> NDArray:
    """(3, 3) in XYZ that makes `white` that of BT.709, by the method of Bradford."""
    cones = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    before, after = cones @ _xyz(white), cones @ _xyz(BT709.white)
    return np.linalg.inv(cones) @ np.diag(after / before) @ cones
