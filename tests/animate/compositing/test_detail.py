"""Detail transfer and the seam: sharp where the warp is to be trusted, exact at the square's sides."""

import cv2
import numpy as np
import pytest
from gfla.animate.compositing import detail
from gfla.animate.compositing.detail import Canvas, Drawing, carry, finish, trusted
from gfla.animate.face.crop import FaceSquare

SIZE = 64


def smooth(side: int, seed: int = 0) -> np.ndarray:
    """A blurred noise picture (side, side, 3) uint8."""
    small = np.random.default_rng(seed).integers(40, 216, (9, 9, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC))


def fine(side: int) -> np.ndarray:
    """The smooth picture with a fine pattern that no quarter-size copy of it can hold."""
    pattern = 20 * np.sin(np.arange(side) * 2.2) * np.sin(np.arange(side)[:, None] * 1.9)
    return np.clip(smooth(side) + pattern[..., None], 0, 255).astype(np.uint8)


def drawing(face: np.ndarray, shift: tuple[float, float] = (0, 0), mask: float = 1.0) -> Drawing:
    flow = np.broadcast_to(np.array(shift, np.float32), (SIZE, SIZE, 2)).copy()
    return Drawing(face, flow, np.full((SIZE, SIZE), mask, np.float32))


def whole(image: np.ndarray) -> Canvas:
    return Canvas.of(image, FaceSquare(0, 0, len(image)), SIZE)


def error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b).mean())


def test_a_still_drawing_gets_all_of_its_detail_back():
    image = fine(256)
    canvas = whole(image)
    still = drawing(canvas.small.astype(np.uint8))
    assert error(finish(still, canvas), image) < 1
    assert error(finish(still, canvas, 0), image) > 5 * error(finish(still, canvas), image)
    half = error(finish(still, canvas, 0.5), image)
    assert error(finish(still, canvas), image) < half < error(finish(still, canvas, 0), image)


def test_detail_goes_along_with_the_flow():
    image = fine(256)
    canvas = whole(image)
    shift = (3.0, -2.0)
    still = drawing(np.zeros((SIZE, SIZE, 3), np.uint8), shift)
    moved = still._replace(face=np.rint(carry(canvas.small, still.flow)).astype(np.uint8))
    truth = carry(image, still.flow)
    inner = np.s_[32:-32, 32:-32]
    assert error(finish(moved, canvas)[inner], truth[inner]) < 1.5
    assert error(finish(moved, canvas, 0)[inner], truth[inner]) > 4


def test_no_detail_where_the_network_drew_something_else():
    """The left half is drawn otherwise than the source: nothing of the source's pattern may show there."""
    canvas = whole(fine(256))
    face = canvas.small.astype(np.uint8)
    face[:, :32] = 255 - face[:, :32] // 2
    out, plain = finish(drawing(face), canvas), finish(drawing(face), canvas, 0)
    assert error(out[:, :96], plain[:, :96]) < 0.2
    assert error(out[:, 160:], plain[:, 160:]) > 3


@pytest.mark.parametrize("side", [SIZE, 256])
def test_nothing_comes_where_the_mask_took_nothing_of_the_source(side: int):
    """The left half was painted; the right half has at least some of the source."""
    canvas = whole(fine(side))
    soft = cv2.GaussianBlur(canvas.small, (0, 0), 1).astype(np.uint8)
    painted = drawing(soft, mask=0.4)
    painted.mask[:, : SIZE // 2] = 0
    out, plain = finish(painted, canvas), finish(painted, canvas, 0)
    assert error(out[:, : side * 3 // 8], plain[:, : side * 3 // 8]) < 1e-3
    assert error(out[:, side // 2 :], plain[:, side // 2 :]) > 1


def test_a_fold_is_not_trusted():
    canvas = whole(smooth(256))
    still = drawing(canvas.small.astype(np.uint8))
    assert trusted(still, canvas.small) == pytest.approx(1)
    folded = still.flow.copy()
    folded[..., 0] = -2 * np.arange(SIZE)  # the picture mirrored
    inner = np.s_[16:-16, 16:-16]
    assert trusted(still._replace(flow=folded), canvas.small)[inner].max() == 0
    folded[..., 0] = 5 * np.arange(SIZE)  # one pixel out of six
    assert trusted(still._replace(flow=folded), canvas.small)[inner].max() == 0


def test_a_square_smaller_than_the_drawing_takes_no_detail():
    canvas = whole(fine(40))
    other = drawing(smooth(SIZE, seed=1), shift=(2, 2))
    assert np.array_equal(finish(other, canvas), finish(other, canvas, 0))


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_at_its_own_size_a_soft_drawing_takes_its_finest_band_from_the_source(share: float):
    """By the mask's share; drawn as sharply as the source, it stays as it is."""
    image = fine(SIZE)
    canvas = whole(image)
    assert error(finish(drawing(image, mask=share), canvas), image) == 0
    soft = cv2.GaussianBlur(image, (0, 0), 0.7)
    out = finish(drawing(soft, mask=share), canvas)
    assert np.array_equal(finish(drawing(soft, mask=share), canvas, 0), soft)
    assert error(out, image) < (1 - 0.6 * share) * error(soft, image)


@pytest.mark.parametrize("strength", [0.0, 1.0])
@pytest.mark.parametrize("shift", [(0, 0), (6, 0), (-4, 5)])
def test_the_square_meets_the_photograph_without_a_seam(strength: float, shift: tuple[float, float]):
    """However the head moves, next to the square's sides stands what the photograph has there."""
    photograph = smooth(400)
    square = FaceSquare(80, 60, 256)
    canvas = Canvas.of(photograph, square, SIZE)
    still = drawing(np.zeros((SIZE, SIZE, 3), np.uint8), shift)
    moved = still._replace(face=np.rint(carry(canvas.small, still.flow)).astype(np.uint8))
    out = finish(moved, canvas, strength)
    for side in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        assert error(out[side], canvas.large[side]) < 0.5
    inner = np.s_[64:-64, 64:-64]  # and in the middle the head has moved
    assert error(out[inner], carry(canvas.large, moved.flow)[inner]) < 1.5


def test_the_resting_flow_never_folds():
    """A picture of its own columns' numbers, moved as far as can be: they stay in order."""
    ramp = np.broadcast_to(np.linspace(0, 255, 256).astype(np.uint8)[:, None], (256, 256, 3))
    photograph = np.pad(ramp, ((50, 50), (50, 50), (0, 0)), mode="edge")
    canvas = Canvas.of(photograph, FaceSquare(50, 50, 256), SIZE)
    for shift in ((15.0, 0.0), (-15.0, 0.0)):
        still = drawing(np.zeros((SIZE, SIZE, 3), np.uint8), shift)
        moved = still._replace(face=np.rint(carry(canvas.small, still.flow)).astype(np.uint8))
        row = finish(moved, canvas, 0)[128, :, 0].astype(int)
        assert np.diff(row).min() >= -3
        assert row[0] <= 2
        assert row[-1] >= 253


@pytest.mark.parametrize("degrees", [20, 32, -32])
def test_a_chin_goes_along_with_a_rolled_head(degrees: int):
    """A face in a square as `face_square` makes them, from the middle of a photograph: of 44 pixels that
    its chin goes it stays behind by 12 at most, and its mouth by one."""
    size, turn = 256, np.radians(degrees)
    places = np.stack(np.meshgrid(*2 * [np.arange(size, dtype=np.float32)]), -1) - (128, 140)
    back = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    flow = (places @ back.T - places).astype(np.float32)
    canvas = Canvas.of(smooth(600), FaceSquare(150, 150, 300), size)
    assert canvas.room is not None
    left = np.hypot(*np.moveaxis(flow - detail._resting(flow, canvas.room), -1, 0))
    for far, most in ((79, 12), (40, 1)):  # of the chin and the mouth from the middle
        x, y = (128, 140) + far * np.array([-np.sin(turn), np.cos(turn)])
        assert left[round(y), round(x)] < most


def by_definition(drawing: Drawing, canvas: Canvas, strength: float) -> np.ndarray:
    """`finish` in plain NumPy, in float64 where nothing is resampled: (side, side, 3) before rounding."""
    side, size = len(canvas.large), len(drawing.face)
    flow, own = drawing.flow.astype(float), canvas.weight.astype(float)
    if canvas.room is not None:
        limit = (detail._STEEPEST * (canvas.room - 0.5)) ** 4
        flow = flow * ((limit / (limit + (flow**2).sum(2) ** 2 + 1e-6)) ** 0.25)[..., None]
        own = own * np.exp(-((flow - drawing.flow) ** 2).sum(2) / detail._APART**2)
    base, share = own[..., None] * drawing.face, 1 - own
    if strength > 0 and side >= size:
        low = carry(canvas.small, drawing.flow)
        mask = drawing.mask
        if side > size:
            mask = (cv2.GaussianBlur(mask, (0, 0), detail._SOFT) / detail._ADMITTED).clip(0, 1)
        trust = own * mask * strength * trusted(drawing, low)
        finest = min(detail._FINEST[0], detail._FINEST[1] * size / side)
        soft = drawing.face + cv2.GaussianBlur(low - drawing.face, (0, 0), finest)
        base, share = base - trust[..., None] * soft, share + trust
    how = cv2.INTER_AREA if side < size else cv2.INTER_CUBIC
    parts = cv2.resize(np.dstack((base, share)), (side, side), interpolation=how)
    return (parts[..., :3] + parts[..., 3:] * carry(canvas.large, flow.astype(np.float32))).clip(0, 255)


@pytest.mark.parametrize("side", [40, SIZE, 150])
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_the_fast_form_is_the_definition(side: int, strength: float):
    """Within rounding, but for the few pixels whose mapped place rounds to another of `remap`'s 32 steps."""
    rng = np.random.default_rng(side)
    photograph = fine(side + 60)
    canvas = Canvas.of(photograph, FaceSquare(20, 30, side), SIZE)
    flow = rng.normal(0, 30, (SIZE, SIZE, 2)).astype(np.float32)
    cv2.GaussianBlur(flow, (0, 0), 6, dst=flow)
    mask = rng.random((SIZE, SIZE), np.float32)
    face = np.rint(carry(canvas.small, flow) + rng.normal(0, 4, (SIZE, SIZE, 3))).clip(0, 255)
    made = Drawing(face.astype(np.uint8), flow, mask)
    apart = np.abs(finish(made, canvas, strength) - by_definition(made, canvas, strength))
    assert (apart > 0.51).mean() < 1e-3
    assert apart.mean() < 0.26


@pytest.mark.parametrize("side", [64, 256])
def test_where_the_person_went_away_the_plate_is_seen(side):
    """The left half is uncovered: there is the plate, at the square's own resolution, and no ghost."""
    image, behind = fine(side), fine(side)[::-1].copy()
    canvas = Canvas.of(image, FaceSquare(0, 0, side), SIZE)._replace(plate=behind)
    cover = np.ones((SIZE, SIZE), np.float32)
    cover[:, :32] = 0
    seen = np.asarray(canvas.small)
    plate = cv2.resize(behind, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    face = np.rint(plate + cover[..., None] * (seen - plate)).astype(np.uint8)
    out = finish(drawing(face)._replace(cover=cover), canvas)
    left, right = np.s_[:, : side * 3 // 8], np.s_[:, side * 5 // 8 :]
    assert error(out[left], behind[left]) < 2
    assert error(out[right], image[right]) < 2
    assert error(out[left], image[left]) > 10


def test_at_the_squares_sides_the_photograph_goes_on_even_where_the_plate_would_be_seen():
    photograph, behind = smooth(400), smooth(400, seed=1)
    canvas = Canvas.of(photograph, FaceSquare(80, 60, 256), SIZE)
    canvas = canvas._replace(plate=behind[60:316, 80:336])
    plate = cv2.resize(behind[60:316, 80:336], (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    gone = drawing(plate)._replace(cover=np.zeros((SIZE, SIZE), np.float32))
    out = finish(gone, canvas)
    for side in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        assert error(out[side], canvas.large[side]) < 1
        assert error(behind[60:316, 80:336][side], canvas.large[side]) > 10
    assert error(out[64:-64, 64:-64], behind[124:252, 144:272]) < 1.5
