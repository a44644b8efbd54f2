"""Shoulders are found where the body's pixels went, whatever hands and background do."""

import cv2
import numpy as np
import pytest
from gfla.animate.face.shoulders import BodyKey, follow_body, shoulders, similarity
from gfla.animate.motion.parameters import STILL
from modelled import DRIVER, shown

SIDE = 360
POINTS = shown(DRIVER, at=(180, 150))[:68]


def texture(seed: int) -> np.ndarray:
    """(360, 360, 3) uint8: cloth with patches of every size."""
    rng = np.random.default_rng(seed)
    scales = [cv2.resize(rng.normal(0, 1, (n, n)).astype(np.float32), (SIDE, SIDE)) for n in (8, 24, 72)]
    grey = 128 + 30 * sum(scales)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def matrix(turn: float, size: float, shift: tuple[float, float]) -> np.ndarray:
    """A similarity about the shoulders: degrees, factor, pixels."""
    x, y = shoulders(POINTS).mean(0)
    moved = cv2.getRotationMatrix2D((float(x), float(y)), turn, size)
    moved[:, 2] += shift
    return moved


def scene(moved: np.ndarray, hand: tuple[int, int] | None = None) -> np.ndarray:
    """A body of cloth on a still background, the body moved; a hand lies over it at column, row."""
    image, cloth = texture(1), texture(2)
    shape = np.zeros((SIDE, SIDE), np.uint8)
    outline = np.array([(0, 360), (20, 255), (120, 215), (240, 215), (340, 255), (360, 360)])
    cv2.fillPoly(shape, [outline], 255)
    cloth, shape = (cv2.warpAffine(x, moved, (SIDE, SIDE)) for x in (cloth, shape))
    image = np.where(shape[..., None] > 127, cloth, image)
    if hand is not None:
        x, y = hand
        image[y : y + 40, x : x + 40] = texture(3)[:40, :40]
    return image


KEY = BodyKey.of(scene(matrix(0, 1, (0, 0))), POINTS)


@pytest.mark.parametrize(
    ("turn", "size", "shift"),
    [(0, 1, (0, 0)), (0, 1, (6, -4)), (4, 1, (0, 0)), (0, 1.06, (0, 0)), (-3, 0.96, (5, 3))],
)
def test_the_similarity_of_the_body_is_found(turn, size, shift):
    moved = matrix(turn, size, shift)
    found = KEY.places
    for _ in range(6):  # turn and size arrive over a few frames
        found = follow_body(scene(moved), KEY, found)
    truth = KEY.places @ moved[:, :2].T + moved[:, 2]
    assert np.abs(found - truth).max() < 1.0
    assert np.abs(found - KEY.places).max() < 0.3 or turn or size != 1 or any(shift)


def test_far_ways_are_followed_frame_by_frame_without_drift():
    places = KEY.places
    for step in [*range(0, 32, 4), *range(32, -1, -4)]:
        moved = matrix(0, 1, (step, 0))
        places = follow_body(scene(moved), KEY, places)
        assert np.abs(places - KEY.places - (step, 0)).max() < 1.5
    assert np.abs(places - KEY.places).max() < 0.3


def test_a_hand_over_the_body_moves_nothing():
    for column in (120, 160, 200):
        found = follow_body(scene(matrix(0, 1, (0, 0)), hand=(column, 240)), KEY, KEY.places)
        assert np.abs(found - KEY.places).max() < 0.5


def test_a_body_that_is_not_seen_stays_where_it_was():
    low = POINTS + np.array([0, 150], np.float32)  # the picture ends at the chin
    key, last = BodyKey.of(texture(1), low), KEY.places + 3
    assert np.array_equal(follow_body(texture(2), key, last), last)
    assert np.array_equal(follow_body(texture(5), KEY, last), last)  # another shot's


def test_two_places_say_a_similarity():
    a, b = similarity(STILL, 2 * STILL[:, ::-1] + (5, 1))  # turned by 90 degrees, twice the size
    assert a == pytest.approx(2j)
    assert b == pytest.approx(5 + 1j)
    assert similarity(STILL, STILL) == (1, 0)
