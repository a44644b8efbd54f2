"""Joints from OpenPose's and COCO's JSON, old and new, written here by hand."""

import json

import numpy as np
import pytest
from gfla.animate.errors import InputError
from gfla.animate.pose_transfer.pose_files import JOINTS, read_poses


def openpose(path, *people, key="pose_keypoints_2d"):
    path.write_text(json.dumps({"people": [{key: np.array(p, float).flatten().tolist()} for p in people]}))
    return path


def rows(count, start=0.0):
    """Joint i at (10 i, 20 i) plus `start`, all known."""
    index = np.arange(count, dtype=float)
    return np.stack([10 * index + start, 20 * index + start, np.ones(count)], 1)


def test_body_25_leaves_out_the_middle_of_the_hips(tmp_path):
    body = rows(25)
    body[4, 2] = 0
    (pose,) = read_poses(openpose(tmp_path / "a.json", body))
    assert pose[JOINTS.index("right hip")].tolist() == [90, 180]
    assert pose[JOINTS.index("left ear")].tolist() == [180, 360]
    assert np.isnan(pose[JOINTS.index("right wrist")]).all()


def test_old_files_and_the_largest_person(tmp_path):
    small = rows(18) * (0.1, 0.1, 1)
    (pose,) = read_poses(openpose(tmp_path / "a.json", small, rows(18, 5), key="pose_keypoints"))
    assert pose[2].tolist() == [25, 45]


def test_coco_has_no_neck_and_another_order(tmp_path):
    keypoints = rows(17)
    keypoints[9, 2] = 0  # the left wrist
    content = {
        "images": [{"id": 7, "width": 100, "height": 100}, {"id": 3}],
        "annotations": [{"image_id": 7, "keypoints": keypoints.flatten().tolist()}],
    }
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(content))
    empty, pose = read_poses(path)
    assert np.isnan(empty).all()
    assert pose[JOINTS.index("neck")].tolist() == [55, 110]
    assert pose[JOINTS.index("right shoulder")].tolist() == [60, 120]
    assert pose[JOINTS.index("right eye")].tolist() == [20, 40]
    assert np.isnan(pose[JOINTS.index("left wrist")]).all()
    path.write_text(json.dumps(content["annotations"]))  # a list of results alone
    assert len(read_poses(path)) == 1


def test_a_folder_is_a_sequence(tmp_path):
    for index in (2, 1, 0):
        openpose(tmp_path / f"clip_{index:012d}_keypoints.json", rows(18, index))
    poses = read_poses(tmp_path)
    assert len(poses) == 3
    np.testing.assert_allclose(poses[1], rows(18, 1)[:, :2])


def test_a_folder_may_hold_cocos_results_a_file_a_frame(tmp_path):
    """A frame without anybody is an empty list; a file of something else is named."""
    seen = [{"image_id": 1, "keypoints": rows(17).flatten().tolist()}]
    (tmp_path / "1.json").write_text(json.dumps(seen), "utf-8-sig")
    for name, content in (("2", []), ("3", {"images": [], "annotations": []}), ("4", seen)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    known = [bool(np.isfinite(pose).any()) for pose in read_poses(tmp_path)]
    assert known == [True, False, False, True]
    (tmp_path / "2.json").write_text("{}")
    with pytest.raises(InputError, match=r"2\.json: neither .* it has no people"):
        read_poses(tmp_path)


def test_of_a_video_it_is_told_who_makes_poses_of_it(tmp_path):
    path = tmp_path / "dance.mp4"
    path.write_bytes(bytes((0, 0, 0, 32, 0xB6)) + b"ftypisom")
    with pytest.raises(InputError, match=r"dance\.mp4: not JSON .*which a detector makes of .* a video"):
        read_poses(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[]", "people"),
        ("{}", "people"),
        ('{"people": []}', "nobody"),
        ('{"people": [{}]}', "OpenPose"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, text, words):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as error:
        read_poses(path)
    assert "bad.json" in str(error.value)
    path.unlink()
    with pytest.raises(InputError, match="folder"):
        read_poses(tmp_path)


def results(path, ids):
    """COCO's results without images: joint i of the frame at place n in `ids` at (10 i + n, 20 i + n)."""
    people = [{"image_id": i, "keypoints": rows(17, n).flatten().tolist()} for n, i in enumerate(ids)]
    path.write_text(json.dumps(people))
    return path


def noses(poses):
    return [None if np.isnan(pose[0, 0]) else int(pose[0, 0]) for pose in poses]


def test_frames_of_results_are_in_order_of_their_numbers_and_none_is_lost(tmp_path):
    """Detectors leave out frames without a person; AlphaPose's ids are names of pictures."""
    path = tmp_path / "results.json"
    assert noses(read_poses(results(path, ["10.jpg", "9.jpg", "12.jpg"]))) == [1, 0, None, 2]
    assert noses(read_poses(results(path, [4, 2, 3]))) == [1, 2, 0]
    assert noses(read_poses(results(path, [5, 900000, 7]))) == [0, 2, 1]  # numbers of something else
    assert noses(read_poses(results(path, ["b", "a"]))) == [1, 0]
    assert noses(read_poses(results(path, [3, "2"]))) == [1, 0]
    for index in (3, 10**30):  # a number that no range can hold
        openpose(tmp_path / f"f{index}.json", rows(18, index % 100))
    path.unlink()
    assert noses(read_poses(tmp_path)) == [3, 0]


@pytest.mark.parametrize("far", [1e30, 1e300, -1e6, float("inf"), float("nan")])
def test_a_joint_out_of_all_bounds_is_unknown(tmp_path, far):
    body = rows(18)
    body[4, :2] = far, 50
    (pose,) = read_poses(openpose(tmp_path / "a.json", body))
    assert np.isnan(pose[4]).all()
    assert np.isfinite(np.delete(pose, 4, axis=0)).all()
    body[:, 1] = far
    with pytest.raises(InputError, match="nobody"):
        read_poses(openpose(tmp_path / "a.json", body))


@pytest.mark.parametrize("text", ["[" * 100000, f'[{{"image_id": 1, "keypoints": [{10**400}]}}]'])
def test_numbers_and_nesting_beyond_measure_are_refused(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"bad\.json"):
        read_poses(path)
