"""Motion: relative adds the driver's change to the source's own face, copy takes the driver's points."""

from collections.abc import Callable

import numpy as np
import pytest
from gfla.animate.motion import MotionState, follow_driver

Face = Callable[..., np.ndarray]


def moved(source, first, driving):
    _, state = follow_driver(first, MotionState("relative", source))
    return follow_driver(driving, state)[0]


def opening(points, upper, lower):
    return float(np.linalg.norm(points[lower] - points[upper]))


def test_relative_equals_copy_when_the_source_is_the_first_frame(face: Face):
    rng = np.random.default_rng(0)
    source = face(roll=7)
    for _ in range(50):
        turn = face(
            rng.uniform(0.7, 1.2),
            rng.uniform(0.7, 1.2),
            rng.uniform(-40, 40),
            rng.uniform(0, 30),
            rng.uniform(0, 10),
        )
        driving = (turn + rng.normal(0, 2, (68, 2)) + rng.uniform(-20, 20, 2)).astype(np.float32)
        copied, _ = follow_driver(driving, MotionState("copy", source))
        np.testing.assert_allclose(moved(source, source, driving), copied, atol=1e-3)
        np.testing.assert_allclose(copied, driving)


def test_the_first_frame_leaves_the_source_as_it_is(face: Face):
    source = face(0.9, 1.1, 5)
    np.testing.assert_allclose(moved(source, face(1.2, 0.8, -9), face(1.2, 0.8, -9)), source, atol=1e-3)


def test_the_state_is_a_value(face: Face):
    state = MotionState("relative", face())
    points, after = follow_driver(face(mouth=10), state)
    assert state.driver is None
    assert after.driver is not None
    again, _ = follow_driver(face(mouth=10), state)
    np.testing.assert_array_equal(points, again)


def test_no_foreign_face_shape_comes_along(face: Face):
    """A wide driver rolls and moves; the narrow source rolls and moves, and stays as narrow as it was."""
    source, first = face(0.8, 1.0), face(1.2, 1.0)
    driving = face(1.2, 1.0, roll=25) + np.array([6, 0], np.float32)
    expected = face(0.8, 1.0, roll=25)
    result = moved(source, first, driving)
    shape = result - result.mean(0)
    np.testing.assert_allclose(shape, expected - expected.mean(0), atol=2.5)
    width = np.linalg.norm(result[16] - result[0])
    assert width == pytest.approx(np.linalg.norm(source[16] - source[0]), rel=0.01)


def test_a_large_driver_moves_a_small_source_by_its_own_measure(face: Face):
    source, first = face(0.5, 0.5), face()
    driving = first + np.array([20, -10], np.float32)
    np.testing.assert_allclose(moved(source, first, driving) - source, np.tile([10, -5], (68, 1)), atol=0.1)


def test_eyes_of_every_size_close(face: Face):
    source, first = face(eye=14), face(eye=7)
    closed = moved(source, first, face(eye=0))
    assert opening(source, 37, 41) == pytest.approx(14)
    assert opening(closed, 37, 41) == pytest.approx(0, abs=0.2)


def test_the_mouth_opens_in_proportion_to_the_face(face: Face):
    source, first = face(0.5, 0.5, mouth=0), face(mouth=0)
    opened = moved(source, first, face(mouth=20))
    assert opening(opened, 62, 66) == pytest.approx(10, abs=0.5)


def test_lips_meet_but_never_cross(face: Face):
    """The driver begins with an open mouth and closes it; the source's closed lips stay closed."""
    source, first = face(mouth=0), face(mouth=20)
    closed = moved(source, first, face(mouth=0))
    inner = closed[[67, 66, 65], 1] - closed[[61, 62, 63], 1]
    assert np.all(inner > -1e-3)


def test_absurd_points_stay_near_the_crop(face: Face):
    wild = face() * np.float32(1e4)
    for kind in ("relative", "copy"):
        state = MotionState(kind, face(), driver=face() if kind == "relative" else None)
        points, _ = follow_driver(wild, state)
        assert points.dtype == np.float32
        assert points.min() >= -128
        assert points.max() <= 384


def test_a_head_turned_away_does_not_fold_the_portrait(face: Face):
    """The driver's far cheek passes behind the nose; the portrait's squeezes and stops, and time goes on
    smoothly. What a portrait can show is left alone."""
    first = face()
    state = MotionState("relative", first)
    _, state = follow_driver(first, state)
    centre = first[27:31].mean(0)
    previous = None
    for squeeze in np.linspace(1, -0.5, 31):
        driving = first.copy()
        right = driving[:, 0] > centre[0]
        driving[right, 0] = centre[0] + (driving[right, 0] - centre[0]) * squeeze
        target, _ = follow_driver(driving, state)
        width = target[16, 0] - target[30, 0]
        assert width > 0.05 * (first[16, 0] - first[30, 0])
        if squeeze > 0.6:
            np.testing.assert_allclose(target, driving, atol=0.5)
        if previous is not None:
            assert np.abs(target - previous).max() < 8
        previous = target
