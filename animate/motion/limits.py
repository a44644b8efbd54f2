"""Limits of turn and deformation: a warp of one photograph cannot show what the photograph does not.

All points are pixels of the source's crop, x then y, iBUG order.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face.morphable_model import Floats, angles, rotation
from ..ibug68 import BROWS, EYE_CORNERS, JAW, MOUTH_CORNERS, NOSE

ROLL, ROLL_JOINED = 42.0, 32.0
"""Limits of roll from the portrait's own, degrees: beyond the first the generator's faces melt, beyond the
second a chin stays behind in a square that is joined to the photograph around it."""
_TURNS = np.array([45.0, 30.0, 60.0])  # limits of yaw, pitch, roll in degrees: the model's training range
_STEADY = np.r_[JAW[:4], JAW[13:], NOSE, EYE_CORNERS]  # not moved by speech and blinks
_MESH = np.r_[JAW[::2], BROWS[0][:3:2], BROWS[1][2::2], NOSE[::3], EYE_CORNERS, MOUTH_CORNERS]


def turned_beyond(turn: Floats, own: Floats) -> float:
    """Degrees by which yaw or pitch of a rotation (1, 3, 3) exceed what can be drawn of a portrait with its
    `own`."""
    now, before = np.abs(angles(turn)[0, :2]), np.abs(angles(own)[0, :2])
    return float((now - np.maximum(_TURNS[:2], before)).max()) - 1e-6


def hold_roll(turn: Floats, own: Floats, most: float) -> tuple[Floats, float]:
    """A head's rotation (1, 3, 3) rolled by at most `most` degrees from its `own`; and the part of the roll
    that is left, as of the head's way, which goes along with it."""
    roll, before = angles(turn)[0, 2], angles(own)[0, 2]
    wanted = wrapped(roll - before)
    far = max(_TURNS[2], abs(before))
    held = float(np.clip(wanted, max(-most, -far - before), min(most, far - before)))
    if held == wanted:
        return turn, 1.0
    return about_z(held - wanted) @ turn, held / wanted


def about_z(degrees: float) -> Floats:
    """The rotation (1, 3, 3) in the plane of the image, clockwise."""
    return rotation(np.array([[0.0, 0.0, degrees]]))


def wrapped(degrees: float) -> float:
    """The same angle in [-180, 180)."""
    return (degrees + 180) % 360 - 180


def limit_deformation(
    target: NDArray, source: NDArray, corners: NDArray, areas: tuple[float, float]
) -> NDArray:
    """`target` with its non-rigid part scaled down until every triangle's area stays within `areas`; outside
    them a warp folds or smears the picture.

    target, source: (68, 2). corners: `triangles` of the source. areas: (minimum, maximum) of a triangle's
    area, relative to its own in the source after the best similarity transform. A target within the limits
    is returned unchanged.
    """
    turn = _similarity(source[_STEADY], target[_STEADY])
    rigid = target[_STEADY].mean(0) + (source - source[_STEADY].mean(0)) @ turn.T
    rest = target - rigid
    a, b = rigid[_MESH][corners], rest[_MESH][corners]  # (M, 3, 2)
    edges = [(side[:, 1] - side[:, 0], side[:, 2] - side[:, 0]) for side in (a, b)]
    (p, q), (dp, dq) = edges
    whole = _cross(p, q)
    # The area at share s of the non-rigid part is a parabola; s is where it first meets a limit.
    square, slope = _cross(dp, dq) / whole, (_cross(p, dq) + _cross(dp, q)) / whole
    shares = [1.0]
    for limit in areas:
        inside = slope * slope - 4 * square * (1 - limit)
        with np.errstate(divide="ignore", invalid="ignore"):
            for root in (np.sqrt(inside), -np.sqrt(inside)):
                share = 2 * (1 - limit) / (root - slope)  # holds for square = 0 too
                shares.extend(share[(inside >= 0) & (share > 0)])
    share = min(shares)
    return target if share == 1 else rigid + share * rest


def limit_roll(target: NDArray, source: NDArray, most: float) -> tuple[NDArray, bool]:
    """`target` (P, 2) turned back about its centre until it is rolled by at most `most` degrees from
    `source` (P, 2), and whether it was turned back at all. The first 68 points decide."""
    turn = _similarity(source[_STEADY], target[_STEADY])
    roll = np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))
    excess = np.radians(roll - np.clip(roll, -most, most))
    if excess == 0:
        return target, False
    cos, sin = np.cos(excess), np.sin(excess)
    centre = target[:68].mean(0)
    return centre + (target - centre) @ np.array([[cos, -sin], [sin, cos]]), True


def _similarity(before: NDArray, after: NDArray) -> NDArray:
    """(2, 2) rotation times scale that best maps `before` to `after` about their centres (least squares)."""
    a, b = before - before.mean(0), after - after.mean(0)
    power = max(float((a * a).sum()), 1e-6)
    cos = float((a * b).sum()) / power
    sin = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / power
    return np.array([[cos, -sin], [sin, cos]])


def triangles(source: NDArray) -> NDArray:
    """The Delaunay triangles of a source's points (68, 2) that `limit_deformation` checks, without slivers:
    (M, 3) indices into _MESH."""
    points = source[_MESH]
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
