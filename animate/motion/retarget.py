"""The driver's motion on the source's own face: what changed in the driver, done to the portrait's person.

Points are pixels of square crops of side `size`, x then y: the 68 in iBUG order, then the two irises.
"""

import logging
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..face.morphable_model import (
    GROUPS,
    LIDS,
    LIPS,
    FaceModel,
    Faces,
    Floats,
    angles,
    draw,
    fit,
    load_face_model,
    openings,
    own_shape,
    turn_by,
)
from ..options import MotionOptions
from .limits import limit_deformation, triangles
from .parameters import FaceMotion, calibrate, lid_range, read_signals
from .smoothing import OneEuro, smooth_next, smooth_points_next

log = logging.getLogger(__name__)

Points = NDArray[np.float32]

_TURNS = np.array(
    [45.0, 30.0, 60.0]
)  # degrees of yaw, pitch, roll: as far as the model has seen heads turned
_SIZES = (0.6, 1.6)  # of the head, against the source's own
_INSIDE = 0.1  # the head's middle stays this share of the crop within it
_STRAY = (0.05, 0.1)  # of the crop: a head that goes far leaves its neck; from where it is slowed, the most
_FITS = 0.05  # eye distances, the mean error of a fit that needs no second try
_AJAR = {"eyes": 0.05, "mouth": 0.005}  # what is less open in the reference frame can close no further
_AREAS = (0.2, 2.5)  # of a face's triangles, against their own in the source: beyond, it is held back
_COPY_AREAS = (0.1, 4.0)  # wider: only what folds or smears outright, for copies are to be exact
_UPPER = 0.8  # of a lid's way is the upper one's; lips share it evenly
_WITH_LIP = {61: 50, 62: 51, 63: 52, 67: 58, 66: 57, 65: 56}  # the outer lip goes with the inner


@dataclass(frozen=True, eq=False)
class Person:
    """The source as the face model sees it: points (70, 2); shape (P, 3) with all that is this person's own,
    so that `draw` gives back the points; what it does in the portrait; units (3,): an opening of 1, in units
    of the model, lids by the person's own measure; the triangles that must not fold."""

    points: Floats
    shape: Floats
    face: Faces
    does: FaceMotion
    units: Floats
    triangles: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Driver:
    """A driver in a stream: shape (P, 3) and `lid_range` of its first frame, the face of its last."""

    shape: Floats
    lids: Floats
    face: Faces


@dataclass(frozen=True, eq=False)
class MotionState:
    """How a source is moved, and what one frame leaves to the next.

    size: of the crops. reference: what the driver did when it was as the source is in the portrait; the first
    frame seen, unless it is given. driver: what is known of the driver. smooth: what smoothing carries.
    beyond: the parts of the motion that were held back so far, in order.
    """

    source: Person
    manner: MotionOptions = field(default_factory=MotionOptions)
    size: int = 256
    reference: FaceMotion | None = None
    driver: Driver | None = None
    smooth: OneEuro | None = None
    beyond: tuple[str, ...] = ()

    def reset(self) -> Self:
        """The state before the first frame: the next one is the reference."""
        return replace(self, reference=None, driver=None, smooth=None)


class Moved(NamedTuple):
    """Where the source's points go, (70, 2) float32, and by how much of that its eyes look elsewhere: (2, 2)
    float32 pixels, the irises' own way."""

    points: Points
    look: Points


def fit_source(points: NDArray) -> Person:
    """A source from its points (70, 2)."""
    points, model = np.asarray(points, np.float64), load_face_model()
    shape, face = own_shape(model, points)
    read = read_signals(model, shape, face, points[None])
    does = calibrate(read, lid_range(read.opening))
    units = np.ones(3)
    units[:2] = openings(points[None], face)[0, :2] / np.maximum(does.opening[0, :2], 0.3)
    return Person(points, shape, face, does, units, triangles(points[:68]))


def follow_driver(
    driving: Points, state: MotionState, signals: FaceMotion | None = None
) -> tuple[Moved, MotionState]:
    """Where the source goes for one driving frame's points (70, 2), and the state to go on with.

    signals: what the driver does in this frame, where that was read and smoothed before. A source whose
    driver is in its reference frame gets exactly its own points (`relative`). All kinds hold the face back
    where its triangles would fold or smear, `copy` with wider limits (0.1 to 4 times their area in the
    source, against 0.2 to 2.5), and keep points within half a crop of the crop.
    """
    if state.manner.kind == "copy":
        source = state.source
        if signals is None:
            driving, smoothing = smooth_points_next(driving, state.smooth, state.manner.smoothing)
            state = replace(state, smooth=smoothing)
        held = limit_deformation(driving[:68], source.points[:68], source.triangles, _COPY_AREAS)
        copied = _bounded(np.concatenate([held, driving[68:]]), state.size)
        return Moved(copied, np.zeros((2, 2), np.float32)), state
    if signals is None:
        driver, read = _read(np.asarray(driving, np.float64), state.driver)
        smoothed, smoothing = smooth_next(read, state.smooth, state.manner.smoothing)
        signals = calibrate(smoothed, driver.lids)
        state = replace(state, driver=driver, smooth=smoothing)
    if state.reference is None:
        state = replace(state, reference=signals)
    assert state.reference is not None
    target, look, beyond = _target(load_face_model(), signals, state.reference, state)
    for part in sorted(beyond - set(state.beyond)):
        log.warning("This goes beyond what a portrait can show in %s; it is held back there.", part)
    moved = Moved(_bounded(target, state.size), look.astype(np.float32))
    return moved, replace(state, beyond=tuple(sorted(beyond.union(state.beyond))))


def unlikeness(signals: FaceMotion, person: Person) -> Floats:
    """(T,) how far each frame is from what the source does in the portrait, for choosing the reference."""
    model, own = load_face_model(), person.does
    turned = angles(signals.turn @ own.turn[0].T) / (8, 8, 12)
    moved = (signals.expression - own.expression) / np.maximum(model.spread, 0.1)
    opened = (signals.opening - own.opening) / (0.25, 0.25, 0.06)
    return (turned**2).sum(1) + (moved**2).mean(1) + (opened**2).mean(1)


def _read(points: Floats, driver: Driver | None) -> tuple[Driver, FaceMotion]:
    model = load_face_model()
    shape, face = fit(model, points[None], driver.shape if driver else None, driver.face if driver else None)
    if driver and not np.abs(draw(shape, face, model.expression) - points).mean() < _FITS * face.scale[0]:
        shape, face = fit(model, points[None], driver.shape)  # the face jumped: not from where it was
    signals = read_signals(model, shape, face, points[None])
    return Driver(shape, driver.lids if driver else lid_range(signals.opening), face), signals


def _target(
    model: FaceModel, now: FaceMotion, reference: FaceMotion, state: MotionState
) -> tuple[Floats, Floats, frozenset[str]]:
    """The source's points (70, 2) when the driver goes from `reference` to `now`, how far its irises look
    elsewhere in them, (2, 2), and what was held back."""
    source, manner = state.source, state.manner
    own = source.face
    if manner.kind == "absolute":
        does = source.does
        reference = reference._replace(turn=does.turn, expression=does.expression, opening=does.opening)
    pose, beyond = _pose(now, reference, state)
    gains = np.zeros(len(model.names))
    for part in GROUPS:
        gains[model.group(part)] = manner.gain(part)
    wanted = own.expression + gains * (now.expression - reference.expression)
    low, high = np.minimum(model.limits[0], own.expression), np.maximum(model.limits[1], own.expression)
    expression = np.clip(wanted, low, high)
    for part in GROUPS:
        excess = np.abs(expression - wanted)[:, model.group(part)]
        if excess.size and excess.max() > 0.25:
            beyond.add(f"the {part}")
    face = pose._replace(expression=expression)
    points = draw(source.shape, face, model.expression)[0]
    at_rest = draw(source.shape, pose._replace(expression=own.expression), model.expression)[0]
    _shut(points, at_rest, face, now.opening[0], reference.opening[0], state)
    ahead = np.where(model.group("gaze"), own.expression, expression)
    look = points[68:] - draw(source.shape, pose._replace(expression=ahead), model.expression)[0, 68:]
    points[:68] = limit_deformation(points[:68], source.points[:68], source.triangles, _AREAS)
    return points, look, frozenset(beyond)


def _pose(now: FaceMotion, reference: FaceMotion, state: MotionState) -> tuple[Faces, set[str]]:
    own, gain, beyond = state.source.face, state.manner.gain("head"), set()
    way = now.turn @ reference.turn.transpose(0, 2, 1)
    limit = np.maximum(_TURNS, np.abs(angles(own.turn))) + 1e-6
    turn = turn_by(way, gain) @ own.turn
    if (np.abs(angles(turn)) > limit).any():
        beyond.update({"the turn of the head"} if (np.abs(angles(turn)) > limit + 2).any() else ())
        least, most = 0.0, gain
        for _ in range(12):  # as much of the turn as the limits leave
            middle = (least + most) / 2
            turn = turn_by(way, middle) @ own.turn
            least, most = (least, middle) if (np.abs(angles(turn)) > limit).any() else (middle, most)
        turn = turn_by(way, least) @ own.turn
    growth = (now.scale / reference.scale) ** gain
    shift = gain * (now.shift - reference.shift) * (own.scale / reference.scale)[:, None]
    edge = _INSIDE * state.size
    slowed = own.shift + shift * _slowed(float(np.linalg.norm(shift)), state.size)
    inside = np.clip(slowed, np.minimum(edge, own.shift), np.maximum(state.size - edge, own.shift))
    if (np.abs(inside - own.shift - shift) > 4).any() or not (_SIZES[0] <= growth[0] <= _SIZES[1]):
        beyond.add("the way of the head")
    return Faces(turn, own.scale * growth.clip(*_SIZES), inside, own.expression), beyond


def _slowed(length: float, size: int) -> float:
    """What share of a way of `length` pixels the head goes."""
    free, most = (share * size for share in _STRAY)
    if length <= free:
        return 1.0
    return (free + (most - free) * (1 - np.exp(-(length - free) / (most - free)))) / length


def _shut(points: Floats, at_rest: Floats, face: Faces, now: Floats, reference: Floats, state: MotionState):
    """Set lids and lips of `points` to what the driver's do: in proportion while they close, so that they
    shut when the driver's shut whatever the size of the source's eyes, and by as much while they open."""
    down = face.turn[0, :2, 1] / max(float(np.linalg.norm(face.turn[0, :2, 1])), 1e-6)
    for which, (pairs, part) in enumerate(((LIDS[:2], "eyes"), (LIDS[2:], "eyes"), (LIPS, "mouth"))):
        gain = state.manner.gain(part)
        ratio = now[which] / reference[which] if reference[which] > _AJAR[part] else 1.0
        share = max(1 - gain * (1 - min(ratio, 1.0)), 0.0)
        more = gain * max(now[which] - reference[which], 0.0) * state.source.units[which] * face.scale[0]
        above = _UPPER if part == "eyes" else 0.5
        for up, low in pairs:
            wanted = share * float((at_rest[low] - at_rest[up]) @ down) + more
            missing = (wanted - float((points[low] - points[up]) @ down)) * down
            for point, way in ((up, -above * missing), (low, (1 - above) * missing)):
                points[point] += way
                if point in _WITH_LIP:
                    points[_WITH_LIP[point]] += way


def _bounded(points: NDArray, size: int) -> Points:
    return points.clip(-size / 2, size * 1.5).astype(np.float32)
