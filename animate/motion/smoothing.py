"""Smoothing of a driver's motion: two-sided where all frames are known, one-euro for live streams."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..face.fine_flow import slack
from ..face.morphable_model import FaceModel, Faces, Floats, angles, draw, rotation
from ..ibug68 import EYES
from .parameters import _BATCH, FaceMotion

_REACH = 4  # frames on each side used by the two-sided smoothing
_NEAR = 2.5  # noise deviations within which two values are taken for the same
_POINT, _FINE = 0.0035, 0.0018  # noise of a landmark over the face's height; of eyes and mouth
_SLOW, _FAST = 0.04, 0.16  # one-euro cut-off: cycles per frame at rest, increase per noise deviation a frame


def smooth(motion: FaceMotion, frames: NDArray[np.int64], strength: float = 1.0) -> FaceMotion:
    """Two-sided (bilateral): each value becomes the mean of those near in time and, within the tracker's
    noise, in value, so that blinks and quick turns are preserved.

    frames: (T,) frame numbers in the video; frames across a gap are not neighbours. strength: 0 is off and
    exact, 1 for our tracker's noise, more for noisier drivers.
    """
    if strength == 0 or len(frames) < 2:
        return motion
    values, noise = _values(motion)
    return _motion(_two_sided(values, frames, noise * strength), motion)


def smooth_points(points: NDArray, frames: NDArray[np.int64], strength: float = 1.0) -> NDArray:
    """`smooth` for points (T, P, 2), each coordinate by itself."""
    if strength == 0 or len(frames) < 2:
        return points
    values = points.reshape(len(points), -1)
    return _two_sided(values, frames, _point_noise(points) * strength).reshape(points.shape)


def _two_sided(values: NDArray, frames: NDArray[np.int64], noise: Floats) -> NDArray:
    """The values (T, V) smoothed; noise: (V,) standard deviations."""
    smoothed = np.empty_like(values)
    for begin in range(0, len(values), _BATCH):
        low, end = max(0, begin - _REACH), begin + _BATCH
        some = _near_means(values[low : end + _REACH], frames[low : end + _REACH], noise * _NEAR)
        smoothed[begin:end] = some[begin - low :][:_BATCH]
    return smoothed


def _near_means(values: NDArray, frames: NDArray[np.int64], near: Floats) -> Floats:
    """The bilateral means of one batch. near: (V,) standard deviations of the weight by value."""
    values = values.astype(np.float64)
    total, weight = values.copy(), np.ones_like(values)
    for step in range(1, _REACH + 1):
        ahead, behind = values[step:], values[:-step]
        apart = frames[step:] - frames[:-step]
        in_time = np.exp(-0.5 * (apart / (_REACH / 2)) ** 2)[:, None] * (apart <= _REACH)[:, None]
        share = in_time * np.exp(-0.5 * ((ahead - behind) / near) ** 2)
        for mine, other, at in ((behind, ahead, slice(0, -step)), (ahead, behind, slice(step, None))):
            total[at] += share * (other - mine) + share * mine
            weight[at] += share
    return total / weight


def points_of(motion: FaceMotion, model: FaceModel, shape: Floats) -> Floats:
    """(T, P, 2): where the landmarks of the person with `shape` are by its motion."""
    return draw(shape, Faces(*motion[:4]), model.expression)


def moved_off(motion: FaceMotion, said: NDArray, seen: NDArray) -> FaceMotion:
    """The `motion` with so much more slack: points `said` where others were `seen`, both (T, P, 2)."""
    more = [slack(a, b) for a, b in zip(said, seen, strict=True)]
    return motion._replace(slack=(motion.slack + np.stack(more)).astype(np.float16))


@dataclass(frozen=True, eq=False)
class OneEuro:
    """State of causal smoothing (one-euro filter, Casiez et al. 2012), in noise deviations and frames.

    value: (V,) the last smoothed values. speed: (V,) their smoothed change per frame.
    """

    value: Floats
    speed: Floats


def smooth_next(
    motion: FaceMotion, last: OneEuro | None, strength: float = 1.0
) -> tuple[FaceMotion, OneEuro | None]:
    """The next frame (T = 1) smoothed, and the state for the one after. strength: 0 is off and exact."""
    if strength == 0:
        return motion, None
    values, noise = _values(motion)
    state = _one_euro(values[0], last, noise * strength)
    return (motion if last is None else _motion(state.value[None], motion)), state


def smooth_points_next(
    points: NDArray, last: OneEuro | None, strength: float = 1.0
) -> tuple[NDArray, OneEuro | None]:
    """`smooth_next` for points (P, 2)."""
    if strength == 0:
        return points, None
    state = _one_euro(points.reshape(-1).astype(np.float64), last, _point_noise(points[None]) * strength)
    return (points if last is None else state.value.reshape(points.shape).astype(points.dtype)), state


def _one_euro(now: Floats, last: OneEuro | None, noise: Floats) -> OneEuro:
    """The values (V,) smoothed; noise: (V,) standard deviations."""
    if last is None:
        return OneEuro(now, np.zeros_like(now))
    change = (now - last.value) / noise
    speed = last.speed + 0.7 * (change - last.speed)
    rate = 2 * np.pi * (_SLOW + _FAST * np.maximum(np.abs(speed) - 1, 0))
    return OneEuro(last.value + rate / (1 + rate) * (now - last.value), speed)


def _point_noise(points: NDArray) -> Floats:
    """(2 P,) noise of each coordinate of points (T, P, 2); eyes and mouth are more exact than the rest."""
    height = float(np.median(np.ptp(points, axis=1).max(axis=1)))
    relative = np.where(np.arange(points.shape[1]) < EYES[0][0], _POINT, _FINE)
    return np.repeat(relative, 2) * max(height, 1e-3)


def _values(motion: FaceMotion) -> tuple[Floats, Floats]:
    """The motion as (T, V) plain numbers, and the noise (V,) of each."""
    size = motion.scale[:, None]
    count = motion.expression.shape[1]
    values = np.concatenate(
        [
            angles(motion.turn),
            np.log(size),
            motion.shift,
            motion.expression,
            motion.opening,
            motion.shoulders.reshape(-1, 4),
        ],
        1,
    )
    unit = float(np.median(size))
    head = np.r_[np.full(3, 0.5), 0.004, np.full(2, 0.008 * unit)]
    return values, np.r_[head, np.full(count, 0.06), 0.03, 0.03, 0.01, np.full(4, 0.008 * unit)]


def _motion(values: Floats, like: FaceMotion) -> FaceMotion:
    """The inverse of `_values`; `like` has the same number of expression directions, and the fine motion,
    which is an average over pixels already."""
    ends = np.cumsum([3, 1, 2, like.expression.shape[1], 3])
    turn, size, shift, expression, opening, shoulders = np.split(values, ends, axis=1)
    scale = np.exp(size[:, 0])
    body = shoulders.reshape(-1, 2, 2)
    return FaceMotion(rotation(turn), scale, shift, expression, opening, body, like.fine, like.slack)
