"""Turns the eyes of a finished crop: the network is guided by lids alone, so irises move in the picture."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..ibug68 import BROWS, EYES
from .detail import Drawing

_LEAST = 0.3  # pixels below which nobody sees that an eye has moved
_REACH = 0.35  # of the eye's width: how far around the iris the picture goes along


def look_aside(
    image: NDArray[np.uint8], points: NDArray[np.float32], look: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """`image` (S, S, 3) with the iris of each eye moved by `look` (2, 2) pixels, x then y, between the lids.

    points: (68, 2), where the lids are in it. What lies before the iris is squeezed, what it leaves is
    stretched, and the lids stay: a backward flow that fades out at the lids and a little beyond the iris.
    """
    out = image
    for eye, way in zip(EYES, look, strict=True):
        lids = points[eye]
        opening = float(np.ptp(lids @ _upright(lids), axis=0)[1])
        if np.hypot(*way) < _LEAST or opening < 2:
            continue
        out = _moved(out, lids, way)
    return out


def _moved(
    image: NDArray[np.uint8], lids: NDArray[np.float32], way: NDArray[np.float32]
) -> NDArray[np.uint8]:
    width = float(np.hypot(*(lids[3] - lids[0])))
    low = np.floor(lids.min(0) - width / 2).astype(int).clip(0)
    high = np.ceil(lids.max(0) + width / 2).astype(int).clip(None, (image.shape[1] - 1, image.shape[0] - 1))
    if (high - low < 4).any():
        return image
    mask = np.zeros((high - low)[::-1] + 1, np.uint8)
    outline = np.round((lids - low) * 16).astype(np.int32)
    cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA, 4)
    inside = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), max(width / 30, 0.6))
    x, y = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
    middle = lids.mean(0) + way
    near = np.exp(-(((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / (2 * (_REACH * width) ** 2)))
    share = (inside * near).astype(np.float32)
    part = cv2.remap(
        image,
        (x - share * way[0]).astype(np.float32),
        (y - share * way[1]).astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    out = image.copy()
    out[low[1] : high[1] + 1, low[0] : high[0] + 1] = part
    return out


def _upright(lids: NDArray[np.float32]) -> NDArray[np.float32]:
    along = (lids[3] - lids[0]) / max(float(np.hypot(*(lids[3] - lids[0]))), 1e-6)
    return np.array([[along[0], -along[1]], [along[1], along[0]]], np.float32)


_CLOSING = (0.08, 0.35)  # share of the opening that is gone: from where the lid is seen, to where it rules
_SHUT = (0.45, 0.8)  # likewise, from where the last slit closes: of shut eyes too a tracker says a slit
_NARROW = 0.05  # of the eye's width: an eye that is no more open in the portrait has nothing to cover
_CHEEK = 0.55  # of the eye's width below the corners: there nothing of the lids' way is left
_BESIDE = 0.3  # of the eye's width beyond the corners, likewise
_RIM = (0.1, 0.2)  # of the eye's width, up and down: so far beyond the lids' points the eyeball may show
_FOLD = 0.5  # of the way from the lid to the brow: the skin up to there stretches, the brow keeps still
_SHADE = 0.2  # of the eye's width, standard deviation: coarser than that the network's own colours stay
_FINE = 2  # places a pixel, each way: at the line where the lids meet the picture changes within a pixel


@dataclass(frozen=True, eq=False)
class _Eye:
    """An eye in a frame of its own: a place is corner + u * along + v * down, u from 0 to 1 between the
    corners, v in pixels. upper and lower: coefficients of the lids' curves v(u), brow of the brow's line."""

    corner: NDArray
    along: NDArray
    down: NDArray
    upper: NDArray
    lower: NDArray
    brow: NDArray

    @property
    def width(self) -> float:
        return float(np.hypot(*self.along))

    def opening(self) -> float:
        """Between the lids in the middle third, in widths of the eye."""
        u = np.linspace(1 / 3, 2 / 3, 3)
        return float((_curve(self.lower, u) - _curve(self.upper, u)).mean()) / self.width


def close_lids(
    drawing: Drawing, source: NDArray[np.uint8], before: NDArray[np.float32], after: NDArray[np.float32]
) -> Drawing:
    """`drawing` with each eye that closes covered by the lids of `source` (S, S, 3), the portrait's crop.

    before: (68, 2) the portrait's points; after: (68, 2) where they are in the drawing; pixels of S, x then
    y. The flow goes with the lids, so that fine detail does too. An eye that stays as open comes back as is.
    """
    for eye, brow in zip(EYES, BROWS, strict=True):
        here, there = _eye(after[eye], after[brow]), _eye(before[eye], before[brow])
        if here is None or there is None or there.opening() < _NARROW:
            continue
        gone = 1 - max(here.opening(), 0.0) / there.opening()
        if gone > _CLOSING[0]:
            drawing = _closed(drawing, source, here, there, gone)
    return drawing


def _closed(drawing: Drawing, source: NDArray[np.uint8], here: _Eye, there: _Eye, gone: float) -> Drawing:
    size = drawing.face.shape[0]
    reach = [here.corner + u * here.along + v * here.down for u in (-1, 2) for v in (-here.width, here.width)]
    low = np.floor(np.min(reach, axis=0)).astype(int).clip(0, size)
    high = np.ceil(np.max(reach, axis=0)).astype(int).clip(0, size)
    if (high - low < 4).any():
        return drawing
    box = (slice(low[1], high[1]), slice(low[0], high[0]))
    axes = [(np.arange((b - a) * _FINE) + 0.5) / _FINE - 0.5 + a for a, b in zip(low, high, strict=True)]
    places = np.stack(np.meshgrid(*axes), axis=-1)
    rest = places - here.corner
    u, v = rest @ here.along / here.width**2, rest @ here.down
    from_v = _heights(u, v, here, there, gone)
    found = there.corner + u[..., None] * there.along + from_v[..., None] * there.down
    share = _smooth((gone - _CLOSING[0]) / (_CLOSING[1] - _CLOSING[0]))

    def pixels(field: NDArray) -> NDArray:
        return cv2.resize(field.astype(np.float32), tuple(high - low), interpolation=cv2.INTER_AREA)

    x, y = np.moveaxis(found.astype(np.float32), 2, 0)
    skin = pixels(cv2.remap(source, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))
    weight = share * pixels(_place(u, v, here))[..., None]
    face, flow, mask = drawing.face.copy(), drawing.flow.copy(), drawing.mask.copy()
    shade = cv2.GaussianBlur(face[box] - skin, (0, 0), _SHADE * here.width)
    face[box] = np.rint(face[box] + weight * (skin + shade - face[box])).clip(0, 255)
    flow[box] += weight * (pixels(found - places) - flow[box])
    mask[box] += weight[..., 0] * (1 - mask[box])
    return Drawing(face, flow, mask)


def _heights(u: NDArray, v: NDArray, here: _Eye, there: _Eye, gone: float) -> NDArray:
    """Where on the source's line `u` each height `v` of the drawing's comes from.

    Between brow and upper lid and between lower lid and cheek skin is stretched. Between the lids nothing is:
    the eyeball stays with the lower lid and the upper one goes over it.
    """
    upper, lower, brow = (_curve(c, u) for c in (here.upper, here.lower, here.brow))
    from_upper, from_lower, from_brow = (_curve(c, u) for c in (there.upper, there.lower, there.brow))
    brow, from_brow = upper + _FOLD * (brow - upper), from_upper + _FOLD * (from_brow - from_upper)
    up, down = (gone * rim * there.width for rim in _RIM)
    from_upper, from_lower = from_upper - up, from_lower + down
    shut = _smooth((gone - _SHUT[0]) / (_SHUT[1] - _SHUT[0]))
    upper = np.minimum(upper + shut * (lower - upper), lower)
    cheek = np.maximum(_CHEEK * here.width, lower + 1)
    from_cheek = np.maximum(_CHEEK * there.width, from_lower + 1)
    brow, from_brow = np.minimum(brow, upper - 1), np.minimum(from_brow, from_upper - 1)
    above = from_upper + (v - upper) * (from_brow - from_upper) / (brow - upper)
    below = from_lower + (v - lower) * (from_cheek - from_lower) / (cheek - lower)
    between = np.maximum(from_lower + (v - lower) * there.width / here.width, from_upper)
    return np.where(v < upper, above, np.where(v > lower, below, between))


def _place(u: NDArray, v: NDArray, here: _Eye) -> NDArray:
    """(H, W) in [0, 1]: one on the eye, none at the brow, on the cheek and beyond the corners."""
    top, end = _FOLD * _curve(here.brow, u), _CHEEK * here.width
    beside = np.maximum(-u, u - 1) / _BESIDE
    over = np.where(v < 0, v / np.minimum(top, -1), v / end)
    return (1 - _smooth((over - 0.65) / 0.35)) * (1 - _smooth(beside))


def _eye(lids: NDArray, brow: NDArray) -> _Eye | None:
    """None where the eye is seen too much from the side."""
    lids, brow = np.asarray(lids, np.float64), np.asarray(brow, np.float64)
    corner, along = lids[0], lids[3] - lids[0]
    width = float(np.hypot(*along))
    if width < 6:
        return None
    down = np.array([-along[1], along[0]]) / width

    def own(points: NDArray) -> tuple[NDArray, NDArray]:
        rest = points - corner
        return rest @ along / width**2, rest @ down

    def curve(points: NDArray, degree: int) -> NDArray:
        u, v = own(points)
        return np.polyfit(u, v, degree) if np.ptp(u) > 0.2 else np.array([v.mean()])

    upper, lower = (curve(lids[points], 3) for points in ([0, 1, 2, 3], [0, 5, 4, 3]))
    return _Eye(corner, along, down, upper, lower, curve(brow, 1))


def _curve(coefficients: NDArray, u: NDArray) -> NDArray:
    return np.polyval(coefficients, np.clip(u, 0, 1))


def _smooth(share: NDArray | float) -> NDArray:
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)
