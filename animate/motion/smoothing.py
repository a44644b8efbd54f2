"""Smoothing of a driver's motion: from both sides where all of it is known, one euro where it is live."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..face.morphable_model import Floats, angles, rotation
from .parameters import _BATCH, FaceMotion

_REACH = 4  # frames to each side that the two-sided smoothing looks
_NEAR = 2.5  # noise deviations up to which two values may be one
_POINT, _FINE = 0.0035, 0.0018  # a landmark's deviation by chance, shares of the face's height; eyes, mouth
_SLOW, _FAST = 0.04, 0.16  # one-euro: cycles a frame at rest, and more for each noise deviation a frame


def smooth(signals: FaceMotion, frames: NDArray[np.int64], strength: float = 1.0) -> FaceMotion:
    """Two-sided: each value the mean of those near in time and, within the tracker's noise, in value, so that
    blinks and quick turns stay as they are.

    frames: (T,) the number of each in the video; gaps are no neighbours. strength: 0 is off and exact, 1 for
    our tracker's noise, more for noisier drivers.
    """
    if strength == 0 or len(frames) < 2:
        return signals
    values, noise = _values(signals)
    return _signals(_two_sided(values, frames, noise * strength), signals)


def smooth_points(points: NDArray, frames: NDArray[np.int64], strength: float = 1.0) -> NDArray:
    """Points (T, P, 2) as `smooth` has signals, each coordinate by itself."""
    if strength == 0 or len(frames) < 2:
        return points
    values = points.reshape(len(points), -1)
    return _two_sided(values, frames, _point_noise(points) * strength).reshape(points.shape)


def _two_sided(values: NDArray, frames: NDArray[np.int64], noise: Floats) -> NDArray:
    """Each of the values (T, V) as `smooth` has it; noise: (V,)."""
    smoothed = np.empty_like(values)
    for begin in range(0, len(values), _BATCH):
        low, end = max(0, begin - _REACH), begin + _BATCH
        some = _near_means(values[low : end + _REACH], frames[low : end + _REACH], noise * _NEAR)
        smoothed[begin:end] = some[begin - low :][:_BATCH]
    return smoothed


def _near_means(values: NDArray, frames: NDArray[np.int64], like: Floats) -> Floats:
    """The same of values few enough to copy; like: (V,) how far two may be apart to be one."""
    values = values.astype(np.float64)
    total, weight = values.copy(), np.ones_like(values)
    for step in range(1, _REACH + 1):
        ahead, behind = values[step:], values[:-step]
        apart = frames[step:] - frames[:-step]
        near = np.exp(-0.5 * (apart / (_REACH / 2)) ** 2)[:, None] * (apart <= _REACH)[:, None]
        share = near * np.exp(-0.5 * ((ahead - behind) / like) ** 2)
        for mine, other, at in ((behind, ahead, slice(0, -step)), (ahead, behind, slice(step, None))):
            total[at] += share * (other - mine) + share * mine
            weight[at] += share
    return total / weight


@dataclass(frozen=True, eq=False)
class OneEuro:
    """Causal smoothing of one stream (Casiez et al. 2012), its numbers in noise deviations and frames.

    value: (V,) the last smoothed values. speed: (V,) their change a frame, smoothed.
    """

    value: Floats
    speed: Floats


def smooth_next(
    signal: FaceMotion, last: OneEuro | None, strength: float = 1.0
) -> tuple[FaceMotion, OneEuro | None]:
    """The next frame (T = 1) smoothed, and what to pass with the one after. strength: 0 is off and exact."""
    if strength == 0:
        return signal, None
    values, noise = _values(signal)
    state = _one_euro(values[0], last, noise * strength)
    return (signal if last is None else _signals(state.value[None], signal)), state


def smooth_points_next(
    points: NDArray, last: OneEuro | None, strength: float = 1.0
) -> tuple[NDArray, OneEuro | None]:
    """The next frame's points (P, 2) as `smooth_next` has signals."""
    if strength == 0:
        return points, None
    state = _one_euro(points.reshape(-1).astype(np.float64), last, _point_noise(points[None]) * strength)
    return (points if last is None else state.value.reshape(points.shape).astype(points.dtype)), state


def _one_euro(now: Floats, last: OneEuro | None, noise: Floats) -> OneEuro:
    """The values (V,) smoothed; noise: (V,)."""
    if last is None:
        return OneEuro(now, np.zeros_like(now))
    change = (now - last.value) / noise
    speed = last.speed + 0.7 * (change - last.speed)
    rate = 2 * np.pi * (_SLOW + _FAST * np.maximum(np.abs(speed) - 1, 0))
    return OneEuro(last.value + rate / (1 + rate) * (now - last.value), speed)


def _point_noise(points: NDArray) -> Floats:
    """(2 P,): what each coordinate of points (T, P, 2) deviates by chance: those from 36 on are sharp."""
    height = float(np.median(np.ptp(points, axis=1).max(axis=1)))
    shares = np.where(np.arange(points.shape[1]) < 36, _POINT, _FINE)
    return np.repeat(shares, 2) * max(height, 1e-3)


def _values(signals: FaceMotion) -> tuple[Floats, Floats]:
    """The signals as (T, V) plain numbers, and what each deviates by chance."""
    size = signals.scale[:, None]
    count = signals.expression.shape[1]
    values = np.concatenate(
        [angles(signals.turn), np.log(size), signals.shift, signals.expression, signals.opening], 1
    )
    unit = float(np.median(size))
    noise = np.r_[np.full(3, 0.5), 0.004, np.full(2, 0.008 * unit), np.full(count, 0.06), 0.03, 0.03, 0.01]
    return values, noise


def _signals(values: Floats, like: FaceMotion) -> FaceMotion:
    parts = np.split(values, np.cumsum([3, 1, 2, like.expression.shape[1]]), axis=1)
    return FaceMotion(rotation(parts[0]), np.exp(parts[1][:, 0]), *parts[2:])
