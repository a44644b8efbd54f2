"""The face square at the portrait's own resolution: the network's drawing plus the source's warped detail.

The network draws S x S (256). Its flow also warps the full-size square of the source, whose high frequencies
are taken where the two agree. The same flow, reduced to zero towards the square's sides, joins the square to
the photograph around it without a seam (design: generated low band + warped high band).
"""

from collections.abc import Iterator
from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face.crop import FaceSquare, crop, feather, room

Image = NDArray[np.uint8]
Field = NDArray[np.float32]

_AGREE = (8.0, 24.0)  # grey levels between drawn and warped low band: full weight up to, none from
_AREA = (0.15, 0.4, 2.5, 4.0)  # source area per pixel: (none, full, full, none); small folds, large aliases
_ADMITTED = 0.1  # mask value from which frequencies that S cannot hold get full weight
_FINEST = (1.0, 2.0)  # pixels of S and of the square, standard deviation: detail finer than both is replaced
_SOFT = 2.0  # pixels, standard deviation: smoothing of the weights
_BAND = 1 << 16  # pixels that are finished together
_STEEPEST = 0.8  # how fast the flow may fall to zero towards a side; below 1 nothing folds
_APART = 1.5  # pixels between the drawn flow and the reduced one at which the drawing has lost its weight


class Drawing(NamedTuple):
    """The network's output for one frame.

    face: (S, S, 3) uint8. flow: (S, S, 2) float32, pixels of S, x then y, backward, into the source's crop.
    mask: (S, S) float32 in [0, 1], the weight of the source's own pixels in `face`. closeups: mouth and eyes,
    drawn at their own resolution, to be pasted on the finished face. cover: (S, S) float32 in [0, 1], where
    the person hides the background plate; None if nothing is known of either.
    """

    face: Image
    flow: Field
    mask: Field
    closeups: "tuple[Closeup, ...]" = ()
    cover: Field | None = None


class Canvas(NamedTuple):
    """What `finish` needs of a portrait; made once per portrait.

    large: the face square's own pixels, (side, side, 3) uint8. small: (S, S, 3) float32, the crop that the
    network sees. room: `crop.room` of the square, (S, S) pixels of S, None if no side lies within the
    photograph. weight: `feather` of it. plate: as `large`, what is behind the person, if known.
    """

    large: Image
    small: Field
    room: Field | None
    weight: Field
    plate: Image | None = None

    @classmethod
    def of(cls, image: Image, square: FaceSquare, size: int) -> Self:
        """The canvas of `square` in `image` (H, W, 3) for drawings of side `size`, without a plate."""
        space = room(square, (image.shape[1], image.shape[0]), size)
        large = crop(image, square, square.side)
        small = crop(image, square, size).astype(np.float32)
        return cls(large, small, space if np.isfinite(space).any() else None, feather(space))


class Closeup(NamedTuple):
    """One square drawn in one frame.

    drawing: what the network made of it, S x S, of the portrait's own square. canvas: where that is
    finished. matrix: (2, 3), from pixels of the face's crop to the square's. weight: how much it counts, 0 to
    1.
    """

    drawing: Drawing
    canvas: Canvas
    matrix: NDArray[np.float64]
    weight: float


def finish(drawing: Drawing, canvas: Canvas, strength: float = 1.0) -> Image:
    """The square to paste, (side, side, 3) uint8.

    strength: 0 to 1, how much of the drawing's detail is replaced by the source's: everything finer than a
    pixel of S (or two of the square), because the drawing is soft there. Weighted by the mask where the
    square is S pixels wide; nothing is replaced where it is smaller. Costs one remap of the large square.
    """
    side, size = canvas.large.shape[0], drawing.face.shape[0]
    sharpen = strength > 0 and side >= size
    if not sharpen and canvas.room is None:
        return resize(drawing.face, side).copy()
    face, flow = drawing.face.astype(np.float32), drawing.flow
    base, own, share, cover = face, None, None, None
    if canvas.room is not None:
        flow = _resting(flow, canvas.room)
        apart = _square(flow - drawing.flow)
        apart *= -1 / _APART**2
        own = canvas.weight * np.exp(apart, out=apart)
        base, share = weighted(face, own), 1 - own
    if canvas.plate is not None and drawing.cover is not None:
        behind = 1 - drawing.cover
        cover = resize(1 - (behind if own is None else own * behind), side, cv2.INTER_LINEAR).clip(0, 1)
    places, whole = _places(flow, side), None
    if sharpen:
        if side == size and flow is drawing.flow:  # the same pixels and the same flow
            whole = _moved(canvas, places, cover, slice(None))
            low = whole.astype(np.float32)
        else:
            low = _carried(drawing, canvas)
        trust = drawing.mask if side == size else (_soft(drawing.mask) / _ADMITTED).clip(0, 1)
        trust = (trust if own is None else own * trust) * (strength * trusted(drawing, low))
        finest = _soft(cv2.subtract(low, face), min(_FINEST[0], _FINEST[1] * size / side))
        base = cv2.subtract(base, weighted(cv2.add(face, finest), trust))
        share = trust if share is None else share + trust
    assert share is not None
    base, share = resize(base, side), resize(share, side)
    out = np.empty_like(canvas.large)
    for rows in _bands(side):
        moved = _moved(canvas, places, cover, rows) if whole is None else whole[rows]
        out[rows] = cv2.add(base[rows], weighted(moved, share[rows]), dtype=cv2.CV_8U)
    return out


def moved_square(square: Image, drawing: Drawing, canvas: Canvas) -> Image:
    """`square` (side, side, 3) uint8 warped as `finish` warps the source's own pixels."""
    flow = drawing.flow if canvas.room is None else _resting(drawing.flow, canvas.room)
    return carry(square, flow)


def trusted(drawing: Drawing, carried: Field) -> Field:
    """The weight of the source's detail before the mask, (S, S) float32 in [0, 1]: high where the drawing
    agrees with the warped crop `carried` (S, S, 3) and the flow neither folds nor smears."""
    apart = cv2.absdiff(drawing.face.astype(np.float32), carried)
    apart = _soft(cv2.transform(apart, np.full((1, 3), 1 / 3, np.float32)))  # 10 x as fast as np.mean
    low, high = _AGREE
    agree = ((high - apart) / (high - low)).clip(0, 1)
    (xy, xx), (yy, yx) = (np.gradient(part) for part in cv2.split(drawing.flow))  # by rows, by columns
    area = (1 + xx) * (1 + yy) - xy * yx
    none, least, most, much = _AREA
    even = np.minimum((area - none) / (least - none), (much - area) / (much - most)).clip(0, 1)
    return (agree * _soft(even)).astype(np.float32)


def carry(image: NDArray, flow: Field) -> NDArray:
    """`image` (side, side, 3) warped by the backward `flow` (S, S, 2) in pixels of S; the border repeats."""
    return _read(image, _places(flow, image.shape[0]), slice(None))


def _places(flow: Field, side: int) -> Field:
    """`flow` (S, S, 2), pixels of S, at another side and in its pixels: (side, side, 2)."""
    return resize(flow, side, cv2.INTER_LINEAR) * np.float32(side / len(flow))


def _read(image: NDArray, flow: Field, rows: slice) -> NDArray:
    """Some rows of `image` (side, side, 3) warped by the backward `flow` (side, side, 2)."""
    x, y = cv2.split(flow[rows])
    steps = np.arange(len(image), dtype=np.float32)
    x += steps
    y += steps[rows, None]
    return cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _moved(canvas: Canvas, flow: Field, cover: Field | None, rows: slice) -> Image:
    """Some rows of a canvas's own pixels, warped, over its plate by `cover` (side, side)."""
    moved = _read(canvas.large, flow, rows)
    if cover is None or canvas.plate is None:
        return moved  # type: ignore[return-value]
    return cv2.blendLinear(moved, canvas.plate[rows], cover[rows], 1 - cover[rows])  # type: ignore[return-value]


def _bands(side: int) -> Iterator[slice]:
    """The rows of a square, some at a time: what is computed of them fits into a processor's cache."""
    count = max(_BAND // side, 1)
    return (slice(first, first + count) for first in range(0, side, count))


def weighted(image: NDArray, weight: NDArray) -> Field:
    """`image` (H, W, 3) uint8 or float32 times `weight` (H, W), a quarter of the time that NumPy takes."""
    return cv2.multiply(image, cv2.merge((weight,) * 3), dtype=cv2.CV_32F)  # type: ignore[return-value]


def _square(flow: Field) -> Field:
    """The squared length of (H, W, 2) vectors, (H, W)."""
    x, y = cv2.split(flow)
    return x * x + y * y


def _carried(drawing: Drawing, canvas: Canvas) -> Field:
    """The crop that the network sees, moved by the drawing's flow over its plate; (S, S, 3)."""
    low, size = carry(canvas.small, drawing.flow), len(drawing.face)
    if canvas.plate is None or drawing.cover is None:
        return low  # type: ignore[return-value]
    plate = resize(canvas.plate, size).astype(np.float32)
    return plate + weighted(low - plate, drawing.cover)


def _resting(flow: Field, space: Field) -> Field:
    """`flow`, limited by the distance `space` to a side within the photograph; zero at that side."""
    length = np.square(_square(flow))
    limit = np.square(np.square(_STEEPEST * (space - 0.5)))  # the outermost pixels rest
    least = np.sqrt(np.sqrt(limit / (limit + length + 1e-6)))  # a smooth least of length and limit
    return cv2.multiply(flow, cv2.merge((least, least)))  # type: ignore[return-value]


def _soft(field: NDArray, deviation: float = _SOFT) -> NDArray:
    return cv2.GaussianBlur(field, (0, 0), deviation)


def resize(image: NDArray, side: int, enlarge: int = cv2.INTER_CUBIC) -> NDArray:
    """A square picture at another side; by `enlarge` if that is larger."""
    if image.shape[0] == side:
        return image
    how = cv2.INTER_AREA if side < image.shape[0] else enlarge
    return cv2.resize(np.ascontiguousarray(image), (side, side), interpolation=how)
