"""Motion without the person: what a face does in a frame, as numbers that are smoothed, kept and given on.

T frames, K directions of the face model's expression. Signals are of image pixels or of any other unit of
length: only ratios and differences over the scale are used.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from .editor import FaceModel, Faces, Floats, angles, draw, openings, rotation

_BATCH = 1024  # frames looked at together: memory does not grow with the video
_REACH = 4  # frames to each side that the two-sided smoothing looks
_NEAR = 2.5  # noise deviations up to which two values may be one
_POINT, _FINE = 0.0035, 0.0018  # a landmark's deviation by chance, shares of the face's height; eyes, mouth
_LIPS_SHUT = 0.02  # model's units that a tracker still sees between shut lips, on val
_LIDS_SHUT, _LEAST_OPEN = 0.25, 0.85  # as `lid_range` says; on val
_OPEN = 0.95  # of what is usual counts as open: noise is no blink
_SLOW, _FAST = 0.04, 0.16  # one-euro: cycles a frame at rest, and more for each noise deviation a frame


class Signals(NamedTuple):
    """What T faces do.

    Attributes:
        turn: (T, 3, 3) rotations of the head. scale: (T,). shift: (T, 2). expression: (T, K).
        opening: (T, 3) of the eye 36-41 and the eye 42-47, 1 as the person usually has them and 0 shut, and
        of the lips, in units of the face model, 0 shut.
    """

    turn: Floats
    scale: Floats
    shift: Floats
    expression: Floats
    opening: Floats

    def at(self, index: int) -> Self:
        """The one frame, T = 1."""
        return type(self)(*(part[index : index + 1] for part in self))


def read_signals(model: FaceModel, shape: Floats, faces: Faces, points: NDArray) -> Signals:
    """What the person of `shape` (P, 3) does in `points` (T, P, 2), fitted as `faces`; the opening of the
    eyes is yet that of the points, against the shape's, for `calibrate` to make sense of."""
    opening = []
    for begin in range(0, len(points), _BATCH):
        part = slice(begin, begin + _BATCH)
        some = Faces(*(numbers[part] for numbers in faces))
        at_rest = some._replace(expression=np.zeros_like(some.expression))
        rest = openings(draw(shape, at_rest, model.expression), at_rest)
        opening.append(openings(points[part], some))
        opening[-1][:, :2] /= np.maximum(rest[:, :2], 0.03)
        opening[-1][:, 2] -= _LIPS_SHUT
    return Signals(*faces, np.maximum(np.concatenate(opening), 0))


def lid_range(opening: Floats) -> Floats:
    """(2, 2): how far each eye is open when it is open, and what of that is left when it is shut, as read.

    Our tracker sees shut lids a quarter open at most; a driver that is seen to shut them further is
    believed.
    """
    wide = np.maximum(np.percentile(opening[:, :2], 75, axis=0), _LEAST_OPEN)
    return np.stack([wide, np.minimum(np.percentile(opening[:, :2], 0.5, axis=0) / wide, _LIDS_SHUT)])


def calibrate(signals: Signals, lids: Floats) -> Signals:
    """The signals with the eyes' opening 1 at what is usual and 0 where shut; lids: `lid_range`.

    Eyes blink together, and a tracker may see one of them shut less: it goes with the other, up to twice as
    far as seen, so that a wink stays one.
    """
    wide, shut = lids
    ratio = signals.opening[:, :2] / wide
    closed = 1 - np.clip((ratio - shut) / (_OPEN - shut), 0, 1)
    closed = np.maximum(closed, np.minimum(closed[:, ::-1], 2 * closed))
    eyes = np.where(ratio > 1, ratio, 1 - closed)
    return signals._replace(opening=np.concatenate([eyes, signals.opening[:, 2:]], 1))


def smooth(signals: Signals, frames: NDArray[np.int64], strength: float = 1.0) -> Signals:
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
    signal: Signals, last: OneEuro | None, strength: float = 1.0
) -> tuple[Signals, OneEuro | None]:
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


def _values(signals: Signals) -> tuple[Floats, Floats]:
    """The signals as (T, V) plain numbers, and what each deviates by chance."""
    size = signals.scale[:, None]
    count = signals.expression.shape[1]
    values = np.concatenate(
        [angles(signals.turn), np.log(size), signals.shift, signals.expression, signals.opening], 1
    )
    unit = float(np.median(size))
    noise = np.r_[np.full(3, 0.5), 0.004, np.full(2, 0.008 * unit), np.full(count, 0.06), 0.03, 0.03, 0.01]
    return values, noise


def _signals(values: Floats, like: Signals) -> Signals:
    parts = np.split(values, np.cumsum([3, 1, 2, like.expression.shape[1]]), axis=1)
    return Signals(rotation(parts[0]), np.exp(parts[1][:, 0]), *parts[2:])
