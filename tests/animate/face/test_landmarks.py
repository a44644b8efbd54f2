"""Finding and following faces: the protocol's promises, accuracy, and face-alignment offline."""

import importlib.util
import math
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from gfla.animate.errors import InputError
from gfla.animate.face.builtin import FOUND, BuiltinLandmarker
from gfla.animate.face.landmarkers import load_landmarker
from gfla.animate.face.landmarks import Landmarks
from gfla.animate.face.pose import FacePose, crop_matrix, face_pose, transform, warp

FACE = (225, 118)
"""Roughly the middle of the astronaut's face."""


@pytest.fixture(scope="module")
def landmarker() -> BuiltinLandmarker:
    return load_landmarker()  # type: ignore[return-value]


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return skimage.data.astronaut()


def test_landmarks_know_their_shapes() -> None:
    points, iris = np.zeros((68, 2), np.float32), np.zeros((2, 2), np.float32)
    assert Landmarks(points, iris, 0.5).score == 0.5
    for wrong in ((points[:5], iris, 0.5), (points.astype(float), iris, 0.5), (points, points, 0.5)):
        with pytest.raises(ValueError, match="must be"):
            Landmarks(*wrong)
    with pytest.raises(ValueError, match="score"):
        Landmarks(points, iris, 1.5)


def test_pose_of_a_turned_face_is_turned(landmarker, astronaut) -> None:
    points = landmarker.find(astronaut)[0].points
    pose, turn = face_pose(points), math.radians(25)
    matrix = cv2.getRotationMatrix2D((200, 100), -25, 1.0)
    turned = face_pose(transform(matrix, points))
    assert turned.roll == pytest.approx(pose.roll + turn, abs=1e-3)
    assert turned.size == pytest.approx(pose.size, rel=1e-3)
    there = transform(matrix, np.array([[pose.x, pose.y]], np.float32))[0]
    assert (turned.x, turned.y) == pytest.approx(tuple(there), abs=0.05)


def test_crop_puts_the_face_upright_in_the_middle() -> None:
    pose = FacePose(50.0, 80.0, 40.0, 0.3)
    matrix = crop_matrix(pose, 112)
    along = np.array([[50, 80], [50 + 20 * math.cos(0.3), 80 + 20 * math.sin(0.3)]], np.float32)
    middle, right = transform(matrix, along)
    np.testing.assert_allclose(middle, [55.5, 55.5], atol=1e-4)
    np.testing.assert_allclose(right, [55.5 + 20 * 112 / (1.45 * 40), 55.5], atol=1e-4)


def test_shrinking_warp_averages_and_stays_in_place() -> None:
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (256, 256, 3)).copy()
    for shrink in (1.0, 2.0, 5.3):
        matrix = np.array([[1 / shrink, 0, -10 / shrink], [0, 1 / shrink, -10 / shrink]])
        out = warp(ramp, matrix, (16, 16))
        expected = 10 + np.arange(16) * shrink
        np.testing.assert_allclose(out[8, 1:-1, 0], expected[1:-1], atol=1.01)
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    assert warp(noise, np.array([[0.125, 0, 0], [0, 0.125, 0]]), (32, 32)).std() < 20


def test_finds_the_astronaut(landmarker, astronaut) -> None:
    faces = landmarker.find(astronaut)
    assert len(faces) == 1
    face, pose = faces[0], face_pose(faces[0].points)
    assert math.hypot(pose.x - FACE[0], pose.y - FACE[1]) < 20
    assert 70 < pose.size < 120
    assert face.score > 0.9
    for iris, eye in zip(face.iris, (face.points[36:42], face.points[42:48]), strict=True):
        assert (iris > eye.min(0) - 2).all()
        assert (iris < eye.max(0) + 2).all()


def test_whole_pixels_move_the_points_as_far(landmarker, astronaut) -> None:
    face = landmarker.find(astronaut)[0]
    for dx, dy in ((16, 0), (-13, 7), (40, 25)):
        moved = np.roll(astronaut, (dy, dx), (0, 1))
        found = landmarker.follow(moved, None)
        offset = np.abs(found.points - face.points - [dx, dy]).max()
        assert offset < 0.02 * face_pose(face.points).size


@pytest.mark.parametrize("turn", [-30, 30])
def test_a_turned_picture_turns_the_points(landmarker, astronaut, turn) -> None:
    face = landmarker.find(astronaut)[0]
    matrix = cv2.getRotationMatrix2D((256, 256), turn, 0.9)
    found = landmarker.find(warp(astronaut, matrix, (512, 512)))
    assert len(found) == 1
    error = np.linalg.norm(found[0].points - transform(matrix, face.points), axis=1).mean()
    assert error < 0.05 * face_pose(face.points).size


@pytest.mark.parametrize("size", [(97, 131), (131, 97), (300, 301), (1200, 900)])
def test_any_size(landmarker, astronaut, size) -> None:
    height, width = size
    crop = astronaut[20:270, 100:350]
    image = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)
    pose = face_pose(landmarker.find(image)[0].points)
    expected = ((FACE[0] - 100) * width / 250, (FACE[1] - 20) * height / 250)
    assert math.hypot(pose.x - expected[0], pose.y - expected[1]) < 0.1 * max(size)


def test_a_small_face_in_a_large_picture(landmarker, astronaut) -> None:
    image = np.full((1500, 2000, 3), 90, np.uint8)
    image[900:1412, 1200:1712] = astronaut
    faces = landmarker.find(image)
    assert len(faces) == 1
    pose = face_pose(faces[0].points)
    assert math.hypot(pose.x - FACE[0] - 1200, pose.y - FACE[1] - 900) < 20


def test_two_faces_come_larger_first(landmarker, astronaut) -> None:
    image = np.full((300, 460, 3), 128, np.uint8)
    image[20:200, :180] = cv2.resize(astronaut[:250, 100:350], (180, 180), interpolation=cv2.INTER_AREA)
    image[:250, 200:450] = astronaut[:250, 100:350]
    faces = landmarker.find(image)
    assert len(faces) == 2
    assert face_pose(faces[0].points).x > 200 > face_pose(faces[1].points).x


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (7, 5), (40, 40)])
def test_tiny_and_empty_pictures_have_no_face(landmarker, size) -> None:
    image = np.full((*size, 3), 120, np.uint8)
    assert landmarker.find(image) == []
    assert landmarker.follow(image, None) is None


@pytest.mark.slow
def test_textures_have_no_face(landmarker) -> None:
    rng = np.random.default_rng(0)
    pictures = [skimage.data.brick(), skimage.data.grass(), skimage.data.gravel()]
    pictures = [np.repeat(picture[..., None], 3, 2) for picture in pictures]
    pictures += [rng.integers(0, 256, (240, 320, 3), np.uint8), skimage.data.coffee()]
    assert [landmarker.find(picture) for picture in pictures] == [[]] * len(pictures)


def test_grey_pictures_are_as_good(landmarker, astronaut) -> None:
    grey = np.repeat(cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    colour, found = landmarker.find(astronaut)[0], landmarker.find(grey)[0]
    error = np.linalg.norm(colour.points - found.points, axis=1).mean()
    assert error < 0.03 * face_pose(colour.points).size


def test_wrong_arrays_are_refused(landmarker) -> None:
    for wrong in (np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3))):
        with pytest.raises(ValueError, match="must be"):
            landmarker.find(wrong)


def test_following_depends_on_nothing_but_what_is_passed(landmarker, astronaut) -> None:
    """Two interleaved streams do not touch, and the same call gives the same answer."""
    left, right = np.roll(astronaut, -6, 1), np.roll(astronaut, 6, 1)
    last = landmarker.find(astronaut)[0]
    first = landmarker.follow(left, last)
    other = landmarker.follow(right, last)
    np.testing.assert_array_equal(landmarker.follow(left, last).points, first.points)
    np.testing.assert_array_equal(landmarker.follow(right, last).points, other.points)
    assert np.abs(other.points - first.points - [12, 0]).mean() < 0.01 * face_pose(last.points).size


def test_following_holds_still_and_comes_to_rest(landmarker, astronaut) -> None:
    before = face = landmarker.find(astronaut)[0]
    for _ in range(8):
        face, before = landmarker.follow(astronaut, face), face
    assert np.abs(face.points - before.points).mean() < 0.001 * face_pose(face.points).size


def test_a_lost_face_is_found_again_or_none(landmarker, astronaut) -> None:
    last = landmarker.find(astronaut)[0]
    far = np.roll(astronaut, 230, 1)
    again = landmarker.follow(far, last)
    assert abs(face_pose(again.points).x - FACE[0] - 230) < 20
    assert landmarker.follow(np.full_like(astronaut, 60), last) is None


def test_unknown_name_is_a_sentence() -> None:
    with pytest.raises(InputError, match="choose builtin or face-alignment"):
        load_landmarker("dlib")


def test_face_alignment_without_weights_names_the_file(tmp_path, monkeypatch) -> None:
    pytest.importorskip("face_alignment", reason="face-alignment is not installed")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"2DFAN4-11f355bf06\.pth\.tar") as caught:
        load_landmarker("face-alignment")
    assert str(tmp_path / "hub" / "checkpoints") in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_face_alignment_without_the_package_names_the_extra(monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install gfla\[landmarks\]"):
        load_landmarker("face-alignment")


@pytest.mark.slow
def test_face_alignment_end_to_end_on_random_weights(tmp_path, monkeypatch, astronaut) -> None:
    models = pytest.importorskip("face_alignment.models", reason="face-alignment is not installed")
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(0)
    torch.save(models.FAN(4).state_dict(), folder / "2DFAN4-11f355bf06.pth.tar")
    landmarker = load_landmarker("face-alignment")
    face = landmarker.find(astronaut)[0]
    assert face.score >= FOUND
    assert (np.abs(face.points - FACE) < 170).all()  # within FAN's own crop about the face
    np.testing.assert_allclose(face.iris[1], face.points[42:48].mean(0), rtol=1e-5)
    assert landmarker.follow(astronaut, None) is not None
    assert landmarker.find(np.zeros((64, 64, 3), np.uint8)) == []


@pytest.mark.slow
def test_face_alignment_with_damaged_weights_is_a_sentence(tmp_path, monkeypatch) -> None:
    pytest.importorskip("face_alignment", reason="face-alignment is not installed")
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "2DFAN4-11f355bf06.pth.tar").write_bytes(b"not weights")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match="download it again"):
        load_landmarker("face-alignment")


@pytest.mark.slow
@pytest.mark.skipif("GFLA_DATA" not in os.environ, reason="needs GFLA_DATA")
@pytest.mark.parametrize("every", [100, pytest.param(25, marks=pytest.mark.long)])
def test_accuracy_on_people_never_seen(landmarker, every: int) -> None:
    """The thresholds of the whole val table, on some of its frames: see gfla.train.face.evaluate."""
    from gfla.train.face.evaluate import evaluate_found

    tallies = {t.name: t for t in evaluate_found(landmarker, Path(os.environ["GFLA_DATA"]), every=every)}
    for name, most in (("found, yaw < 20", 0.04), ("found, yaw >= 20", 0.06), ("found, turned", 0.06)):
        assert np.mean(tallies[name].errors) <= most
    parts = ("found, yaw < 20", "found, yaw >= 20", "found, turned")
    for group in (parts, ("found, on canvases",), ("found, whole raw frames",)):
        lost = sum(tallies[name].lost for name in group)
        assert lost <= 0.02 * sum(tallies[name].lost + len(tallies[name].errors) for name in group)
