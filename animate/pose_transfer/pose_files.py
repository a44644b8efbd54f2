"""A person's 18 joints, and poses of them read from OpenPose's or COCO's JSON."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..io.paths import existing_file

Joints = NDArray[np.float32]
"""A pose: (18, 2) pixels, x then y, NaN where a joint is unknown."""

Item = TypeVar("Item")

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
_FARTHEST = 1e5  # pixels; a joint beyond is a detector's mistake
_NO_KEYPOINTS = "neither OpenPose's nor COCO's keypoints"


def read_poses(path: str | os.PathLike) -> list[Joints]:
    """The poses of a file, or of a folder of OpenPose's files in order of names: one a frame.

    The largest person of a frame is taken; a frame without people is all NaN, and so is one whose file is
    missing between numbered files. The frames of a COCO file are its images in order of their ids, those of a
    list of results are counted by their ids as files by their numbers. InputError if nothing can be read.
    """
    if Path(path).is_dir():
        files = _in_order({file.stem: file for file in Path(path).glob("*.json")})
        if not files:
            raise InputError(path, "a folder without .json files", "name one of OpenPose's")
        poses = [pose for file in files for pose in (_read(file) if file else []) or [_unknown()]]
    else:
        poses = _read(existing_file(path))
    if not poses:
        raise InputError(path, f"{_NO_KEYPOINTS}: it has no people or annotations")
    if all(np.isnan(pose).all() for pose in poses):
        raise InputError(path, "there is nobody in it")
    return poses


def read_own_pose(picture: str | os.PathLike, given: str | os.PathLike | None) -> Joints:
    """The pose of the person in `picture`: the first one in the file or folder `given`, by default in the
    file beside it that ends in .json. InputError if there is none."""
    beside = Path(picture).with_suffix(".json")
    if given is None and not beside.exists():
        raise InputError(
            picture, f"its joints are not beside it, in {beside}", "name them with --source-pose"
        )
    path = beside if given is None else given
    pose = read_poses(path)[0]
    if np.isnan(pose).all():
        raise InputError(path, "there is nobody in its first frame", "give the joints of the picture")
    return pose


def _in_order(found: Mapping[str | int, Item], *, all_named: bool = False) -> list[Item | None]:
    """What is `found` in order of the last numbers in its names, or of the names; None for each that is
    missing between two, unless `all_named`."""
    digits = {name: re.findall(r"\d+", str(name)) for name in found}
    by_number = {int(numbers[-1]): found[name] for name, numbers in digits.items() if numbers}
    if len(by_number) < len(found):
        return [found[name] for name in sorted(found, key=str)]
    by_number = dict(sorted(by_number.items()))
    step = min((b - a for a, b in pairwise(by_number)), default=1)
    first, last = next(iter(by_number), 0), next(reversed(by_number), 0)
    alone = last - first >= 2 * step * len(found)  # these number something else
    if all_named or alone or any((number - first) % step for number in by_number):
        return list(by_number.values())
    return [by_number.get(number) for number in range(first, last + 1, step)]


def _unknown() -> Joints:
    return np.full((18, 2), np.nan, np.float32)


def _read(path: Path) -> list[Joints]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        remedy = "give OpenPose's or COCO's keypoints, which a detector makes of pictures or a video"
        raise InputError(path, f"not JSON ({error})", remedy) from None
    if isinstance(content, dict) and content.keys().isdisjoint(("people", "annotations", "images")):
        raise InputError(path, f"{_NO_KEYPOINTS}: it has no people or annotations")
    try:
        if isinstance(content, dict) and "people" in content:
            return [_largest([_openpose(person) for person in content["people"]])]
        annotations = content.get("annotations", []) if isinstance(content, dict) else content
        frames: dict[str | int, list[Joints]] = {}
        named = isinstance(content, dict) and "images" in content
        if named:
            frames = {image["id"]: [] for image in content["images"]}
        for annotation in annotations:
            frames.setdefault(annotation["image_id"], []).append(_coco(annotation["keypoints"]))
        ordered = _in_order(frames, all_named=named)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(path, f"{_NO_KEYPOINTS} ({error!r})") from None
    return [_largest(people or []) for people in ordered]


def _openpose(person: dict[str, Any]) -> Joints:
    numbers = person.get("pose_keypoints_2d") or person["pose_keypoints"]  # the name of old versions
    rows = np.array(numbers, np.float64).reshape(-1, 3)
    if len(rows) not in (18, 25):
        raise ValueError(f"{len(rows)} joints, not 18 or 25")
    return _known(rows[list(_BODY_25)] if len(rows) == 25 else rows)


def _coco(numbers: list[float]) -> Joints:
    rows = np.array(numbers, np.float64).reshape(-1, 3)
    if len(rows) != 17:
        raise ValueError(f"{len(rows)} joints, not 17")
    joints = _known(rows)
    neck = joints[[5, 6]].mean(0)
    return np.stack([neck if index < 0 else joints[index] for index in _COCO])


def _known(rows: NDArray[np.float64]) -> Joints:
    """The places of rows (N, 3) of x, y and score; NaN without a score or out of all bounds."""
    joints = rows[:, :2].copy()
    joints[~((rows[:, 2] > 0) & (np.abs(joints) < _FARTHEST).all(axis=1))] = np.nan
    return joints.astype(np.float32)


def _largest(people: list[Joints]) -> Joints:
    people = [joints for joints in people if not np.isnan(joints).all()]
    if not people:
        return _unknown()
    return max(people, key=lambda joints: float(np.ptp(joints[~np.isnan(joints[:, 0])], axis=0).prod()))
