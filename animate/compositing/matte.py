"""A portrait taken apart by its matte (`matting`), once: the background plate behind the person, and what
goes with the head."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face.pose import face_pose
from ..matting import disc

Image = NDArray[np.uint8]
Grey = NDArray[np.float32]

_SMALL = 96  # longer side, pixels, of the picture in which a plate is filled
_RIM = 0.018  # of the longer side: how far the person's colours reach past its matte
_PERSON = 0.02  # a matte above this shows the person
_NOTHING = 0.98  # of the picture: more than this cannot be the person alone
_NECK = 0.9  # from the chin to where nothing goes with the head, in the way from eyes to chin
_SHOULDER = 0.3  # that way grows with the distance from the head's axis: shoulders reach as high as the chin
_BESIDE = (1.9, 2.7)  # from the head's axis, in the same: whole and none goes with the head, as a raised arm


def background_plate(image: Image, matte: NDArray[np.floating]) -> Image:
    """The background as if the person were not there, smooth behind it: (H, W, 3) uint8.

    image: (H, W, 3) uint8 RGB. matte: (H, W) float32 in [0, 1], one on the person. The plate is `image`, bit
    for bit, further than 8 % of the longer side from where the matte is above 0.02; nearer there could be
    colours of the person. If that is nowhere, the plate has the picture's mean colour.
    """
    longer = max(matte.shape)
    rim = max(1, round(_RIM * longer))
    grown = cv2.dilate((matte > _PERSON).astype(np.uint8), disc(rim))
    if grown.mean() > _NOTHING:  # the network is not sure of anything
        grown = cv2.dilate((matte > 0.5).astype(np.uint8), disc(rim))
    if not grown.any():
        return image.copy()
    if grown.all():
        return np.broadcast_to(np.rint(image.mean((0, 1))), image.shape).astype(np.uint8)
    fill = _filled(image, grown, min(1.0, _SMALL / longer))
    soft = cv2.blur(cv2.dilate(grown, disc(rim)).astype(np.float32), (2 * rim + 1, 2 * rim + 1))
    weight = np.where(grown > 0, np.float32(1), soft * soft)[..., None]
    return np.rint(image + weight * (fill - image)).astype(np.uint8)


def head_share(landmarks: NDArray[np.floating], matte: NDArray[np.floating]) -> Grey:
    """How far each place goes with the head: (H, W) float32 in [0, 1].

    One on the face, hair, ears and hat; from the chin to the shoulders it falls to zero. It goes on smoothly
    beyond the person: what is in the background does not move, whatever its share. landmarks: (68, 2) or
    more, pixels of the matte, x then y. matte: (H, W) float32 in [0, 1]; it shows where the neck ends.
    """
    points = np.asarray(landmarks[:68], np.float64)
    roll = face_pose(points.astype(np.float32)).roll
    eyes, chin = points[36:48].mean(0), points[8]
    down, across = np.array([-np.sin(roll), np.cos(roll)]), np.array([np.cos(roll), np.sin(roll)])
    unit = max(float((chin - eyes) @ down), 0.5 * float(np.linalg.norm(points[45] - points[36])), 1.0)
    height, width = matte.shape
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    below = ((xs - chin[0]) * down[0] + (ys - chin[1]) * down[1]) / unit
    beside = np.abs((xs - eyes[0]) * across[0] + (ys - eyes[1]) * across[1]) / unit
    neck = _neck(matte, below, beside)
    below += _SHOULDER * np.maximum(beside - 0.9, 0) ** 2
    lower = _falling(below, 0.0, neck)
    return (lower * _falling(beside, *_BESIDE)).astype(np.float32)


def _filled(image: Image, missing: NDArray, scale: float) -> NDArray[np.float32]:
    """The picture filled where `missing` (H, W) is not zero, at a small size: (H, W, 3) float32."""
    height, width = missing.shape
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    there = (missing == 0).astype(np.float32)
    small = cv2.resize(image * there[..., None], size, interpolation=cv2.INTER_AREA)
    seen = cv2.resize(there, size, interpolation=cv2.INTER_AREA)
    known = seen >= min(0.25, float(seen.max()))
    mean = np.clip(small / np.maximum(seen, 1e-3)[..., None], 0, 255).astype(np.uint8)
    filled = cv2.inpaint(mean, (~known).astype(np.uint8), 4, cv2.INPAINT_TELEA).astype(np.float32)
    for window in (17, 9, 5, 3):  # inpainting leaves creases: relax them to the smoothest picture
        for _ in range(24):
            filled = np.where(known[..., None], filled, cv2.blur(filled, (window, window)))
    return cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255)


def _neck(matte: NDArray[np.floating], below: Grey, beside: Grey) -> float:
    """How far below the chin the shoulders begin, in the way from eyes to chin: where the person is twice as
    wide as just below the chin, if there is such a place."""
    steps = np.linspace(0.1, _NECK, 17)
    rows = np.digitize(below, steps)
    near = beside < 2.5
    widths = np.array([float(matte[(rows == k) & near].sum()) for k in range(1, len(steps))])
    areas = np.array([float(((rows == k) & near).sum()) for k in range(1, len(steps))])
    filled = widths / np.maximum(areas, 1)
    wide = np.flatnonzero(filled > 2 * max(filled[0], 0.1)) if areas[0] else []
    return float(np.clip(steps[wide[0]] + 0.25, 0.45, _NECK)) if len(wide) else _NECK


def _falling(values: Grey, whole: float, none: float) -> Grey:
    """One up to `whole`, zero from `none` on, smooth between."""
    ramp = np.clip((values - whole) / (none - whole), 0, 1)
    return (1 - ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
