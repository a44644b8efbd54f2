"""Driving landmarks to this source's landmarks: the driver's motion without the driver's face.

All points are pixels of square crops of side `size`, x then y, iBUG order: the driver's in the driving crop,
the source's in the source crop. N landmarks.
"""

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
MotionKind = Literal["relative", "copy"]

_EYES = (slice(36, 42), slice(42, 48))
_MOUTH = slice(48, 68)
_STEADY = np.r_[0:4, 13:17, 27:36, [36, 39, 42, 45]]  # ears, nose, eye corners: speech and blinks leave them
_LIDS = (
    (37, 41),
    (38, 40),
    (43, 47),
    (44, 46),
    (61, 67),
    (62, 66),
    (63, 65),
)  # upper, lower: lids and inner lips
_FRAME = np.r_[0:17:2, 17, 19, 24, 26, 27, 30, 33, [36, 39, 42, 45], 48, 54]  # no lids, no lips
_AREAS = (0.2, 2.5)  # of a triangle between these points, against its own in the source
_LOCAL = (0.5, 2.0)  # how much smaller or larger than the face's own scale an eye or mouth may move


@dataclass(frozen=True)
class MotionState:
    """How a source is moved: the kind, the source's own points and, once seen, the driver's first."""

    kind: MotionKind
    source: Points
    size: int = 256
    driver: Points | None = None


def follow_driver(driving: Points, state: MotionState) -> tuple[Points, MotionState]:
    """The source's landmarks for one driving frame, (68, 2) float32, and the state to go on with.

    `copy` takes the driving points as they are (the same person). `relative` adds to the source's own points
    what changed in the driver since the first frame seen, as far as the face does not fold (a picture cannot
    show the other side of a head). Both keep points within half a crop of the crop.
    """
    if state.kind == "copy":
        return _bounded(driving, state.size), state
    if state.driver is None:
        state = replace(state, driver=driving)
    assert state.driver is not None
    source = state.source.astype(np.float64)
    moved = _transfer(driving.astype(np.float64), state.driver.astype(np.float64), source)
    moved = _untorn(moved, source)
    return _bounded(moved, state.size), state


def _transfer(driving: NDArray, first: NDArray, source: NDArray) -> NDArray:
    """The change from `first` to `driving`, done to `source`; source == first gives `driving` exactly.

    The head's part, a similarity x -> turn (x - centre) + centre', is done to the source's own shape, so none
    of the driver's shape comes along; what is left (turning out of the plane, speech, lids) is scaled to the
    source's face, lids and mouth to its own eyes and mouth.
    """
    rolls = _roll(first), _roll(source)
    face_scale = _ratio(first, source, rolls)  # (2,) of width and height
    to_source = (
        rolls[1] @ np.diag(face_scale) @ rolls[0].T
    )  # (2, 2) takes the driver's changes to the source's
    turn = _similarity(first[_STEADY], driving[_STEADY])
    centre, moved, own = (p[_STEADY].mean(0) for p in (first, driving, source))
    rest = driving - moved - (first - centre) @ turn.T  # (N, 2)
    target = own + (moved - centre) @ to_source.T + (source - own) @ turn.T
    target[:36] += rest[:36] @ to_source.T
    for part in (*_EYES, _MOUTH):
        shared = rest[part].mean(0)
        scale = _ratio(first[part], source[part], rolls)
        if part is _MOUTH:  # its height says how far it is open, not how large it is
            scale = scale[[0, 0]]
        scale = scale.clip(*(face_scale * limit for limit in _LOCAL))
        own_part = rolls[1] @ np.diag(scale) @ rolls[0].T
        target[part] += shared @ to_source.T + (rest[part] - shared) @ own_part.T
    return _uncrossed(target, driving @ to_source.T, source)


def _ratio(first: NDArray, source: NDArray, rolls: tuple[NDArray, NDArray]) -> NDArray:
    """Width and height of `source` over those of `first`, each measured upright: (2,)."""
    sizes = [np.ptp(points @ roll, axis=0) for points, roll in zip((first, source), rolls, strict=True)]
    return sizes[1] / np.maximum(sizes[0], 1e-6)


def _roll(points: NDArray) -> NDArray:
    """(2, 2) rotation whose columns are the face's own right and down, in the image."""
    across = points[_EYES[1]].mean(0) - points[_EYES[0]].mean(0)
    cos, sin = across / max(float(np.hypot(*across)), 1e-6)
    return np.array([[cos, -sin], [sin, cos]])


def _similarity(before: NDArray, after: NDArray) -> NDArray:
    """(2, 2) rotation times scale that best takes `before` to `after` about their centres (least squares)."""
    a, b = before - before.mean(0), after - after.mean(0)
    power = max(float((a * a).sum()), 1e-6)
    cos = float((a * b).sum()) / power
    sin = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / power
    return np.array([[cos, -sin], [sin, cos]])


def _untorn(target: NDArray, source: NDArray) -> NDArray:
    """`target` with what is not turning, scaling and shifting of `source` held back, just so far that every
    triangle of the face keeps its size within `_AREAS`: beyond, a warp folds or smears the picture."""
    turn = _similarity(source[_STEADY], target[_STEADY])
    rigid = target[_STEADY].mean(0) + (source - source[_STEADY].mean(0)) @ turn.T
    rest = target - rigid
    corners = _triangles(source[_FRAME])
    a, b = rigid[_FRAME][corners], rest[_FRAME][corners]  # (M, 3, 2)
    edges = [(side[:, 1] - side[:, 0], side[:, 2] - side[:, 0]) for side in (a, b)]
    (p, q), (dp, dq) = edges
    whole = _cross(p, q)
    # The area at share s of the rest is a parabola; s stays below its first meeting with a limit.
    square, slope = _cross(dp, dq) / whole, (_cross(p, dq) + _cross(dp, q)) / whole
    shares = [1.0]
    for limit in _AREAS:
        inside = slope * slope - 4 * square * (1 - limit)
        with np.errstate(divide="ignore", invalid="ignore"):
            for root in (np.sqrt(inside), -np.sqrt(inside)):
                share = 2 * (1 - limit) / (root - slope)  # holds for square = 0 too
                shares.extend(share[(inside >= 0) & (share > 0)])
    return rigid + min(shares) * rest


def _triangles(points: NDArray) -> NDArray:
    """Delaunay triangles of `points` (N, 2) that are no slivers, as indices (M, 3)."""
    low, high = points.min(0) - 2, points.max(0) + 2
    plane = cv2.Subdiv2D((int(low[0]), int(low[1]), *(int(s) + 1 for s in np.ceil(high - low))))
    plane.insert([(float(x), float(y)) for x, y in points])
    found = np.asarray(plane.getTriangleList()).reshape(-1, 3, 2)
    distance = np.abs(found[:, :, None] - points).max(-1)  # (M, 3, N); the outer triangles match no point
    corners = distance.argmin(-1)[(distance.min(-1) < 0.01).all(-1)]
    area = np.abs(_cross(*(points[corners[:, i]] - points[corners[:, 0]] for i in (1, 2))))
    return corners[area > 0.4 * area.mean()]


def _cross(a: NDArray, b: NDArray) -> NDArray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _uncrossed(target: NDArray, driving: NDArray, source: NDArray) -> NDArray:
    """Lids and inner lips that would pass through each other meet instead.

    A driver whose mouth closes, open in its first frame, would else pull closed lips inside out.
    """
    down = _roll(target)[:, 1]
    upper, lower = (np.array(side) for side in zip(*_LIDS, strict=True))
    gap, driver_gap, own_gap = ((p[lower] - p[upper]) @ down for p in (target, driving, source))
    allowed = np.minimum.reduce((driver_gap, own_gap, np.zeros_like(gap)))
    missing = np.maximum(allowed - gap, 0)[:, None] / 2 * down
    target[lower] += missing
    target[upper] -= missing
    return target


def _bounded(points: NDArray, size: int) -> Points:
    return points.clip(-size / 2, size * 1.5).astype(np.float32)
