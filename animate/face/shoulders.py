"""Where a driver's shoulders went: a turn, a size and a shift of the body, read off the pixels of a shot.

Landmarks say nothing of the body below the head. What the shot's first frame shows below the chin is compared
with later frames by dense optical flow (DIS, Kroeger et al. 2016), and the similarity that most of it follows
is kept: hands, hair and background that go another way count little. Each frame is compared with the first
one, carried by the last similarity, so that nothing drifts.

A similarity is stood for by two places of the body; as complex numbers it is z -> a z + b.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .pose import transform, warp
from .registration import correlation

Places = NDArray[np.float32]

_SIDE, _HEIGHT = 128, 64  # pixels of the crops that are compared
_WIDE, _OVER = (
    3.4,
    0.1,
)  # a crop's width, and its part above the chin, in ways from eyes to chin
_BEGINS, _SOFT = (
    0.12,
    0.1,
)  # the body begins below the chin, for the throat's skin goes with the head
_BESIDE = 1.5  # to either side of the chin, in the same
_PIVOT, _HALF = 0.8, 1.2  # the two places: below the chin and to either side, in the same
_STEP = 2  # pixels between the places that are fitted
_ROUNDS, _STRAY = 6, 2.0  # of the fit; pixels off the similarity at which a place counts half
_RIDGE = 64.0  # pixels squared: a thin strip below the chin says little of turn and size, which then stay
_LEAST = 0.02  # of the crop that must show the body
_ALIKE = 0.4  # correlation of the body then and now; below, it is hidden, and the last similarity stays


class BodyKey(NamedTuple):
    """The body below the face in a shot's first frame.

    crop: (64, 128) uint8 grey. matrix: (2, 3) from pixels of the frame to the crop's. weight: (64, 128)
    float32 in [0, 1], where the body is. places: (2, 2) float32 pixels of the frame, `shoulders` there.
    """

    crop: NDArray[np.uint8]
    matrix: NDArray[np.float64]
    weight: NDArray[np.float32]
    places: Places

    @classmethod
    def of(cls, image: NDArray[np.uint8], points: NDArray[np.float32]) -> "BodyKey":
        """The body of the face with landmarks `points` (68, 2) in a frame (H, W, 3) RGB."""
        (x, y), unit = _chin(points)
        scale = _SIDE / (_WIDE * unit)
        matrix = np.array([[scale, 0, _SIDE / 2 - scale * x], [0, scale, scale * (_OVER * unit - y)]])
        rows, columns = np.mgrid[:_HEIGHT, :_SIDE].astype(np.float32) / np.float32(scale * unit)
        below = ((rows - _OVER - _BEGINS) / _SOFT).clip(0, 1)
        beside = ((_BESIDE - np.abs(columns - _WIDE / 2)) / _SOFT).clip(0, 1)
        seen = warp(np.full(image.shape[:2], 255, np.uint8), matrix, (_SIDE, _HEIGHT)) > 254
        return cls(
            _grey(image, matrix), matrix, (below * beside * seen).astype(np.float32), shoulders(points)
        )


def shoulders(points: NDArray[np.floating]) -> Places:
    """Two places of a body at rest below a face with landmarks `points` (68 or more, 2): (2, 2), the one on
    the left of the picture first."""
    chin, unit = _chin(points)
    return (chin + unit * np.array([[-_HALF, _PIVOT], [_HALF, _PIVOT]])).astype(np.float32)


def follow_body(image: NDArray[np.uint8], key: BodyKey, last: Places) -> Places:
    """Where `key.places` are in the frame `image` (H, W, 3) RGB; they were at `last` one frame before."""
    if key.weight.mean() < _LEAST:
        return last
    places = transform(key.matrix, key.places)
    a, b = similarity(places, transform(key.matrix, last))
    seen = _grey(image, key.matrix)
    now = _brought_back(seen, a, b)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(0)
    flow = search.calc(key.crop, now, None)  # type: ignore[call-overload]
    turn, way = _most(flow, key.weight)
    a, b = a * turn, a * way + b
    there = key.weight > 0
    if correlation(key.crop[there], _brought_back(seen, a, b)[there]) < _ALIKE:
        return last
    moved = a * _complex(places) + b
    at = np.stack((moved.real, moved.imag), axis=-1).astype(np.float32)
    return transform(cv2.invertAffineTransform(key.matrix), at)


def similarity(before: NDArray, after: NDArray) -> tuple[complex, complex]:
    """The a and b of the similarity that takes two places (2, 2) to two others."""
    (p, q), (r, s) = _complex(before), _complex(after)
    a = (s - r) / (q - p)
    return complex(a), complex(r - a * p)


def _brought_back(crop: NDArray[np.uint8], a: complex, b: complex) -> NDArray[np.uint8]:
    """The crop as it would look if its body had not moved by the similarity."""
    moved = np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(crop, moved, (_SIDE, _HEIGHT), flags=how, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _most(flow: NDArray[np.float32], weight: NDArray[np.float32]) -> tuple[complex, complex]:
    """The similarity that most of the flow (h, w, 2) follows, where `weight` (h, w) says."""
    some = weight[::_STEP, ::_STEP]
    rows, columns = np.nonzero(some)
    z = _STEP * (columns + 1j * rows)
    weights, moves = some[rows, columns].astype(np.float64), flow[_STEP * rows, _STEP * columns]
    to, trust = z + _complex(moves), weights
    a, b = 1 + 0j, 0j
    for _ in range(_ROUNDS):
        total = trust.sum()
        middle, goal = (trust * z).sum() / total, (trust * to).sum() / total
        apart = z - middle
        turned = (trust * apart.conj() * (to - goal)).sum() + _RIDGE * total
        a = turned / ((trust * np.abs(apart) ** 2).sum() + _RIDGE * total)
        b = goal - a * middle
        follows = 1 / (1 + np.abs(a * z + b - to) ** 2 / _STRAY**2)
        trust = weights * follows**2  # Geman and McClure's
    return complex(a), complex(b)


def _chin(points: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    """The place below the head at the chin's height, and the way from the eyes to the chin, pixels."""
    points = np.asarray(points[:68], np.float64)
    unit = float(np.linalg.norm(points[8] - points[36:48].mean(0)))
    return np.array([points[[0, 8, 16], 0].mean(), points[8, 1]]), max(unit, 1.0)


def _complex(places: NDArray) -> NDArray[np.complex128]:
    return places[..., 0].astype(np.float64) + 1j * places[..., 1]


def _grey(image: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
    return cv2.cvtColor(warp(image, matrix, (_SIDE, _HEIGHT)), cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]
