"""Poses made ready for the dance network: gaps closed, the cleaner's windows joined, units undone."""

import numpy as np
import pytest
import torch
from gfla.animate.authors.skeletons import coco17
from gfla.animate.errors import InputError
from gfla.animate.pose_transfer.dance import clean_poses, open_cleaner
from gfla.models.original.cleaner import REACH, SkeletonCleaner


class Middle(SkeletonCleaner):
    """Gives the joints back as they are; remembers what it was given."""

    def __init__(self):
        super().__init__()
        self.seen: list[torch.Tensor] = []

    def forward(self, joints: torch.Tensor) -> torch.Tensor:
        self.seen.append(joints)
        return joints[..., REACH:-REACH]


def moving(count: int) -> list[np.ndarray]:
    still = np.random.default_rng(0).uniform(20, 80, (18, 2)).astype(np.float32)
    return [still + index for index in range(count)]


def test_windows_are_of_the_length_in_training_and_joined():
    poses, cleaner = moving(50), Middle()
    cleaned = clean_poses(poses, (100, 100), cleaner)
    np.testing.assert_allclose(cleaned, coco17(np.stack(poses)), atol=1e-4)
    assert [tuple(seen.shape) for seen in cleaner.seen] == [(1, 34, 104)] * 3
    first = cleaner.seen[0][0]
    assert torch.equal(first[:, 0], first[:, REACH])  # before the first frame the first
    own = coco17(poses[0])
    np.testing.assert_allclose(first[:17, REACH], own[:, 1] / 50 - 1, atol=1e-5)  # all y, then all x
    np.testing.assert_allclose(first[17:, REACH], own[:, 0] / 50 - 1, atol=1e-5)


def test_a_wide_picture_is_measured_by_its_width():
    cleaner = Middle()
    pose = np.full((18, 2), (200, 50), np.float32)
    (cleaned,) = clean_poses([pose], (200, 100), cleaner)
    np.testing.assert_allclose(cleaned, np.full((17, 2), (200, 50)), atol=1e-4)
    assert float(cleaner.seen[0].max()) == 1
    assert float(cleaner.seen[0][0, :17].abs().max()) == 0


def test_what_is_unknown_lies_between_what_is_known():
    poses = moving(5)
    expected = coco17(np.stack(poses))
    poses[2] = np.full((18, 2), np.nan, np.float32)
    poses[1][4] = np.nan
    np.testing.assert_allclose(clean_poses(poses, (100, 100), Middle()), expected, atol=1e-4)
    for pose in poses:
        pose[[4, 16]] = np.nan  # the right wrist and ear, in no frame
    cleaned = np.stack(clean_poses(poses, (100, 100), Middle()))
    np.testing.assert_allclose(cleaned[:, 10], expected[:, 8], atol=1e-4)  # at the elbow
    np.testing.assert_allclose(cleaned[:, 4], expected[:, 2], atol=1e-4)  # at the eye
    alone = np.full((18, 2), np.nan, np.float32)
    alone[0] = (30, 40)
    np.testing.assert_allclose(
        clean_poses([alone], (100, 100), Middle())[0], np.full((17, 2), (30, 40)), atol=1e-4
    )


def test_a_file_of_another_kind_is_no_cleaner(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        open_cleaner(tmp_path / "nowhere.safetensors")
