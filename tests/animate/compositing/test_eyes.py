"""Closing lids: skin over the whole eyeball, nothing else touched, open eyes left alone."""

import cv2
import numpy as np
import pytest
from gfla.animate.compositing.detail import Drawing
from gfla.animate.compositing.eyes import close_lids

SIZE, SKIN = 128, (190, 140, 110)
WIDE = ((38, 64), (90, 64))  # centres of the eyes in a portrait
WHITE = 235  # the eyeball is the only thing so bright in blue


def points(opening: float, size: int = SIZE) -> np.ndarray:
    """(68, 2): eyes 32 wide and `opening` high, brows 18 above; the rest of the face does not matter."""
    face = np.zeros((68, 2), np.float32)
    for first, brow, (x, y) in ((36, 17, WIDE[0]), (42, 22, WIDE[1])):
        up, low = y - 0.7 * opening, y + 0.3 * opening
        face[first : first + 6] = (
            (x - 16, y), (x - 5, up), (x + 5, up), (x + 16, y), (x + 5, low), (x - 5, low)
        )  # fmt: skip
        face[brow : brow + 5] = [(x - 16 + 8 * i, y - 18) for i in range(5)]
    return face * (size / SIZE)


@pytest.fixture
def portrait() -> np.ndarray:
    image = np.full((SIZE, SIZE, 3), SKIN, np.uint8)
    for (x, y), first in zip(WIDE, (36, 42), strict=True):
        cv2.fillPoly(image, [np.round(points(12)[first : first + 6]).astype(np.int32)], (WHITE,) * 3)
        cv2.circle(image, (x, y - 2), 4, (30, 40, 50), -1)
    return image


def drawn(image: np.ndarray) -> Drawing:
    """What the network makes of a closing eye: a soft ghost of the open one."""
    ghost = np.asarray(cv2.GaussianBlur(image, (0, 0), 8), np.uint8)
    return Drawing(ghost, np.zeros((SIZE, SIZE, 2), np.float32), np.full((SIZE, SIZE), 0.5, np.float32))


def eyeball(image: np.ndarray, which: slice = slice(None)) -> float:
    """How much of the picture's columns `which` is neither skin nor near it, pixels."""
    return float((np.abs(image[:, which].astype(int) - SKIN).max(-1) > 40).sum())


LEFT, RIGHT = slice(0, SIZE // 2), slice(SIZE // 2, SIZE)


def test_a_shut_eye_shows_no_eyeball(portrait: np.ndarray):
    shut = close_lids(drawn(portrait), portrait, points(12), points(0)).face
    assert eyeball(portrait) > 300
    assert eyeball(shut) == 0


def test_a_last_slit_closes(portrait: np.ndarray):
    """Of a shut eye too the landmarks leave a slit: here a sixth of the opening."""
    assert eyeball(close_lids(drawn(portrait), portrait, points(12), points(2)).face) == 0


def test_an_eyeball_that_shows_beyond_the_landmarks_is_covered_too(portrait: np.ndarray):
    """Below by 5 pixels, .16 of the eye's width, as in a made-up eye; no ghost is drawn here."""
    beyond = points(12)[36:48] + (0, 5) * np.isin(np.arange(12) % 6, (4, 5))[:, None]
    for eye in (beyond[:6], beyond[6:]):
        cv2.fillPoly(portrait, [np.round(eye).astype(np.int32)], (WHITE,) * 3)
    skin = drawn(np.full_like(portrait, SKIN))
    assert eyeball(close_lids(skin, portrait, points(12), points(0)).face) == 0


def test_less_of_the_eyeball_the_more_the_lids_close(portrait: np.ndarray):
    left = [
        eyeball(close_lids(drawn(portrait), portrait, points(12), points(high)).face) for high in (9, 6, 3)
    ]
    assert eyeball(portrait) > left[0] > left[1] > left[2]


def test_one_eye_can_wink(portrait: np.ndarray):
    wink = points(12)
    wink[36:42] = points(0)[36:42]
    out = close_lids(drawn(portrait), portrait, points(12), wink).face
    assert eyeball(out, LEFT) == 0
    assert np.array_equal(out[:, RIGHT], drawn(portrait).face[:, RIGHT])


@pytest.mark.parametrize("high", [12, 11.5, 16])
def test_an_eye_that_does_not_close_stays_as_drawn(portrait: np.ndarray, high: float):
    before = drawn(portrait)
    assert close_lids(before, portrait, points(12), points(high)) is before


def test_an_eye_shut_in_the_portrait_or_seen_from_the_side_stays_as_drawn(portrait: np.ndarray):
    before = drawn(portrait)
    assert close_lids(before, portrait, points(0.5), points(0)) is before
    aside = points(0)
    aside[36:48, 0] *= 0.1
    assert close_lids(before, portrait, points(12), aside) is before


def test_brow_and_cheek_keep_still_and_the_inputs_too(portrait: np.ndarray):
    before = drawn(portrait)
    kept = portrait.copy()
    out = close_lids(before, portrait, points(12), points(0))
    assert np.array_equal(portrait, kept)
    assert not before.flow.any()
    assert not out.flow[: 64 - 18].any()
    assert not out.flow[64 + 18 :].any()


def test_the_flow_says_where_the_lid_came_from(portrait: np.ndarray):
    out = close_lids(drawn(portrait), portrait, points(12), points(0))
    x, y = WIDE[0]
    above, below = out.flow[y - 2, x, 1], out.flow[y + 2, x, 1]
    assert y - 2 + above < y - 0.7 * 12  # the skin over the eyeball comes from above the upper lid
    assert y + 2 + below > y + 0.3 * 12  # and that under the line from below the lower one
    assert out.mask[y, x] == pytest.approx(1)


def test_an_eye_partly_outside_the_crop(portrait: np.ndarray):
    shift = np.array([-40, -70], np.float32)
    out = close_lids(drawn(portrait), portrait, points(12), points(0) + shift)
    assert out.face.shape == portrait.shape
