"""The two skeletons of the released dance networks, and how OpenPose's 18 joints become them.

A reference's has COCO's 17 joints, a target's those of Human3.6M, as the skeleton cleaner gives them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Joints = NDArray[np.floating]

COCO_LIMBS = (
    (0, 1), (0, 2), (1, 3), (2, 4), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12), (11, 12),
    (11, 13), (13, 15), (12, 14), (14, 16),
)  # fmt: skip
HUMAN36M_LIMBS = (
    (0, 1), (1, 2), (2, 3), (0, 4), (4, 5), (5, 6), (0, 7), (7, 8), (8, 9), (9, 10), (8, 11), (11, 12),
    (12, 13), (8, 14), (14, 15), (15, 16),
)  # fmt: skip
"""Pairs of joints that are drawn connected."""

_COCO = (0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10)
_HUMAN36M = {1: 8, 2: 9, 3: 10, 4: 11, 5: 12, 6: 13, 8: 1, 11: 5, 12: 6, 13: 7, 14: 2, 15: 3, 16: 4}
_UP = {9: 0.54, 10: 1.46}  # chin and top of the head, from the neck, over the nose's distance


def coco17(joints: Joints) -> Joints:
    """OpenPose's joints (..., 18, 2) as COCO's (..., 17, 2): nose, then left before right; NaN stays."""
    return joints[..., list(_COCO), :]


def human36m(joints: Joints) -> Joints:
    """OpenPose's joints (..., 18, 2) as Human3.6M's (..., 17, 2), those it lacks from their neighbours."""
    known = np.full((*joints.shape[:-2], 17, 2), np.nan, joints.dtype)
    known[..., list(_HUMAN36M), :] = joints[..., list(_HUMAN36M.values()), :]
    neck, nose = joints[..., 1, :], joints[..., 0, :]
    known[..., 0, :] = (joints[..., 8, :] + joints[..., 11, :]) / 2
    known[..., 7, :] = (known[..., 0, :] + neck) / 2
    for joint, share in _UP.items():
        known[..., joint, :] = neck + share * (nose - neck)
    return known
