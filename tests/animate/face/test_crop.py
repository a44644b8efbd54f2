"""The face square is the training crops', and crop and paste undo each other exactly."""

import csv
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gfla.animate.face.crop import FaceSquare, crop, face_square, feather, paste, room, to_crop
from gfla.animate.face.landmarks import Landmarks

Face = Callable[..., np.ndarray]


def landmarks(points: np.ndarray) -> Landmarks:
    return Landmarks(points.astype(np.float32), np.zeros((2, 2), np.float32), 1.0)


def box(x: float, y: float, face: float) -> Landmarks:
    """Landmarks whose box is a square of side `face` around (x, y)."""
    corners = np.array([[-1, -1], [1, 1]] * 34) * face / 2 + (x, y)
    return landmarks(corners)


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)


def test_the_square_is_two_faces_wide_and_raised():
    square = face_square(box(500, 400, 100), (1000, 900))
    assert square.side == 200
    assert (square.x + 99.5, square.y + 99.5) == pytest.approx((500, 380), abs=0.51)


def test_the_square_stays_inside_and_shrinks_only_so_far():
    assert face_square(box(60, 60, 100), (1000, 900)) == FaceSquare(0, 0, 200)
    assert face_square(box(950, 880, 100), (1000, 900)) == FaceSquare(800, 700, 200)
    assert face_square(box(100, 90, 100), (180, 400)).side == 180
    beyond = face_square(box(60, 60, 100), (120, 400))
    assert beyond == FaceSquare(-20, 0, 160)


def test_a_tight_portrait_is_taken_whole():
    for side in (256, 257, 1024):
        for share in (0.4, 0.5, 0.6):
            found = box(side / 2, side * 0.6, share * side)
            assert face_square(found, (side, side)) == FaceSquare(0, 0, side)
    assert face_square(box(128, 150, 60), (256, 256)).side == 120


def test_the_square_matches_the_training_crops():
    """A training crop laid on a wide canvas is found again: mostly its side within a fifth."""
    data = os.environ.get("GFLA_DATA")
    if not data:
        pytest.skip("GFLA_DATA is not set: no training crops to compare with")
    sides, shifts = [], []
    with open(Path(data) / "faces" / "index.csv", newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["split"] == "train" and row["kind"] == "portrait"]
    for row in rows:
        points = np.load(Path(data) / "faces" / Path(row["file"]).with_suffix(".npz"))["lmk68"]
        square = face_square(landmarks(points + 1000), (2256, 2000))
        sides.append(square.side / 256)
        shifts.append((np.array([square.x, square.y]) + (square.side - 256) / 2 - 1000) / 256)
    assert np.median(sides) == pytest.approx(1, abs=0.03)
    assert np.abs(np.median(shifts, axis=0)).max() < 0.03
    assert np.mean(np.abs(np.array(sides) - 1) < 0.2) > 0.85


def test_a_crop_at_its_own_size_is_the_pixels(noise: np.ndarray):
    assert np.array_equal(crop(noise, FaceSquare(40, 20, 256)), noise[20:276, 40:296])


@pytest.mark.parametrize(
    "square", [FaceSquare(-30, -20, 256), FaceSquare(200, 100, 256), FaceSquare(-50, -60, 500)]
)
def test_beyond_the_border_the_border_repeats(noise: np.ndarray, square: FaceSquare):
    padded = np.pad(noise, ((300, 300), (300, 300), (0, 0)), mode="edge")
    rows, columns = (
        slice(square.y + 300, square.y + 300 + square.side),
        slice(square.x + 300, square.x + 300 + square.side),
    )
    assert np.array_equal(crop(noise, square, square.side), padded[rows, columns])


def test_shrinking_does_not_alias():
    """A fine checkerboard becomes grey, not moire."""
    checks = np.indices((1024, 1024)).sum(0) % 2 * 255
    image = np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)
    small = crop(image, FaceSquare(1, 1, 1000), 256)
    assert small.astype(int).min() > 100
    assert small.astype(int).max() < 155


@pytest.mark.parametrize("square", [FaceSquare(20, 10, 256), FaceSquare(0, 0, 256), FaceSquare(-9, 60, 256)])
def test_paste_undoes_crop_and_leaves_the_rest(noise: np.ndarray, square: FaceSquare):
    assert np.array_equal(paste(noise, crop(noise, square), square), noise)
    changed = paste(noise, np.zeros((256, 256, 3), np.uint8), square)
    outside = np.ones(noise.shape[:2], bool)
    outside[max(square.y, 0) : square.y + 256, max(square.x, 0) : square.x + 256] = False
    assert np.array_equal(changed[outside], noise[outside])
    middle = (square.y + 128, square.x + 128)
    assert not changed[middle].any()


def test_the_feather_fades_only_inside_the_image():
    space = room(FaceSquare(0, 30, 100), (100, 300), 50)
    assert space.shape == (50, 50)
    assert space[0, 7] == space[49, 7] == 0.5
    assert space[10, 0] == space[10, 49] == 10.5
    weight = feather(space)
    assert 0 < weight[0, 25] < 0.1
    assert 0 < weight[49, 25] < 0.1
    assert weight[25, 0] == weight[25, 49] == weight[25, 25] == 1
    assert np.all(np.diff(weight[:12, 25]) >= 0)
    whole = room(FaceSquare(0, 0, 100), (100, 100), 50)
    assert np.isinf(whole).all()
    assert (feather(whole) == 1).all()


def test_points_of_the_image_in_its_crop(face: Face):
    points = face()
    np.testing.assert_array_equal(to_crop(points, FaceSquare(0, 0, 256)), points)
    corner = np.array([[9.5, 19.5], [109.5, 119.5]])  # the outer corners of the square (10, 20, 100)
    np.testing.assert_allclose(to_crop(corner, FaceSquare(10, 20, 100)), [[-0.5, -0.5], [255.5, 255.5]])


def test_points_move_with_the_pixels():
    """A bright dot is where its mapped point says, after shrinking by two."""
    image = np.zeros((512, 512, 3), np.uint8)
    image[200:202, 300:302] = 255
    square = FaceSquare(0, 0, 512)
    small = crop(image, square)
    (x, y), *_ = to_crop(np.array([[300.5, 200.5]]), square)
    assert small[round(float(y)), round(float(x))].tolist() == [255, 255, 255]
