"""Poses of a dance made ready for the authors' dance network: their skeleton cleaner over a whole sequence.

Detectors miss joints and shake; the cleaner looks at 40 frames on either side of each. It was trained on
square pictures: here the longer side counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...models.original.cleaner import REACH, SkeletonCleaner
from ...models.released import load_cleaner
from ..authors.skeletons import COCO_LIMBS, coco17
from ..errors import InputError
from .pose_files import Joints

_CHUNK = 24  # frames cleaned at once, as in training: the cleaner's norms depend on it
_NECK = ((0, 5), (0, 6))  # joins the head's joints to the body's


def clean_poses(
    poses: Sequence[Joints], size: tuple[int, int], cleaner: SkeletonCleaner
) -> list[NDArray[np.float32]]:
    """Poses (18, 2), pixels of a picture of `size` (width, height), NaN where unknown, as many of Human3.6M's
    (17, 2) without gaps. At least one joint is known somewhere, as `read_poses` ensures."""
    joints = _without_gaps(coco17(np.stack(poses)))
    half = max(size) / 2
    middle = np.array(size) / 2
    numbers = ((joints - middle) / half)[..., ::-1].transpose(2, 1, 0).reshape(34, -1)  # all y, then all x
    count = numbers.shape[1]
    last = -count % _CHUNK
    padded = np.pad(numbers, ((0, 0), (REACH, REACH + last)), mode="edge").astype(np.float32)
    rows = torch.from_numpy(padded).unfold(1, _CHUNK + 2 * REACH, _CHUNK).permute(1, 0, 2)
    with torch.inference_mode():
        cleaned = torch.cat([cleaner(row[None])[0] for row in rows], dim=1)[:, :count].numpy()
    cleaned = cleaned.reshape(2, 17, count).transpose(2, 1, 0)[..., ::-1]
    return list((cleaned * half + middle).astype(np.float32))


def open_cleaner(path: str | Path) -> SkeletonCleaner:
    """The cleaner that `gfla-import` wrote. InputError if it is none."""
    try:
        return load_cleaner(path)
    except ValueError as error:
        raise InputError(error) from None


def _without_gaps(joints: NDArray[np.float32]) -> NDArray[np.float64]:
    """(T, 17, 2) with what is unknown taken from the frames before and after, in a straight line; a joint
    that no frame shows lies on the nearest one that some frame does."""
    filled = joints.astype(np.float64)
    frames = np.arange(len(joints))
    for joint in range(joints.shape[1]):
        shown = np.isfinite(joints[:, joint]).all(axis=1)
        if shown.any():
            for axis in (0, 1):
                filled[:, joint, axis] = np.interp(frames, frames[shown], joints[shown, joint, axis])
    for _ in COCO_LIMBS:  # as far as from one end of a skeleton to the other
        for pair in (*COCO_LIMBS, *_NECK):
            for here, there in (pair, pair[::-1]):
                if np.isnan(filled[0, here]).any():
                    filled[:, here] = filled[:, there]
    return filled
