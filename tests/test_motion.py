"""The driver's motion on the source: exact in the reference frame, of the driver's kind, never its face."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from gfla.animate import InputError
from gfla.animate.editor import EYES, LIDS, LIPS, Faces, draw, fit, load_face_model, rotation
from gfla.animate.hold import _FRAME, _STEADY, _similarity, triangles, untorn
from gfla.animate.motion import PARTS, Manner, MotionState, follow_driver, see_person, unlikeness
from gfla.animate.signals import Signals, read_signals, smooth, smooth_next, smooth_points, smooth_points_next

MODEL = load_face_model()
Face = Callable[..., np.ndarray]
PLAIN = Manner(smoothing=0)


def person(seed: int) -> np.ndarray:
    weights = np.random.default_rng(seed).uniform(-1.2, 1.2, len(MODEL.identity))
    return MODEL.mean + np.tensordot(weights, MODEL.identity, 1)


def shown(
    shape: np.ndarray, yaw=0.0, pitch=0.0, roll=0.0, scale=52.0, at=(128, 140), **expression
) -> np.ndarray:
    """The points (70, 2) of a person in that pose and expression, in a 256 crop."""
    values = np.zeros((1, len(MODEL.names)))
    for name, value in expression.items():
        values[0, MODEL.names.index(name)] = value
    faces = Faces(rotation(np.array([[yaw, pitch, roll]])), np.array([scale]), np.array([at], float), values)
    return draw(shape, faces, MODEL.expression)[0].astype(np.float32)


def run(source, *driving, manner=PLAIN, state=None):
    """The targets of a stream."""
    state = state or MotionState(see_person(source), manner)
    targets = []
    for points in driving:
        moved, state = follow_driver(points, state)
        targets.append(moved.points)
    return targets, state


def gaps(points: np.ndarray, pairs=(*LIDS, *LIPS)) -> np.ndarray:
    return np.array([points[low, 1] - points[up, 1] for up, low in pairs])


SOURCE, DRIVER = shown(person(1), 8, 3, 5, scale=48, at=(120, 150)), person(2)


@pytest.mark.parametrize("face_of", [lambda face: face(0.9, 1.1, 5), lambda face: None])
def test_the_reference_frame_leaves_the_source_exactly_as_it_is(face: Face, face_of):
    own = face_of(face)
    source = SOURCE if own is None else np.concatenate([own, own[[36, 42]] + 6]).astype(np.float32)
    driving = shown(DRIVER, -12, 4, -8, scale=60, mouth_open=0.4, blink_left=0.3)
    targets, _ = run(source, driving, driving, shown(DRIVER), driving, manner=PLAIN)
    for index in (0, 1):
        np.testing.assert_allclose(targets[index], source, atol=2e-3)
    np.testing.assert_allclose(targets[3], source, atol=0.6)  # fitted from elsewhere: not to the bit
    assert np.abs(targets[2] - source).max() > 5


def test_copy_takes_the_points_as_they_are():
    driving = shown(DRIVER, 20)
    targets, _ = run(SOURCE, driving, manner=Manner("copy"))
    np.testing.assert_array_equal(targets[0], driving)


def folded(points: np.ndarray, who: np.ndarray) -> np.ndarray:
    """The areas of the watched triangles against their own in the source, brought to the size of `points`."""
    who, points = who[:68].astype(float), points[:68].astype(float)
    corners, turn = triangles(who), _similarity(who[_STEADY], points[_STEADY])

    def areas(of: np.ndarray) -> np.ndarray:
        a, b, c = (of[_FRAME][corners][:, i] for i in range(3))
        (p, q), (r, s) = (b - a).T, (c - a).T
        return p * s - q * r

    return areas(points) / areas(who) / np.linalg.det(turn)


def test_a_copy_is_held_back_only_where_it_would_fold():
    """A driver turned to the other side folds the far cheek; one turned less is copied to the bit."""
    source = shown(DRIVER, yaw=20)
    within, beyond = shown(DRIVER, yaw=10), shown(DRIVER, yaw=-38)
    assert folded(beyond, source).min() < 0, "without the hold it is torn"
    copies, _ = run(source, within, beyond, manner=Manner("copy", smoothing=0))
    np.testing.assert_array_equal(copies[0], within)
    areas = folded(copies[1], source)
    assert areas.min() > 0.099
    assert areas.max() < 4.01
    np.testing.assert_array_equal(copies[1][68:], beyond[68:])
    own = source[:68].astype(float)
    narrow, wide = (
        untorn(beyond[:68].astype(float), own, triangles(own), limits) for limits in ((0.2, 2.5), (0.1, 4.0))
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
    still = run(SOURCE, first, frame, manner=replace(PLAIN, only=("gaze",)))[0]
    np.testing.assert_allclose(still[1][:68], SOURCE[:68], atol=0.05)
    assert (still[1][68:, 0] - SOURCE[68:, 0] > 1).all()
    for part, points in places.items():
        alone = run(SOURCE, first, frame, manner=replace(PLAIN, only=(part,)))[0][1]
        others = np.setdiff1d(np.r_[17:31, 36:48, 60:70], points)
        assert np.abs(alone[points] - SOURCE[points]).max() > 1.5
        np.testing.assert_allclose(alone[others], SOURCE[others], atol=0.05)
    half = run(SOURCE, first, frame, manner=replace(PLAIN, only=("head",), head=0.5))[0][1]
    whole = run(SOURCE, first, frame, manner=replace(PLAIN, only=("head",)))[0][1]
    turn = [fit(MODEL, p[None])[1].turn[0, 2, 0] for p in (SOURCE, half, whole)]
    assert (turn[1] - turn[0]) / (turn[2] - turn[0]) == pytest.approx(0.5, abs=0.1)
    none = run(SOURCE, first, frame, manner=replace(PLAIN, **dict.fromkeys(PARTS, 0.0)))[0][1]
    np.testing.assert_allclose(none, SOURCE, atol=0.05)


def test_absolute_takes_the_drivers_pose_itself():
    source = shown(person(1), yaw=-5)
    targets, _ = run(source, shown(DRIVER, yaw=20), manner=replace(PLAIN, kind="absolute"))
    yaw = np.degrees(np.arcsin(fit(MODEL, targets[0][None], person(1))[1].turn[0, 2, 0]))
    assert yaw == pytest.approx(20, abs=3)


@pytest.mark.parametrize(
    ("manner", "word"),
    [
        ({"head": -1}, "--head -1"),
        ({"mouth": 9}, "--mouth 9"),
        ({"only": ("nose",)}, "--only nose"),
        ({"smoothing": -1}, "--smoothing -1"),
    ],
)
def test_bad_ways_are_one_sentence(manner: dict, word: str):
    with pytest.raises(InputError, match=word):
        Manner(**manner)


def test_beyond_what_a_portrait_can_show_is_held_back_and_said_once(caplog: pytest.LogCaptureFixture):
    first = shown(DRIVER, yaw=-40)
    targets, state = run(SOURCE, first, *[shown(DRIVER, yaw=yaw) for yaw in (0, 38, 39, 40, 40)])
    assert [record.message for record in caplog.records] == [
        "This goes beyond what a portrait can show in the turn of the head; it is held back there."
    ]
    assert state.beyond == ("the turn of the head",)
    assert np.abs(targets[-1] - targets[-2]).max() < 0.5


def test_a_head_that_goes_far_is_slowed_and_never_goes_back(caplog: pytest.LogCaptureFixture):
    ways = [0, 6, 20, 40, 70]
    source = shown(DRIVER)
    targets, state = run(source, *(shown(DRIVER, at=(128 + way, 140)) for way in ways))
    gone = [float((target - source)[:, 0].mean()) for target in targets]
    assert gone[1] == pytest.approx(6, abs=0.3), "small ways are gone whole"
    assert gone[1] < gone[2] < gone[3] < gone[4] < 0.1 * 256 + 1
    assert state.beyond == ("the way of the head",)
    assert len(caplog.records) == 1


def test_absurd_points_stay_near_the_crop():
    wild = shown(DRIVER) * np.float32(1e4)
    for kind in ("relative", "absolute", "copy"):
        targets, _ = run(SOURCE, shown(DRIVER), wild, manner=replace(PLAIN, kind=kind))
        assert targets[-1].dtype == np.float32
        assert np.isfinite(targets[-1]).all()
        assert targets[-1].min() >= -128
        assert targets[-1].max() <= 384


def test_a_head_turned_away_does_not_fold_the_portrait():
    """Frame by frame the far cheek narrows and stops; nothing jumps, no triangle turns over."""
    previous = None
    state = MotionState(see_person(SOURCE), PLAIN)
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


def test_the_state_is_a_value():
    state = MotionState(see_person(SOURCE))
    first, after = follow_driver(shown(DRIVER, yaw=3), state)
    assert state.driver is None
    assert state.reference is None
    assert after.driver is not None
    again, _ = follow_driver(shown(DRIVER, yaw=3), state)
    np.testing.assert_array_equal(first.points, again.points)


def test_the_likest_frame_is_the_best_reference():
    source = see_person(shown(person(1), yaw=10, mouth_open=0.5))
    frames = [{"yaw": -10}, {"yaw": 10}, {"yaw": 10, "mouth_open": 0.5}, {"mouth_open": 0.5}]
    signals = [see_person(shown(DRIVER, **frame)).does for frame in frames]
    stacked = Signals(*(np.concatenate(parts) for parts in zip(*signals, strict=True)))
    assert np.argmin(unlikeness(stacked, source)) == 2


def steady(count: int, seed: int = 0, noise: float = 1.0) -> Signals:
    """A driver that holds still, with about our tracker's noise."""
    rng = np.random.default_rng(seed)

    def jitter(size: float, *shape: int) -> np.ndarray:
        return rng.normal(0, size * noise, (count, *shape))

    turn = rotation(jitter(0.4, 3))
    opening = np.array([1.05, 1.05, 0.1]) + jitter(0.02, 3)
    return Signals(turn, 52 * np.exp(jitter(0.003)), jitter(0.2, 2), jitter(0.04, 23), opening)


def causal(signals: Signals, strength: float) -> Signals:
    last, out = None, []
    for index in range(len(signals.scale)):
        one, last = smooth_next(signals.at(index), last, strength)
        out.append(one)
    return Signals(*(np.concatenate(parts) for parts in zip(*out, strict=True)))


WAYS = [lambda s, k: smooth(s, np.arange(len(s.scale)), k), causal]


@pytest.mark.parametrize("way", WAYS, ids=["two-sided", "causal"])
def test_smoothing_off_is_exact(way):
    signals = steady(20)
    for a, b in zip(way(signals, 0), signals, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("way", "share"), [(WAYS[0], 0.5), (WAYS[1], 0.7)], ids=["two-sided", "causal"])
def test_smoothing_stills_noise_and_keeps_blinks_and_steps(way, share: float):
    noisy = steady(60)
    blink = noisy.opening.copy()
    blink[30:33, :2] -= [[0.25], [0.38], [0.25]]
    quick = noisy._replace(
        opening=blink, turn=rotation(np.where(np.arange(60) < 45, 0, 12)[:, None] * [1.0, 0, 0])
    )
    calm = way(noisy, 1.0)
    for part in (2, 3):
        assert np.diff(calm[part], axis=0).std() < share * np.diff(noisy[part], axis=0).std()
    moved = way(quick, 1.0)
    depth = 1.05 - moved.opening[31, :2]
    assert (depth > 0.9 * (1.05 - blink[31, :2])).all()
    yaw = np.degrees(np.arcsin(moved.turn[:, 2, 0]))
    assert np.abs(yaw[:44]).max() < 0.8
    assert yaw[46] > 0.9 * 12  # the second frame after the step


def causal_points(points: np.ndarray, strength: float) -> np.ndarray:
    last, out = None, []
    for one in points:
        one, last = smooth_points_next(one, last, strength)
        out.append(one)
    return np.stack(out)


POINT_WAYS = [lambda p, k: smooth_points(p, np.arange(len(p)), k), causal_points]


@pytest.mark.parametrize(
    ("way", "share"), [(POINT_WAYS[0], 0.5), (POINT_WAYS[1], 0.7)], ids=["two-sided", "causal"]
)
def test_copied_points_are_smoothed_as_the_signals_are(way, share: float):
    rng = np.random.default_rng(1)
    open_, shut = shown(DRIVER), shown(DRIVER, blink_left=1, blink_right=1)
    noise = np.where(np.arange(70) < 36, 0.4, 0.2)[:, None]
    noisy = (open_ + noise * rng.normal(size=(60, 70, 2))).astype(np.float32)
    np.testing.assert_array_equal(way(noisy, 0), noisy)
    calm = way(noisy, 1.0)
    assert calm.dtype == np.float32
    assert np.diff(calm, axis=0).std() < share * np.diff(noisy, axis=0).std()
    quick = noisy.copy()
    quick[30:33] += np.array([0.6, 1, 0.6])[:, None, None] * (shut - open_)
    quick[45:] += shown(DRIVER, 12) - open_
    moved = way(quick, 1.0)

    def lids(points: np.ndarray) -> float:
        return float((points[[40, 41, 46, 47], 1] - points[[38, 37, 44, 43], 1]).mean())

    assert lids(open_) - lids(moved[31]) > 0.9 * (lids(open_) - lids(quick[31]))
    way_there = np.linalg.norm(moved[46] - open_) / np.linalg.norm(shown(DRIVER, 12) - open_)
    assert way_there > 0.9  # the second frame after the step


def test_a_copy_follows_a_stream_smoothly():
    """Frame by frame as the causal smoothing has it; off, to the bit as the driver is."""
    rng = np.random.default_rng(2)
    driving = (shown(DRIVER, 5) + rng.normal(0, 0.4, (5, 70, 2))).astype(np.float32)
    calm, _ = run(SOURCE, *driving, manner=Manner("copy"))
    np.testing.assert_array_equal(calm, causal_points(driving, 1.0))
    exact, _ = run(SOURCE, *driving, manner=Manner("copy", smoothing=0))
    np.testing.assert_array_equal(exact, driving)


def test_smoothing_does_not_reach_across_frames_without_a_face():
    signals = steady(10)
    apart = smooth(signals, np.r_[0:5, 100:105], 1.0)
    alone = smooth(Signals(*(part[:5] for part in signals)), np.arange(5), 1.0)
    np.testing.assert_allclose(apart.expression[:5], alone.expression)


def test_long_videos_are_read_and_smoothed_in_parts(face, monkeypatch: pytest.MonkeyPatch):
    """Where one part ends and the next begins nothing changes, to the bit."""
    model, noise = load_face_model(), np.random.default_rng(0)
    plain = face()
    places = np.concatenate([plain, [plain[36:42].mean(0), plain[42:48].mean(0)]])
    points = (places + noise.normal(size=(40, 70, 2))).astype(np.float32)
    shape, faces = fit(model, points)
    frames = np.cumsum(1 + (noise.random(40) < 0.1)).astype(np.int64)
    found = []
    for batch in (1024, 7):
        monkeypatch.setattr("gfla.animate.signals._BATCH", batch)
        signals = read_signals(model, shape, faces, points)
        found.append((*signals, *smooth(signals, frames)))
    assert all(np.array_equal(whole, parts) for whole, parts in zip(*found, strict=True))
