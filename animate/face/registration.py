"""Landmarks made exact by the pixels: each frame's face is registered to the first one of its shot.

A landmarker finds every frame's points anew, each a pixel or two off in its own way, and the jaw's points lie
on an outline, not on skin. How far skin moved since the first frame can be read off the pixels: the first
frame's crop, carried by the landmarks' spline to where the landmarker says they are now, is compared with the
crop of now by dense optical flow (DIS, Kroeger et al. 2016), and the points are moved by what remains. They
stay tied to the landmarker's, so that nothing drifts.
"""

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ...models.priors.spline import Spline
from ..ibug68 import LIDS, LIPS
from .landmarks import Landmarks
from .pose import crop_matrix, face_pose, transform, warp

SIDE = 128
"""Side of the crops that are compared, pixels."""
_STRIDE = 8  # pixels between the places at which the spline is evaluated
_FINEST = 1  # the flow's finest level, half the crop's size: finer ones follow noise
_SMOOTH = 1.5  # pixels: the radius over which the flow is averaged
_FARTHEST = 2.5  # pixels: the largest correction along x or y, two hundredths of the crop
_ALIKE = (0.3, 0.6)  # correlation of the crops: below, no correction; above, all of it
_ACROSS = np.array([*LIDS, *LIPS])
"""Points across from each other in eyes and mouth: what opens and shuts between them is not skin that moves,
so their distance stays the landmarker's."""


class KeyFrame(NamedTuple):
    """The face that later frames are registered to.

    crop: (128, 128) uint8 grey, upright. points: (68, 2) float32, its landmarks in pixels of the crop.
    """

    crop: NDArray[np.uint8]
    points: NDArray[np.float32]

    @classmethod
    def of(cls, image: NDArray[np.uint8], found: Landmarks) -> "KeyFrame":
        """The face with landmarks `found` in a frame (H, W, 3) RGB."""
        crop, matrix = _upright(image, found)
        return cls(crop, transform(matrix, found.points))


def register(image: NDArray[np.uint8], found: Landmarks, key: KeyFrame) -> Landmarks:
    """`found`, a landmarker's in frame `image` (H, W, 3) RGB, moved to where the skin of `key` went.

    The irises stay. Where the two crops do not look alike, as after a change of person, so do the points.
    """
    crop, matrix = _upright(image, found)
    points = transform(matrix, found.points)
    expected = _carried(key, points)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(_FINEST)
    flow = cv2.GaussianBlur(search.calc(crop, expected, None), (0, 0), _SMOOTH)  # type: ignore[call-overload]
    shift = -_sample(flow, points).clip(-_FARTHEST, _FARTHEST) * np.float32(trust(crop, expected))
    shift[_ACROSS] = shift[_ACROSS].mean(1, keepdims=True)
    moved = transform(cv2.invertAffineTransform(matrix), points + shift)
    return Landmarks(moved, found.iris, found.score)


def correlation(before: NDArray, now: NDArray) -> float:
    """Of two grey pictures, or pixels, of one shape, in [-1, 1]."""
    a, b = (x.astype(np.float32) for x in (before, now))
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-6))


def _upright(image: NDArray[np.uint8], found: Landmarks) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The grey crop of a face and the matrix that leads to its pixels."""
    matrix = crop_matrix(face_pose(found.points), SIDE)
    return cv2.cvtColor(warp(image, matrix, (SIDE, SIDE)), cv2.COLOR_RGB2GRAY), matrix  # type: ignore[return-value]


def _carried(key: KeyFrame, points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The key frame's crop, its landmarks carried to `points` by the thin-plate spline."""
    spline = Spline.through(torch.from_numpy(points)[None], SIDE, _STRIDE)
    cells = spline.flow(torch.from_numpy(key.points)[None, None])[0, 0].permute(1, 2, 0).numpy()
    at = cv2.resize(cells, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) + _GRID
    return cv2.remap(key.crop, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore


def trust(crop: NDArray[np.uint8], expected: NDArray[np.uint8]) -> float:
    """How much a flow between two crops is to be believed, in [0, 1], by their correlation."""
    low, high = _ALIKE
    inner = slice(SIDE // 6, -SIDE // 6)
    alike = correlation(crop[inner, inner], expected[inner, inner])
    return min(max((alike - low) / (high - low), 0.0), 1.0)


def _sample(field: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """A field (H, W, 2) at points (N, 2): (N, 2)."""
    at = np.ascontiguousarray(points)[None]
    return cv2.remap(field, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]  # type: ignore


_GRID = np.stack(np.meshgrid(*2 * [np.arange(SIDE, dtype=np.float32)]), axis=-1)
