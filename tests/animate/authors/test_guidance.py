"""Persons and views as the released networks take them: heat maps, skeletons, codes."""

import numpy as np
import torch
from authors import vectors
from gfla.animate.authors.guidance import draw_skeleton, original_structure
from gfla.animate.authors.skeletons import COCO_LIMBS, HUMAN36M_LIMBS, coco17, human36m
from gfla.models import CONFIGS, OriginalConfig


def config(name: str) -> OriginalConfig:
    found = CONFIGS[name]
    assert isinstance(found, OriginalConfig)
    return found


def test_dance_channels_are_the_authors_own():
    given = np.load(vectors() / "dance_structure.npz")
    height, width = given["frame_size"]
    noisy = given["noisy_openpose18"].copy()
    noisy[(noisy == 0).all(axis=1)] = np.nan
    for joints, source, name in ((coco17(noisy), True, "noisy"), (given["clean_h36m17"], False, "clean")):
        scaled = (joints * (256 / width, 256 / height)).astype(np.float32)
        maps = original_structure(config("authors-dance"), torch.from_numpy(scaled)[None], source=source)
        heat, drawn = maps[0, :17].permute(1, 2, 0).numpy(), maps[0, 17:].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(heat, given[f"{name}_heat"] / 65535, atol=2e-5)
        np.testing.assert_array_equal(drawn, given[f"{name}_rgb"])


def test_a_skeleton_has_white_limbs_under_squares_of_a_colour_each():
    joints = np.full((17, 2), np.nan)
    joints[0], joints[1], joints[3] = (4.9, 5.2), (14, 5), (14, 15)
    image = draw_skeleton(joints, COCO_LIMBS, (20, 20))
    assert image[5, 9].tolist() == [255, 255, 255]
    assert image[10, 14].tolist() == [255, 255, 255]
    assert image[5, 4].tolist() == [0, 0, 0]  # the first joint is black
    assert image[4:7, 13:16].reshape(-1, 3).tolist() == [[128, 0, 0]] * 9
    assert image[15, 14].tolist() == [128, 128, 0]
    assert image[10, 4].tolist() == [0, 0, 0]
    joints[1] = (-30, 60)  # outside the picture nothing is drawn, nor anything spoilt
    assert draw_skeleton(joints, HUMAN36M_LIMBS, (20, 20)).shape == (20, 20, 3)


def test_openposes_joints_become_both_skeletons():
    joints = np.arange(36, dtype=np.float32).reshape(18, 2)
    assert coco17(joints)[:3].tolist() == [[0, 1], [30, 31], [28, 29]]  # nose, left eye, right eye
    assert coco17(joints)[9].tolist() == [14, 15]  # left wrist
    known = human36m(joints)
    assert known[0].tolist() == [19, 20]  # between the hips
    assert known[[8, 16, 13]].tolist() == [[2, 3], [8, 9], [14, 15]]  # neck, right wrist, left wrist
    joints[11] = np.nan
    assert np.isnan(human36m(joints)[[0, 4, 7]]).all()


def test_a_persons_joints_are_cut_to_whole_pixels():
    joints = torch.full((1, 18, 2), torch.nan)
    joints[0, 4] = torch.tensor((30.9, 70.2))
    maps = original_structure(config("authors-market"), joints, source=False)
    assert maps.shape == (1, 18, 128, 64)
    assert maps[0, 4, 70, 30] == 1
    torch.testing.assert_close(maps[0, 4, 76, 30], torch.tensor(-0.5).exp())  # sigma is 6 at any size
    assert maps[0, :4].abs().max() == maps[0, 5:].abs().max() == 0


def test_a_view_is_a_code_of_eight_cells_a_side():
    code = original_structure(config("authors-car"), torch.tensor([[[220.0, 10.0]]]), source=False)
    assert code.shape == (1, 21, 8, 8)
    assert code[0, :, 3, 5].nonzero().flatten().tolist() == [11, 19]
    assert (code == code[..., :1, :1]).all()
