"""Retargeting: the driver's motion, relative to a reference frame, applied to the portrait's person.

Points are pixels of square crops of side `size`, x then y: the 68 in iBUG order, then the two irises.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..face.fine_flow import of_another, slack
from ..face.morphable_model import (
    GROUPS,
    FaceModel,
    Faces,
    Floats,
    angles,
    draw,
    fit,
    load_face_model,
    turn_by,
    turn_more,
)
from ..face.shoulders import similarity
from ..ibug68 import LIDS, LIPS, OUTER_OF_INNER
from ..options import MotionOptions
from .limits import (
    ROLL,
    about_z,
    hold_roll,
    limit_deformation,
    limit_roll,
    turned_beyond,
    wrapped,
)
from .parameters import (
    UNMOVED,
    FaceMotion,
    calibrate,
    lid_range,
    read_signals,
)
from .person import Moved, Person
from .smoothing import OneEuro, moved_off, points_of, smooth_next, smooth_points_next

Points = NDArray[np.float32]

_SIZES = (0.6, 1.6)  # limits of the head's scale, relative to the source's
_MARGIN = 0.1  # minimum distance of the head's centre to the crop's border, fraction of the crop
_TRANSLATION = ((0.08, 0.14), (0.05, 0.1))  # (soft, hard) limits of the head's way across and up or down,
# fractions of the crop, by the pictures: docs/model_card.md
_RISE = (0.015, 0.03)  # of shoulders upwards: what lies below the picture is unknown, and streaks
_LEAN, _GIRTH = 0.35, (0.8, 1.25)  # limits of the shoulders' turn, radians, and of their size
_NOD = 1.25  # a nod in the landmarks is seen as .82 of one in the picture, a turn as .96 (train, medians)
_SPOKEN = 1.12  # an opened mouth is seen as some nine tenths of the driver's: docs/model_card.md
_FREE = 1.0  # a strong movement: a mouth bears it from the portrait's own, a smiling one too (six looked at)
_FITS = 0.05  # mean error of a good fit, eye distances; above it the fit starts again
_AJAR = {"eyes": 0.05, "mouth": 0.005}  # minimum opening in the reference frame to close in proportion
_AREAS = (0.2, 2.5)  # limits of a face triangle's area, relative to its own in the source
_COPY_AREAS = (0.1, 4.0)  # wider: copies are to be exact, except where they would fold or smear
_UPPER = 0.8  # fraction of a lid's movement done by the upper lid; for lips it is half


@dataclass(frozen=True, eq=False)
class Driver:
    """A driver in a live stream: shape (P, 3) and `lid_range` of its first frame, the face of its last."""

    shape: Floats
    lids: Floats
    face: Faces


@dataclass(frozen=True, eq=False)
class MotionState:
    """State of retargeting from frame to frame.

    size: side of the crops. reference: the driver's motion that corresponds to the portrait; the first frame
    unless given. driver: the driver of a live stream. smooth: state of the smoothing. beyond: the parts of
    the motion that were limited so far, sorted, such as "the turn of the head". roll: limit of roll from the
    source's own, degrees.
    """

    source: Person
    options: MotionOptions = field(default_factory=MotionOptions)
    size: int = 256
    reference: FaceMotion | None = None
    driver: Driver | None = None
    smooth: OneEuro | None = None
    beyond: tuple[str, ...] = ()
    roll: float = ROLL

    def reset(self) -> Self:
        """The state before the first frame; the next frame becomes the reference."""
        return replace(self, reference=None, driver=None, smooth=None)


def follow_driver(
    driving: Points,
    state: MotionState,
    signals: FaceMotion | None = None,
    body: Points | None = None,
    fine: NDArray[np.int8] | None = None,
) -> tuple[Moved, MotionState]:
    """The target for one driving frame's points (70, 2), and the next state.

    signals: the driver's motion in this frame, if it was read and smoothed before. body, fine: else where its
    shoulders are, (2, 2), and its fine motion, None if nobody looked. With `relative`, the reference frame
    gives exactly the source's own points. All kinds limit the deformation so that no triangle folds or smears
    (0.2 to 2.5 times its area in the source; `copy` 0.1 to 4 times), roll by at most `roll` degrees from the
    source, and keep the points within half a crop's side of the crop.
    """
    if state.options.kind == "copy":
        source = state.source
        if signals is None:
            seen = driving
            driving, smoothing = smooth_points_next(driving, state.smooth, state.options.smoothing)
            state, apart = replace(state, smooth=smoothing), slack(driving, seen)
        else:
            body, fine, apart = signals.shoulders[0].astype(np.float32), signals.fine[0], signals.slack[0]
        limited = limit_deformation(driving[:68], source.points[:68], source.triangles, _COPY_AREAS)
        whole = np.concatenate([limited, driving[68:]])
        upright, rolled = limit_roll(whole, source.points, state.roll)
        if rolled:
            state = _held_back(state, {"the turn of the head"})
        bent = state.source.shoulders if body is None else body
        skin = (UNMOVED if fine is None else fine).astype(np.int16)
        look = np.zeros((2, 2), np.float32)
        return Moved(_bounded(upright, state.size), look, bent, skin, apart), state
    if signals is None:
        driver, unsmoothed = _read(np.asarray(driving, np.float64), state.driver, body, fine)
        smoothed, smoothing = smooth_next(unsmoothed, state.smooth, state.options.smoothing)
        smoothed = moved_off(smoothed, points_of(smoothed, load_face_model(), driver.shape), driving[None])
        signals = calibrate(smoothed, driver.lids)
        state = replace(state, driver=driver, smooth=smoothing)
    if state.reference is None:
        state = replace(state, reference=signals)
    assert state.reference is not None
    target, look, beyond = _target(load_face_model(), signals, state.reference, state)
    moved = Moved(
        _bounded(target, state.size),
        look.astype(np.float32),
        _bent(signals, state.reference, state),
        of_another(signals.fine[0].astype(np.int16) - state.reference.fine[0], driving),
        signals.slack[0].astype(np.float32) - state.reference.slack[0],
    )
    return moved, _held_back(state, beyond)


def _held_back(state: MotionState, parts: Collection[str]) -> MotionState:
    return replace(state, beyond=tuple(sorted({*parts, *state.beyond})))


def _read(
    points: Floats, driver: Driver | None, body: Points | None, fine: NDArray[np.int8] | None
) -> tuple[Driver, FaceMotion]:
    model = load_face_model()
    shape, face = fit(model, points[None], driver.shape if driver else None, driver.face if driver else None)
    if driver and not np.abs(draw(shape, face, model.expression) - points).mean() < _FITS * face.scale[0]:
        shape, face = fit(model, points[None], driver.shape)  # the face jumped: fit from scratch
    bodies, fines = (None if part is None else part[None] for part in (body, fine))
    signals = read_signals(model, shape, face, points[None], bodies, fines)  # type: ignore[arg-type]
    return Driver(shape, driver.lids if driver else lid_range(signals.opening), face), signals


def _target(
    model: FaceModel, now: FaceMotion, reference: FaceMotion, state: MotionState
) -> tuple[Floats, Floats, frozenset[str]]:
    """The source's points (70, 2) when the driver goes from `reference` to `now`, their gaze part as in
    `Moved`, and the parts that were limited."""
    source, options = state.source, state.options
    own = source.face
    if options.kind == "absolute":
        at_rest = source.motion
        reference = reference._replace(
            turn=at_rest.turn, expression=at_rest.expression, opening=at_rest.opening
        )
    pose, beyond = _pose(now, reference, state)
    gains = np.zeros(len(model.names))
    for part in GROUPS:
        gains[model.group(part)] = options.gain(part)
    wanted = own.expression + gains * (now.expression - reference.expression)
    free = _FREE * model.group("mouth")  # from the portrait's own, which may be near a limit already
    low = np.minimum(model.limits[0], own.expression - free)
    high = np.maximum(model.limits[1], own.expression + free)
    expression = np.clip(wanted, low, high)
    for part in GROUPS:
        excess = np.abs(expression - wanted)[:, model.group(part)]
        if excess.size and excess.max() > 0.25:
            beyond.add(f"the {part}")
    face = pose._replace(expression=expression)
    points = draw(source.shape, face, model.expression)[0]
    still = draw(source.shape, pose._replace(expression=own.expression), model.expression)[0]
    _set_openings(points, still, face, now.opening[0], reference.opening[0], state)
    ahead = np.where(model.group("gaze"), own.expression, expression)
    look = points[68:] - draw(source.shape, pose._replace(expression=ahead), model.expression)[0, 68:]
    limited = limit_deformation(points[:68], source.points[:68], source.triangles, _AREAS)
    if not np.array_equal(limited, points[:68]):
        points[:68] = limited
        _set_openings(points, still, face, now.opening[0], reference.opening[0], state)  # these fold nothing
    return points, look, frozenset(beyond)


def _pose(now: FaceMotion, reference: FaceMotion, state: MotionState) -> tuple[Faces, set[str]]:
    """The source's pose and own expression in the target, and the parts that were limited."""
    own, gain, beyond = state.source.face, state.options.gain("head"), set()
    roll = wrapped(angles(now.turn)[0, 2] - angles(reference.turn)[0, 2])
    level = about_z(-roll) @ now.turn  # a nod is one however the head is rolled
    change = turn_more(level @ reference.turn.transpose(0, 2, 1), own.turn[:, :, 0], _NOD)
    turn = turn_by(change, gain) @ own.turn
    excess = max(turned_beyond(turn, own.turn), 0.0)
    if excess > 0:
        low, high = 0.0, gain
        for _ in range(12):  # bisection: the largest part of the turn within the limits
            middle = (low + high) / 2
            over = turned_beyond(turn_by(change, middle) @ own.turn, own.turn) > 0
            low, high = (low, middle) if over else (middle, high)
        turn = turn_by(change, low) @ own.turn
    turn, kept = hold_roll(about_z(gain * roll) @ turn, own.turn, state.roll)
    beyond.update({"the turn of the head"} if excess > 2 or kept < 0.95 else ())
    growth = (now.scale / reference.scale) ** gain
    shift = kept * gain * (now.shift - reference.shift) * (own.scale / reference.scale)[:, None]
    edge = _MARGIN * state.size
    limited = own.shift + _limit_way(shift, state.size)
    inside = np.clip(limited, np.minimum(edge, own.shift), np.maximum(state.size - edge, own.shift))
    if (np.abs(inside - own.shift - shift) > 4).any() or not (_SIZES[0] <= growth[0] <= _SIZES[1]):
        beyond.add("the way of the head")
    return Faces(turn, own.scale * growth.clip(*_SIZES), inside, own.expression), beyond


def _bent(now: FaceMotion, reference: FaceMotion, state: MotionState) -> Points:
    """Where the source's shoulders (2, 2) are: they turn, grow and move as the driver's, within limits."""
    own, gain = state.source, state.options.gain("head")
    a, b = similarity(reference.shoulders[0], now.shoulders[0])
    middle = complex(*reference.shoulders[0].mean(0))
    way = (a - 1) * middle + b
    shift = gain * np.array([[way.real, way.imag]]) * (own.face.scale / reference.scale)[:, None]
    turn = np.clip(gain * np.angle(a), -_LEAN, _LEAN)
    grown = np.clip(abs(a) ** gain, *_GIRTH)
    half = grown * np.exp(1j * turn) * complex(*(own.shoulders[1] - own.shoulders[0])) / 2
    half = np.array([half.real, half.imag])
    limits = (_TRANSLATION[0], _RISE) if shift[0, 1] < 0 else _TRANSLATION
    centre = own.shoulders.mean(0) + _limit_way(shift, state.size, limits)[0]
    return np.stack((centre - half, centre + half)).astype(np.float32)


def _limit_way(shift: Floats, size: int, limits: tuple[tuple[float, float], ...] = _TRANSLATION) -> Floats:
    """A translation (1, 2) in pixels, limited on each axis."""
    soft, hard = np.transpose(limits) * size
    way = np.abs(shift)
    beyond = soft + (hard - soft) * (1 - np.exp(-np.maximum(way - soft, 0) / (hard - soft)))
    return np.sign(shift) * np.where(way > soft, beyond, way)


def _set_openings(
    points: Floats, still: Floats, face: Faces, now: Floats, reference: Floats, state: MotionState
) -> None:
    """Move lids and lips of `points` to the driver's openings: while lips close, in proportion, so that they
    shut when the driver's do; while they open, by the same amount. Lids likewise, but as long as the driver's
    are nearly open, those of wide and of narrow eyes move by the same amount, too.

    still: (P, 2) the source's points in this pose with its own expression. now, reference: (3,) openings.
    """
    down = face.turn[0, :2, 1] / max(float(np.linalg.norm(face.turn[0, :2, 1])), 1e-6)
    for which, (pairs, part) in enumerate(((LIDS[:2], "eyes"), (LIDS[2:], "eyes"), (LIPS, "mouth"))):
        gain = state.options.gain(part)
        ratio = now[which] / reference[which] if reference[which] > _AJAR[part] else 1.0
        closed = 1 - min(ratio, 1.0)
        more = gain * max(now[which] - reference[which], 0.0) * state.source.units[which] * face.scale[0]
        if part == "eyes":
            usual = state.source.usual[which]
            closed, more = closed * (usual + (1 - usual) * closed), usual * more
        else:
            more *= _SPOKEN
        share = max(1 - gain * closed, 0.0)
        above = _UPPER if part == "eyes" else 0.5
        for up, low in pairs:
            wanted = share * float((still[low] - still[up]) @ down) + more
            missing = (wanted - float((points[low] - points[up]) @ down)) * down
            for point, change in ((up, -above * missing), (low, (1 - above) * missing)):
                points[point] += change
                if point in OUTER_OF_INNER:
                    points[OUTER_OF_INNER[point]] += change


def _bounded(points: NDArray, size: int) -> Points:
    return points.clip(-size / 2, size * 1.5).astype(np.float32)
