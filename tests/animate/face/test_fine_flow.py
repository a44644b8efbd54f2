"""A driver's fine motion: pixels that moved beside the landmarks are found, and land in another picture."""

import cv2
import numpy as np
import pytest
import torch
from gfla.animate.face import fine_flow
from gfla.animate.face.fine_flow import (
    CELLS,
    UNIT,
    FineKey,
    fine_motion,
    of_another,
    onto,
    slack,
    slack_onto,
)
from gfla.animate.face.shoulders import shoulders
from gfla.animate.motion.parameters import UNMOVED
from gfla.animate.motion.person import Moved
from gfla.models.priors.spline import Spline, beside_spline
from modelled import person, shown

SIZE = 256


@pytest.fixture
def points() -> np.ndarray:
    face = shown(person(3))[:68].astype(np.float32)
    return np.concatenate((face, shoulders(face)))


@pytest.fixture
def picture(monkeypatch) -> np.ndarray:
    """Noise, in which no network would see a person: all of it is one."""
    monkeypatch.setattr(fine_flow, "portrait_matte", lambda image: np.ones(image.shape[:2], np.float32))
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (20, 20, 3)).astype(np.uint8)
    return cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)


def pixels(field: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A field at the cells of the picture it was read in, (n, n, 2)."""
    return onto(field, points, np.eye(2, 3), SIZE, 4).transpose(1, 2, 0)


def test_skin_that_moves_beside_its_landmarks_is_found(points, picture):
    key = FineKey.of(picture, points)
    assert not fine_motion(picture, points, key).any()
    moved = cv2.warpAffine(picture, np.array([[1.0, 0, 3], [0, 1, -2]]), (SIZE, SIZE))
    found = fine_motion(moved, points, key)  # pyright: ignore[reportArgumentType]
    assert found.shape == (CELLS, CELLS, 2)
    assert found.dtype == np.int8
    inner = pixels(found, points)[20:44, 20:44].reshape(-1, 2)
    np.testing.assert_allclose(np.median(inner, axis=0), (-3, 2), atol=0.3)  # backward


def test_what_the_landmarks_say_is_not_found_again(points, picture):
    matrix = np.array([[1.02, 0.05, 4], [-0.05, 1.02, 6]])
    moved = cv2.warpAffine(picture, matrix, (SIZE, SIZE), flags=cv2.INTER_CUBIC)
    there = (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    inner = pixels(fine_motion(moved, there, FineKey.of(picture, points)), there)[24:40, 24:40]  # pyright: ignore[reportArgumentType]
    assert np.abs(np.median(inner.reshape(-1, 2), axis=0)).max() < 0.3


def test_another_face_turned_and_larger_moves_in_its_own_measure(points):
    field = np.zeros((CELLS, CELLS, 2), np.int8)
    field[..., 0] = 40  # to the right along the face's own axis
    plain = pixels(field, points)[32, 32]
    assert plain[0] > 1
    assert abs(plain[1]) < 0.2
    quarter = np.array([[0.0, -1], [1, 0]])
    turned = (1.5 * (points - SIZE / 2) @ quarter.T + SIZE / 2).astype(np.float32)
    right, down = pixels(field, turned)[32, 32]
    assert down == pytest.approx(1.5 * plain[0], rel=0.02)
    assert abs(right) < 0.3
    half = onto(field, points, np.array([[0.5, 0, 0], [0, 0.5, 0]]), SIZE // 2, 4)
    assert half[0, 16, 16] == pytest.approx(plain[0] / 2, rel=0.02)


def test_beside_the_driver_nothing_moves(points, picture, monkeypatch):
    left = np.zeros((SIZE, SIZE), np.float32)
    left[:, : SIZE // 2] = 1
    monkeypatch.setattr(fine_flow, "portrait_matte", lambda image: left)
    key = FineKey.of(picture, points)
    found = fine_motion(np.roll(picture, 3, axis=1), points, key)
    assert (found[8:24, 4:12, 0] < -7).all()
    assert not found[:, 18:].any()


def test_around_another_face_little_is_followed(points):
    """On the face a motion is what it was; around it jolts are averaged, and all is limited."""
    rng = np.random.default_rng(0)
    jolts = rng.integers(-100, 100, (CELLS, CELLS, 2)).astype(np.int16)
    followed = of_another(jolts, points)
    np.testing.assert_allclose(followed[16:20, 15:17], jolts[16:20, 15:17], atol=8)
    assert np.abs(followed[:4]).mean() < 0.3 * np.abs(jolts[:4]).mean()
    far = of_another(np.full((CELLS, CELLS, 2), 127, np.int16), points)
    assert far[0].max() == pytest.approx(0.03 / UNIT)
    assert far[18, 16, 0] == pytest.approx(127, abs=2)


def test_nobody_looked(points):
    assert not pixels(UNMOVED, points).any()
    assert not Moved.none(shown(person(3)).astype(np.float32)).fine.any()


def test_points_beside_the_skin_are_made_up_for(points):
    """A spline through points that lie 2 px beside the skin, with its slack, is that through the skin."""
    beside = points.copy()
    beside[:, 0] += 2
    apart = slack(beside, points)
    made_up = slack_onto(apart, beside, SIZE, 4)
    inner = made_up[:, 24:40, 24:40].reshape(2, -1)
    np.testing.assert_allclose(inner[0], 2, atol=0.1)
    np.testing.assert_allclose(inner[1], 0, atol=0.1)


def test_how_far_lids_and_lips_open_has_no_slack(points):
    opened = points.copy()
    opened[[61, 62, 63], 1] -= 3
    opened[[67, 66, 65], 1] += 3
    np.testing.assert_allclose(slack(opened, points)[60:68], 0, atol=1e-6)


def test_the_spline_goes_by_fine_motion_and_back(points):
    """The finest candidate is the spline where the fine motion leads, and that motion; no other moves."""
    here, there = (torch.from_numpy(x)[None] for x in (points + np.float32(3), points))
    spline = Spline.through(here, SIZE, 4, "head")
    fine = torch.full((1, 2, 64, 64), 2.0)
    before, after = (s.flows(there[:, None])[0, 0] for s in (spline, spline._replace(fine=fine)))
    torch.testing.assert_close(after[:2], before[:2])
    torch.testing.assert_close(after[2] - before[2], fine[0], atol=0.2, rtol=0)
    to_the_same = spline._replace(fine=fine).flows(there[:, None], fine[:, None])[0, 0]
    torch.testing.assert_close(to_the_same, before)


def test_a_close_up_goes_by_the_whole_flow():
    rng = np.random.default_rng(1)
    there = torch.from_numpy(rng.uniform(10, 86, (1, 70, 2)).astype(np.float32))
    here = there + torch.from_numpy(rng.normal(0, 1, (1, 70, 2)).astype(np.float32))
    dense = torch.full((1, 2, 24, 24), 1.5)
    spline = Spline.through(here, 96, 4, "nothing", 1e-3)
    fine = beside_spline(dense, here, there)
    got = spline._replace(fine=fine).flows(there[:, None])[0, 0, 2]
    torch.testing.assert_close(got, dense[0], atol=0.1, rtol=0)
