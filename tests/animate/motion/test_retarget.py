"""The driver's motion on the source: exact in the reference frame, of the driver's kind, never its face."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from gfla.animate import InputError
from gfla.animate.face.morphable_model import fit
from gfla.animate.face.shoulders import shoulders
from gfla.animate.ibug68 import EYES, LIDS, LIPS
from gfla.animate.motion.limits import _MESH, _STEADY, _similarity, limit_deformation, triangles
from gfla.animate.motion.parameters import FaceMotion
from gfla.animate.motion.person import fit_source, unlikeness
from gfla.animate.motion.retarget import MotionState, follow_driver
from gfla.animate.options import PARTS, MotionOptions
from modelled import DRIVER, MODEL, PLAIN, SOURCE, person, run, shown

Face = Callable[..., np.ndarray]


def gaps(points: np.ndarray, pairs=(*LIDS, *LIPS)) -> np.ndarray:
    return np.array([points[low, 1] - points[up, 1] for up, low in pairs])


@pytest.mark.parametrize("face_of", [lambda face: face(0.9, 1.1, 5), lambda face: None])
def test_the_reference_frame_leaves_the_source_exactly_as_it_is(face: Face, face_of):
    own = face_of(face)
    source = SOURCE if own is None else np.concatenate([own, own[[36, 42]] + 6]).astype(np.float32)
    driving = shown(DRIVER, -12, 4, -8, scale=60, mouth_open=0.4, blink_left=0.3)
    targets, _ = run(source, driving, driving, shown(DRIVER), driving, options=PLAIN)
    for index in (0, 1):
        np.testing.assert_allclose(targets[index], source, atol=2e-3)
    np.testing.assert_allclose(targets[3], source, atol=0.6)  # fitted from elsewhere: not to the bit
    assert np.abs(targets[2] - source).max() > 5


def test_copy_takes_the_points_as_they_are():
    driving = shown(DRIVER, 20)
    targets, _ = run(SOURCE, driving, options=MotionOptions("copy"))
    np.testing.assert_array_equal(targets[0], driving)


def folded(points: np.ndarray, who: np.ndarray) -> np.ndarray:
    """The areas of the watched triangles against their own in the source, brought to the size of `points`."""
    who, points = who[:68].astype(float), points[:68].astype(float)
    corners, turn = triangles(who), _similarity(who[_STEADY], points[_STEADY])

    def areas(of: np.ndarray) -> np.ndarray:
        a, b, c = (of[_MESH][corners][:, i] for i in range(3))
        (p, q), (r, s) = (b - a).T, (c - a).T
        return p * s - q * r

    return areas(points) / areas(who) / np.linalg.det(turn)


def test_a_copy_is_held_back_only_where_it_would_fold():
    """A driver turned to the other side folds the far cheek; one turned less is copied to the bit."""
    source = shown(DRIVER, yaw=20)
    within, beyond = shown(DRIVER, yaw=10), shown(DRIVER, yaw=-38)
    assert folded(beyond, source).min() < 0, "without the hold it is torn"
    copies, _ = run(source, within, beyond, options=MotionOptions("copy", smoothing=0))
    np.testing.assert_array_equal(copies[0], within)
    areas = folded(copies[1], source)
    assert areas.min() > 0.099
    assert areas.max() < 4.01
    np.testing.assert_array_equal(copies[1][68:], beyond[68:])
    own = source[:68].astype(float)
    narrow, wide = (
        limit_deformation(beyond[:68].astype(float), own, triangles(own), limits)
        for limits in ((0.2, 2.5), (0.1, 4.0))
    )
    assert np.abs(wide - beyond[:68]).max() < np.abs(narrow - beyond[:68]).max()


def test_the_same_person_goes_where_the_driver_goes():
    source = shown(DRIVER)
    poses = [{"yaw": 15}, {"pitch": -10, "mouth_open": 0.6}, {"roll": 20, "smile": 0.7}, {"at": (140, 130)}]
    frames = [shown(DRIVER, **pose) for pose in poses]
    targets, _ = run(source, source, *frames)
    for target, frame in zip(targets[1:], frames, strict=True):
        assert np.abs(target - frame).mean() < 0.6


def test_no_foreign_face_comes_along():
    """Whatever the driver's face, the source moves alike and stays who it is."""
    moves = [{}, {"yaw": 18}, {"mouth_open": 0.7}, {"pitch": 10, "smile": 0.6}]
    streams = [run(SOURCE, *[shown(person(who), **move) for move in moves])[0] for who in (2, 3, 4)]
    for other in streams[1:]:
        for a, b in zip(streams[0], other, strict=True):
            assert np.abs(a - b).mean() < 1.0
    found = fit(MODEL, np.stack(streams[0][1:]))[0]
    size = lambda shape: np.sqrt((shape**2).sum(1).mean())  # noqa: E731
    assert size(found - person(1)) < 0.5 * size(person(2) - person(1))


def test_a_large_driver_moves_a_small_source_by_its_own_measure():
    small = shown(person(1), scale=26)
    first, moved = shown(DRIVER), shown(DRIVER, at=(148, 130))
    targets, _ = run(small, first, moved)
    way = (targets[1] - targets[0]).mean(0)
    np.testing.assert_allclose(way, [10, -5], atol=0.6)


@pytest.mark.parametrize("blink", [0.0, -0.35])
def test_eyes_and_lips_shut_when_the_drivers_do(blink: float):
    """Narrow or wide eyes, a mouth ajar: all meet in the same frame, and none cross before."""
    source = shown(person(1), mouth_open=0.5, blink_left=blink, blink_right=blink)
    open_, half, shut = (
        shown(DRIVER, mouth_open=0.5 * (1 - s), blink_left=s, blink_right=s) for s in (0.0, 0.5, 1.0)
    )
    lips = [point for pair in LIPS for point in pair]
    shut[lips, 1] = np.repeat(shut[lips, 1].reshape(-1, 2).mean(1), 2)
    targets, _ = run(source, open_, half, shut)
    before, between, after = (gaps(target) for target in targets)
    assert (before > 1.5).all()
    assert (np.abs(after) < 0.12).all()
    assert (between > -0.05).all()
    assert (between < before).all()


def test_a_shut_mouth_opens_by_as_much():
    source, first = shown(person(1)), shown(DRIVER)
    targets, _ = run(source, first, shown(DRIVER, mouth_open=0.8))
    opened = gaps(targets[1], LIPS).mean() - gaps(targets[0], LIPS).mean()
    driver = gaps(shown(DRIVER, mouth_open=0.8), LIPS).mean() - gaps(first, LIPS).mean()
    assert opened == pytest.approx(driver, rel=0.12)


def test_gains_and_parts():
    first = shown(DRIVER)
    frame = shown(DRIVER, yaw=15, mouth_open=0.7, brows=0.8, blink_left=1, blink_right=1, gaze_x=0.8)
    places = {"mouth": np.r_[48:68], "brows": np.r_[17:27], "eyes": np.r_[EYES[0], EYES[1]]}
    still = run(SOURCE, first, frame, options=replace(PLAIN, only=("gaze",)))[0]
    np.testing.assert_allclose(still[1][:68], SOURCE[:68], atol=0.05)
    assert (still[1][68:, 0] - SOURCE[68:, 0] > 1).all()
    for part, points in places.items():
        alone = run(SOURCE, first, frame, options=replace(PLAIN, only=(part,)))[0][1]
        others = np.setdiff1d(np.r_[17:31, 36:48, 60:70], points)
        assert np.abs(alone[points] - SOURCE[points]).max() > 1.5
        np.testing.assert_allclose(alone[others], SOURCE[others], atol=0.05)
    half = run(SOURCE, first, frame, options=replace(PLAIN, only=("head",), head=0.5))[0][1]
    whole = run(SOURCE, first, frame, options=replace(PLAIN, only=("head",)))[0][1]
    turn = [fit(MODEL, p[None])[1].turn[0, 2, 0] for p in (SOURCE, half, whole)]
    assert (turn[1] - turn[0]) / (turn[2] - turn[0]) == pytest.approx(0.5, abs=0.1)
    none = run(SOURCE, first, frame, options=replace(PLAIN, **dict.fromkeys(PARTS, 0.0)))[0][1]
    np.testing.assert_allclose(none, SOURCE, atol=0.05)


def test_absolute_takes_the_drivers_pose_itself():
    source = shown(person(1), yaw=-5)
    targets, _ = run(source, shown(DRIVER, yaw=20), options=replace(PLAIN, kind="absolute"))
    yaw = np.degrees(np.arcsin(fit(MODEL, targets[0][None], person(1))[1].turn[0, 2, 0]))
    assert yaw == pytest.approx(20, abs=3)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"head": -1}, "--head -1"),
        ({"mouth": 9}, "--mouth 9"),
        ({"only": ("nose",)}, "--only nose"),
        ({"smoothing": -1}, "--smoothing -1"),
    ],
)
def test_bad_ways_are_one_sentence(options: dict, word: str):
    with pytest.raises(InputError, match=word):
        MotionOptions(**options)


def test_a_turn_beyond_what_a_portrait_can_show_is_limited_and_reported():
    first = shown(DRIVER, yaw=-40)
    targets, state = run(SOURCE, first, *[shown(DRIVER, yaw=yaw) for yaw in (0, 38, 39, 40, 40)])
    assert state.beyond == ("the turn of the head",)
    assert np.abs(targets[-1] - targets[-2]).max() < 0.5


@pytest.mark.parametrize(("axis", "most"), [(0, 0.14), (1, 0.1)])
def test_a_head_that_goes_far_is_slowed_and_never_goes_back(axis: int, most: float):
    ways = [0, 6, 20, 40, 70]
    source = shown(DRIVER)
    targets, state = run(
        source, *(shown(DRIVER, at=(128 + way * (1 - axis), 140 + way * axis)) for way in ways)
    )
    gone = [float((target - source)[:, axis].mean()) for target in targets]
    assert gone[1] == pytest.approx(6, abs=0.3), "small ways are gone whole"
    assert gone[1] < gone[2] < gone[3] < gone[4] < most * 256 + 1
    assert state.beyond == ("the way of the head",)


def test_absurd_points_stay_near_the_crop():
    wild = shown(DRIVER) * np.float32(1e4)
    for kind in ("relative", "absolute", "copy"):
        targets, _ = run(SOURCE, shown(DRIVER), wild, options=replace(PLAIN, kind=kind))
        assert targets[-1].dtype == np.float32
        assert np.isfinite(targets[-1]).all()
        assert targets[-1].min() >= -128
        assert targets[-1].max() <= 384


def test_a_head_turned_away_does_not_fold_the_portrait():
    """Frame by frame the far cheek narrows and stops; nothing jumps, no triangle turns over."""
    previous = None
    state = MotionState(fit_source(SOURCE), PLAIN)
    for yaw in np.arange(0, 64, 2.0):
        moved, state = follow_driver(shown(DRIVER, yaw=yaw), state)
        assert moved.points[16, 0] - moved.points[30, 0] > 1
        if previous is not None:
            assert np.abs(moved.points[:68] - previous[:68]).max() < 8
        previous = moved.points


def test_a_driver_that_jumps_is_found_again():
    """A fit that begins from the last frame's may not be led astray by a cut to another pose and place."""
    first, wild = shown(DRIVER, -25, at=(60, 70)), np.zeros((70, 2), np.float32)
    last = shown(DRIVER, 30, 10, 35, scale=90, at=(190, 180), mouth_open=1)
    direct = run(SOURCE, first, last)[0][-1]
    for before in ([], [first], [wild]):
        targets, _ = run(SOURCE, first, *before, last)
        np.testing.assert_allclose(targets[-1], direct, atol=0.8)


def bent(now: list[list[int]], options=PLAIN) -> np.ndarray:
    """Where the source's shoulders are when a driver's went from (100, 220), (160, 220) to `now`."""
    state = MotionState(fit_source(SOURCE), options)
    first = np.array([[100, 220], [160, 220]], np.float32)
    _, state = follow_driver(shown(DRIVER), state, body=first)
    moved, _ = follow_driver(shown(DRIVER), state, body=np.asarray(now, np.float32))
    return moved.shoulders


def test_shoulders_go_as_the_drivers_at_the_sources_size():
    own = shoulders(SOURCE)
    np.testing.assert_allclose(bent([[100, 220], [160, 220]]), own, atol=1e-3)
    ratio = fit_source(SOURCE).face.scale[0] / 52  # of the heads' sizes
    np.testing.assert_allclose(bent([[106, 216], [166, 216]]), own + ratio * np.array([6, -4]), atol=0.2)
    wider = bent([[97, 220], [163, 220]])
    np.testing.assert_allclose(wider, own.mean(0) + 1.1 * (own - own.mean(0)), atol=1e-3)
    tilted = bent([[101, 214], [159, 226]])  # about the middle, by atan(12 / 58)
    (dx, dy) = tilted[1] - tilted[0]
    assert math.degrees(math.atan2(dy, dx)) == pytest.approx(math.degrees(math.atan2(12, 58)), abs=0.01)
    np.testing.assert_allclose(tilted.mean(0), own.mean(0), atol=1e-3)


def test_shoulders_have_limits_and_the_heads_gain():
    own = shoulders(SOURCE)
    far = bent([[300, 100], [360, 400]])
    (right, down) = far.mean(0) - own.mean(0)
    assert 0.13 * 256 < right <= 0.14 * 256
    assert 0.08 * 256 < down <= 0.1 * 256
    high = bent([[100, 120], [160, 120]])
    assert -0.03 * 256 <= high.mean(0)[1] - own.mean(0)[1] < -0.029 * 256
    (dx, dy), (ox, _) = far[1] - far[0], own[1] - own[0]
    assert math.atan2(dy, dx) == pytest.approx(0.35)
    assert math.hypot(dx, dy) == pytest.approx(1.25 * ox)
    still = replace(PLAIN, head=0.0)
    np.testing.assert_allclose(bent([[110, 210], [180, 222]], still), own, atol=1e-3)


def test_the_state_is_a_value():
    state = MotionState(fit_source(SOURCE))
    first, after = follow_driver(shown(DRIVER, yaw=3), state)
    assert state.driver is None
    assert state.reference is None
    assert after.driver is not None
    again, _ = follow_driver(shown(DRIVER, yaw=3), state)
    np.testing.assert_array_equal(first.points, again.points)


def test_the_likest_frame_is_the_best_reference():
    source = fit_source(shown(person(1), yaw=10, mouth_open=0.5))
    frames = [{"yaw": -10}, {"yaw": 10}, {"yaw": 10, "mouth_open": 0.5}, {"mouth_open": 0.5}]
    signals = [fit_source(shown(DRIVER, **frame)).motion for frame in frames]
    stacked = FaceMotion._make(np.concatenate(parts) for parts in zip(*signals, strict=True))
    assert np.argmin(unlikeness(stacked, source)) == 2


def test_wide_and_narrow_eyes_move_alike_while_nearly_open_and_both_shut():
    """A driver's lids that sink a little: by as much in every portrait, not in proportion to its eyes."""
    frames = [shown(DRIVER, blink_left=s, blink_right=s) for s in (0.0, 0.2, 1.0)]
    sunk, shut = [], []
    for blink in (-0.25, 0.25):
        targets, _ = run(shown(person(1), blink_left=blink, blink_right=blink), *frames)
        before, little, after = (gaps(target, LIDS) for target in targets)
        sunk.append((before - little).mean())
        shut.append(np.abs(after).max())
    assert sunk[0] == pytest.approx(sunk[1], rel=0.2)
    assert max(shut) < 0.12


def test_small_openings_count_in_full():
    """Lips a little open, of which a tracker reads less than there is."""
    source, first = shown(person(1)), shown(DRIVER)
    targets, _ = run(source, first, shown(DRIVER, mouth_open=0.12))
    opened = gaps(targets[1], LIPS).mean() - gaps(targets[0], LIPS).mean()
    driver = gaps(shown(DRIVER, mouth_open=0.12), LIPS).mean() - gaps(first, LIPS).mean()
    assert opened > 0.6 * driver
