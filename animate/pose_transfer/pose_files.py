"""A person's 18 joints, and poses of them read from OpenPose's or COCO's JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..io.paths import existing_file

Joints = NDArray[np.float32]
"""A pose: (18, 2) pixels, x then y, NaN where a joint is unknown."""

JOINTS = (
    "nose",
    "neck",
    "right shoulder",
    "right elbow",
    "right wrist",
    "left shoulder",
    "left elbow",
    "left wrist",
    "right hip",
    "right knee",
    "right ankle",
    "left hip",
    "left knee",
    "left ankle",
    "right eye",
    "left eye",
    "right ear",
    "left ear",
)
"""The 18 joints of a pose, in OpenPose's COCO order; right and left are the person's own."""

LIMBS = (
    (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10),
    (1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
"""Pairs of joints that a drawn skeleton connects."""

_BODY_25 = (*range(8), *range(9, 19))  # BODY_25 has the middle of the hips as its ninth
_COCO = (0, -1, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)  # -1: the neck, between the shoulders
_NO_KEYPOINTS = "neither OpenPose's nor COCO's keypoints"


def read_poses(path: str | os.PathLike) -> list[Joints]:
    """The poses of a file, or of a folder of OpenPose's files in order of names: one a frame.

    The largest person of a frame is taken; a frame without people is all NaN. The frames of a COCO file are
    its images in order of their ids. InputError if nothing can be read.
    """
    if Path(path).is_dir():
        files = sorted(Path(path).glob("*.json"))
        if not files:
            raise InputError(path, "a folder without .json files", "name one of OpenPose's")
        poses = [pose for file in files for pose in _read(file)]
    else:
        poses = _read(existing_file(path))
    if all(np.isnan(pose).all() for pose in poses):
        raise InputError(path, "there is nobody in it")
    return poses


def _read(path: Path) -> list[Joints]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(path, f"not JSON ({error})", "give OpenPose's or COCO's keypoints") from None
    try:
        if isinstance(content, dict) and "people" in content:
            return [_largest([_openpose(person) for person in content["people"]])]
        annotations = content.get("annotations", []) if isinstance(content, dict) else content
        frames: dict[Any, list[Joints]] = {}
        if isinstance(content, dict):
            frames = {image["id"]: [] for image in content.get("images", [])}
        for annotation in annotations:
            frames.setdefault(annotation["image_id"], []).append(_coco(annotation["keypoints"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(path, f"{_NO_KEYPOINTS} ({error!r})") from None
    if not frames:
        raise InputError(path, f"{_NO_KEYPOINTS}: it has no people or annotations")
    return [_largest(frames[key]) for key in sorted(frames)]


def _openpose(person: dict[str, Any]) -> Joints:
    numbers = person.get("pose_keypoints_2d") or person["pose_keypoints"]  # the name of old versions
    rows = np.array(numbers, np.float32).reshape(-1, 3)
    if len(rows) not in (18, 25):
        raise ValueError(f"{len(rows)} joints, not 18 or 25")
    return _unscored_to_nan(rows[list(_BODY_25)] if len(rows) == 25 else rows)


def _coco(numbers: list[float]) -> Joints:
    rows = np.array(numbers, np.float32).reshape(-1, 3)
    if len(rows) != 17:
        raise ValueError(f"{len(rows)} joints, not 17")
    joints = _unscored_to_nan(rows)
    neck = joints[[5, 6]].mean(0)
    return np.stack([neck if index < 0 else joints[index] for index in _COCO])


def _unscored_to_nan(rows: NDArray[np.float32]) -> Joints:
    joints = rows[:, :2].copy()
    joints[rows[:, 2] <= 0] = np.nan
    return joints


def _largest(people: list[Joints]) -> Joints:
    people = [joints for joints in people if not np.isnan(joints).all()]
    if not people:
        return np.full((18, 2), np.nan, np.float32)
    return max(people, key=lambda joints: float(np.ptp(joints[~np.isnan(joints[:, 0])], axis=0).prod()))
