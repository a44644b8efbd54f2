"""Mattes, plates and head shares: exact on drawn people, whose matte and background are known."""

import cv2
import numpy as np
import pytest
from gfla.animate.compositing.matte import background_plate, head_share
from gfla.animate.matting import portrait_matte
from gfla.animate.synthetic.talking_head import Pose, TalkingHead
from gfla.models import MatteNet, load_matte_net

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def drawn(seed: int, pose: Pose | None = None) -> Arrays:
    """A drawn head: image (256, 256, 3), its exact matte (256, 256), and points (68, 2)."""
    head, pose = TalkingHead(seed), pose or Pose()
    real = head.render(pose)
    sides = []
    for shade in (0, 255):
        head.backdrop = np.full_like(head.backdrop, shade)
        sides.append(head.render(pose).image.astype(np.float32))
    matte = 1 - (sides[1] - sides[0]).mean(2) / 255
    return real.image, matte, real.points


@pytest.fixture(scope="module")
def net() -> MatteNet:
    return load_matte_net()


# Seed 1 has black hair before a dark background.
@pytest.mark.parametrize(("seed", "overlap"), [(0, 0.98), (1, 0.9), (2, 0.98), (3, 0.98), (4, 0.98)])
@pytest.mark.slow
def test_drawn_people_are_found(seed: int, overlap: float, net: MatteNet):
    image, exact, _ = drawn(seed, Pose(yaw=10 * (seed % 3 - 1), mouth=0.3))
    matte = portrait_matte(image, net)
    both, any_ = ((matte > 0.5) & (exact > 0.5)).sum(), ((matte > 0.5) | (exact > 0.5)).sum()
    assert both / any_ > overlap
    assert np.abs(matte - exact).mean() < 0.5 * (1 - overlap)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(256, 256), (61, 97), (1200, 300), (40, 900), (2, 1)])
def test_a_matte_has_the_pictures_size_and_lies_between_zero_and_one(shape: tuple[int, int], net: MatteNet):
    image = np.asarray(cv2.resize(drawn(1)[0], shape[::-1]), np.uint8)
    matte = portrait_matte(image, net)
    assert matte.shape == shape
    assert matte.dtype == np.float32
    assert 0 <= matte.min() <= matte.max() <= 1


@pytest.mark.slow
def test_a_larger_picture_has_the_same_matte_with_finer_edges(net: MatteNet):
    image, _, _ = drawn(2)
    enlarged = np.asarray(cv2.resize(image, (1024, 1024), interpolation=cv2.INTER_CUBIC), np.uint8)
    large = portrait_matte(enlarged, net)
    small = cv2.resize(large, (256, 256), interpolation=cv2.INTER_AREA)
    assert np.abs(small - portrait_matte(image, net)).mean() < 0.01


@pytest.mark.slow
def test_a_mirrored_picture_has_the_mirrored_matte(net: MatteNet):
    image, _, _ = drawn(3, Pose(yaw=15))
    mirrored = portrait_matte(np.ascontiguousarray(image[:, ::-1]), net)
    assert np.abs(mirrored[:, ::-1] - portrait_matte(image, net)).max() < 0.02


@pytest.mark.slow
def test_a_matte_does_not_depend_on_who_asked_before(net: MatteNet):
    image, _, _ = drawn(4)
    first = portrait_matte(image, net)
    portrait_matte(drawn(5)[0], net)
    assert np.array_equal(first, portrait_matte(image))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_plate_is_the_picture_away_from_the_person(seed: int):
    image, matte, _ = drawn(seed)
    plate = background_plate(image, matte)
    near = cv2.dilate((matte > 0.02).astype(np.uint8), np.ones((41, 41), np.uint8)) > 0  # 8 % of 256
    assert plate.shape == image.shape
    assert plate.dtype == np.uint8
    assert np.array_equal(plate[~near], image[~near])
    assert not near.all()


@pytest.mark.slow
def test_a_plate_is_the_picture_where_nobody_is():
    image = drawn(0)[0]
    plate = background_plate(image, np.zeros(image.shape[:2], np.float32))
    assert np.array_equal(plate, image)
    plate[:] = 0
    assert image.any(), "the plate is the picture itself, not a copy"


def test_a_plate_has_no_rim_of_the_person():
    """A red person with a soft edge on a green wall: nothing red is left anywhere."""
    matte = np.zeros((200, 160), np.float32)
    cv2.ellipse(matte, (80, 120), (40, 60), 0, 0, 360, 1.0, -1)
    matte = np.asarray(cv2.GaussianBlur(matte, (0, 0), 2), np.float32)
    wall, red = np.array((20, 150, 60), np.float32), np.array((220, 30, 30), np.float32)
    image = np.rint(wall + matte[..., None] * (red - wall)).astype(np.uint8)
    plate = background_plate(image, matte)
    assert np.abs(plate.astype(int) - (20, 150, 60)).max() <= 4


def test_a_plate_carries_the_background_on_behind_the_person():
    """A wall that is darker to the left goes on so behind a person in the middle, without steps."""
    matte = np.zeros((200, 160), np.float32)
    cv2.ellipse(matte, (80, 130), (35, 80), 0, 0, 360, 1.0, -1)
    wall = np.broadcast_to(np.linspace(60, 180, 160)[None, :, None], (200, 160, 3))
    image = np.where(matte[..., None] > 0, 255, np.rint(wall)).astype(np.uint8)
    plate = background_plate(image, matte).astype(np.float32)
    wrong = np.abs(plate - wall)[matte > 0]
    assert wrong.mean() < 8
    assert wrong.max() < 25
    deep = cv2.erode(matte, np.ones((15, 15), np.uint8)) > 0
    down, across = (np.abs(np.diff(plate, axis=axis)) for axis in (0, 1))
    assert max(down[deep[1:]].max(), across[deep[:, 1:]].max()) < 3


@pytest.mark.slow
def test_a_plate_behind_somebody_who_fills_the_picture_is_one_colour():
    image = drawn(0)[0]
    plate = background_plate(image, np.ones(image.shape[:2], np.float32))
    assert np.array_equal(np.unique(plate.reshape(-1, 3), axis=0), [np.rint(image.mean((0, 1)))])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_head_goes_whole_and_the_shoulders_do_not(seed: int):
    _, matte, points = drawn(seed)
    share = head_share(points, matte)
    assert share.shape == matte.shape
    assert share.dtype == np.float32
    assert 0 <= share.min() <= share.max() == 1
    chin = round(float(points[8, 1]))
    columns = slice(round(float(points[0, 0])), round(float(points[16, 0])))
    assert (share[: round(float(points[3, 1])), columns] == 1).all()  # face and all above it, hair and hat
    middle = share[chin:, round(float(points[8, 0]))]
    assert (np.diff(middle) <= 0).all()


@pytest.mark.slow
def test_a_share_falls_from_the_chin_to_the_shoulders():
    points = drawn(0)[2] * 0.5 + 64  # a face half as large, with room for shoulders
    eyes, chin = points[36:48].mean(0), points[8]
    share = head_share(points, np.ones((256, 256), np.float32))
    unit, column = chin[1] - eyes[1], round(float(chin[0]))
    assert share[round(float(chin[1])), column] > 0.99
    assert 0.3 < share[round(float(chin[1] + 0.45 * unit)), column] < 0.7
    assert share[round(float(chin[1] + unit)) :, column].max() == 0


@pytest.mark.slow
def test_a_share_turns_with_the_head():
    _, matte, points = drawn(1)
    turn = cv2.getRotationMatrix2D((127.5, 127.5), 30, 0.6)
    turned_matte = np.asarray(cv2.warpAffine(matte, turn, (256, 256)), np.float32)
    turned = head_share(points @ turn[:, :2].T + turn[:, 2], turned_matte)
    upright = cv2.warpAffine(head_share(points, matte), turn, (256, 256), borderMode=cv2.BORDER_CONSTANT)
    inside = cv2.warpAffine(np.ones((256, 256), np.float32), turn, (256, 256)) == 1
    assert np.abs(turned - upright)[inside].max() < 0.1
