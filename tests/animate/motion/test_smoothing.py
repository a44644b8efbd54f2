"""Smoothing of motion: off it is exact; noise is stilled, blinks and steps are kept."""

import numpy as np
import pytest
from gfla.animate.face.morphable_model import fit, load_face_model, rotation
from gfla.animate.motion.parameters import FaceMotion, no_slack, read_signals
from gfla.animate.motion.smoothing import smooth, smooth_next, smooth_points, smooth_points_next
from gfla.animate.options import MotionOptions
from modelled import DRIVER, SOURCE, run, shown


def steady(count: int, seed: int = 0, noise: float = 1.0) -> FaceMotion:
    """A driver that holds still, with about our tracker's noise."""
    rng = np.random.default_rng(seed)

    def jitter(size: float, *shape: int) -> np.ndarray:
        return rng.normal(0, size * noise, (count, *shape))

    turn = rotation(jitter(0.4, 3))
    opening = np.array([1.05, 1.05, 0.1]) + jitter(0.02, 3)
    scale, shift, expression, body = (
        52 * np.exp(jitter(0.003)),
        jitter(0.2, 2),
        jitter(0.04, 23),
        jitter(0.2, 2, 2),
    )
    fine = rng.integers(-9, 9, (count, 2, 2, 2), np.int8)
    return FaceMotion(turn, scale, shift, expression, opening, body, fine, no_slack(count))


def causal(signals: FaceMotion, strength: float) -> FaceMotion:
    last, out = None, []
    for index in range(len(signals.scale)):
        one, last = smooth_next(signals.at(index), last, strength)
        out.append(one)
    return FaceMotion._make(np.concatenate(parts) for parts in zip(*out, strict=True))


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
    calm, _ = run(SOURCE, *driving, options=MotionOptions("copy"))
    np.testing.assert_array_equal(calm, causal_points(driving, 1.0))
    exact, _ = run(SOURCE, *driving, options=MotionOptions("copy", smoothing=0))
    np.testing.assert_array_equal(exact, driving)


def test_smoothing_does_not_reach_across_frames_without_a_face():
    signals = steady(10)
    apart = smooth(signals, np.r_[0:5, 100:105], 1.0)
    alone = smooth(signals.some(slice(5)), np.arange(5), 1.0)
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
        monkeypatch.setattr("gfla.animate.motion.parameters._BATCH", batch)
        signals = read_signals(model, shape, faces, points)
        found.append((*signals, *smooth(signals, frames)))
    assert all(np.array_equal(whole, parts) for whole, parts in zip(*found, strict=True))
