"""Registered landmarks lie where the skin went; openings stay the landmarker's; strangers change nothing."""

import cv2
import numpy as np
import pytest
import skimage.data
from gfla.animate.face.landmarkers import load_landmarker
from gfla.animate.face.landmarks import Landmarks
from gfla.animate.face.registration import KeyFrame, register
from gfla.animate.face.tracking import sight

OPENINGS = np.array([(37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65)])


@pytest.fixture(scope="module")
def face() -> tuple[np.ndarray, Landmarks]:
    """The astronaut's head, 200 x 200, and the built-in landmarker's points of it."""
    image = np.ascontiguousarray(skimage.data.astronaut()[20:220, 120:320])
    return image, load_landmarker().find(image)[0]


def bend(image: np.ndarray, points: np.ndarray, far: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture as if skin had moved by up to `far` pixels in waves, and where its points went."""
    y, x = np.mgrid[0:200, 0:200].astype(np.float32)

    def back(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x + far * np.sin(y / 25) + 3, y + far * np.cos(x / 30) - 2

    moved = cv2.remap(image, *back(x, y), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    there = points.copy()
    for _ in range(30):  # the inverse, by iteration
        there += points - np.stack(back(there[:, 0], there[:, 1]), axis=1)
    return moved, there


def noisy(points: np.ndarray, seed: int, by: float = 1.2) -> Landmarks:
    """As a landmarker finds them: each a little off, near ones alike."""
    rng = np.random.default_rng(seed)
    off = rng.normal(0, by, points.shape)
    near = np.exp(-((points[:, None] - points[None]) ** 2).sum(-1) / (2 * 8**2))
    off = near @ off / np.sqrt((near**2).sum(1, keepdims=True))
    return Landmarks((points + off).astype(np.float32), np.zeros((2, 2), np.float32), 0.9)


def test_points_go_where_the_skin_went(face):
    image, found = face
    moved, truth = bend(image, found.points, 2.0)
    key = KeyFrame.of(image, found)
    before, after = [], []
    for seed in range(5):
        guess = noisy(truth, seed)
        result = register(moved, guess, key)
        before.append(np.linalg.norm(guess.points - truth, axis=1))
        after.append(np.linalg.norm(result.points - truth, axis=1))
        assert result.score == guess.score
        assert np.array_equal(result.iris, guess.iris)
    assert np.median(after) < 0.6 * np.median(before)


def test_a_still_face_stays_where_it_was_first_seen(face):
    image, found = face
    key = KeyFrame.of(image, found)
    same = register(image, found, key)
    assert np.abs(same.points - found.points).max() < 0.05
    jitter = [register(image, noisy(found.points, seed), key).points for seed in range(6)]
    raw = [noisy(found.points, seed).points for seed in range(6)]
    assert np.std(jitter, axis=0).mean() < 0.6 * np.std(raw, axis=0).mean()


def test_openings_stay_the_landmarkers(face):
    image, found = face
    guess = noisy(found.points, 3)
    moved = register(image, guess, KeyFrame.of(image, found)).points
    before, after = (p[OPENINGS[:, 1]] - p[OPENINGS[:, 0]] for p in (guess.points, moved))
    assert np.abs(moved - guess.points).max() > 0.5
    np.testing.assert_allclose(after, before, atol=1e-3)


def test_a_correction_is_bounded(face):
    image, found = face
    far = Landmarks(found.points + np.float32(15), found.iris, 1.0)
    result = register(image, far, KeyFrame.of(image, found))
    side = np.ptp(found.points, axis=0).max() * 1.45
    assert np.abs(result.points - far.points).max() < 1.5 * 2.5 / 128 * side


def test_another_face_changes_nothing(face):
    image, found = face
    flat = np.full_like(image, 120)
    noise = np.random.default_rng(0).integers(0, 255, image.shape, dtype=np.uint8)
    for other in (flat, noise, 255 - image):
        result = register(other, found, KeyFrame.of(image, found))
        np.testing.assert_allclose(result.points, found.points, atol=1e-3)


def test_a_shot_keeps_its_first_face_and_a_cut_takes_another(landmarker, head_picture):
    first = sight(landmarker, head_picture(0), None, None)
    assert first.key is not None
    later = sight(landmarker, head_picture(1), first, None)
    assert later.key is first.key
    assert not later.cut
    gone = sight(landmarker, np.full_like(head_picture(0), 90), later, None)
    assert gone.landmarks is None
    assert gone.key is first.key
    other = sight(landmarker, 255 - head_picture(8)[::-1, :, ::-1], later, None)
    assert other.cut
    assert other.key is not first.key
