"""The face network's 16 channels: as its authors drew them, and what they show of a known face."""

import cv2
import numpy as np
import pytest
import torch
from authors import vectors
from conftest import plain_face
from gfla.animate.authors.face_guidance import guidance_of, guidance_towards
from gfla.animate.authors.face_maps import SIDE, face_maps, picture_edges


def near(seen: np.ndarray) -> np.ndarray:
    """Where something is seen within a pixel."""
    return cv2.dilate(seen.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


@pytest.mark.parametrize("case", ["a", "b", "c"])
def test_channels_are_the_authors_own(case):
    given = np.load(vectors() / "face_structure.npz")
    image, points, label = (given[f"{case}.{name}"] for name in ("image", "points", "label"))
    maps = face_maps(points.astype(np.float64), image.shape[:2], picture_edges(image))
    assert np.array_equal(maps[15], label)
    assert np.abs(255 * maps[1:15] - given[f"{case}.distance"]).max() <= 1.001
    seen, expected = maps[0] > 0, given[f"{case}.edge"] > 0
    curves, on_face = expected & (label > 0), label > 0
    assert (seen & curves).sum() >= 0.93 * curves.sum()
    assert near(seen)[curves].all()
    assert near(expected)[seen & on_face].all()
    assert near(seen)[expected].mean() >= 0.99
    assert near(expected)[seen].mean() >= 0.985
    assert set(np.unique(np.rint(255 * maps[0]))) == {0, 254, 255}


def test_a_curve_is_single_pixels_and_distances_count_from_it():
    points = plain_face().astype(np.float64)
    points[17:22] = [(70, 90), (80, 86), (90, 84), (100, 86), (110, 90)]
    maps = face_maps(points, (SIDE, SIDE), np.zeros((SIDE, SIDE), bool))
    brow = maps[2]  # of channel 0 all edges, 1 the outline
    assert brow[90, 70] == brow[86, 80] == brow[84, 89] == 0
    assert brow[92, 70] == pytest.approx(0 / 255)  # two pixels are less than a step of three
    assert brow[96, 70] == pytest.approx(2 / 255)
    assert brow[0, 70] > brow[60, 70] > 0
    assert {int(value) for value in np.unique(maps[15])} == set(range(7))
    assert maps[15, 152, 128] == 3
    assert maps[15, 2, 2] == 0


def test_edges_of_the_picture_count_outside_the_face_alone():
    edges = np.zeros((SIDE, SIDE), bool)
    edges[10], edges[:, 128] = True, True
    without = face_maps(plain_face(), (SIDE, SIDE), np.zeros_like(edges))
    maps = face_maps(plain_face(), (SIDE, SIDE), edges)
    assert (maps[0, 10] > 0).all()
    on_face = maps[15] > 0
    assert np.array_equal(maps[0][on_face], without[0][on_face])


def test_another_drivers_target_keeps_the_sources_edges_where_it_does_not_move():
    """Edges far from the face stay where they are; those under the moved face are dropped."""
    face = np.full((SIDE, SIDE, 3), 60, np.uint8)
    face[:, :14] = 220
    own, moved = plain_face(), plain_face() + np.array((10, 4), np.float32)
    still, target = guidance_of(own, face), guidance_towards(moved, own, face)
    assert (still[0, 5:-5, 12:16] > 0).any(axis=1).all()
    assert (target[0, 5:-5, 11:17] > 0).any(axis=1).mean() > 0.95
    assert not np.array_equal(still[1:], target[1:])
    np.testing.assert_array_equal(guidance_towards(own, own, face)[1:], still[1:])
    assert torch.from_numpy(target).dtype == torch.float32
