"""A driver's fine motion: what skin and hair did since a shot's first frame beside what the landmarks say.

68 points and a spline through them leave out cheeks, forehead and hair, and err by a pixel or two between the
points. The shot's first frame, carried to now by the generator's own spline, is compared with the frame of
now by dense optical flow (DIS, Kroeger et al. 2016); what remains is the fine motion. The generator adds it
to its spline (`models.priors.spline`).

It is a field over an upright square around the face: (CELLS, CELLS, 2), x then y, at the centres of cells,
int8 in units of UNIT of the square's side. Backward, as all flows: what is at x now lay at x + field(x) in
the carried first frame.
"""

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ...models.priors.spline import Spline
from ..ibug68 import LIDS, LIPS, OUTER_OF_INNER
from ..matting import portrait_matte
from .pose import CROP_MARGIN, crop_matrix, face_pose, transform, warp
from .registration import trust

Fine = NDArray[np.int8]
Field = NDArray[np.float32]

CELLS = 32
"""Cells along the square's side."""
UNIT = 1 / 2048
"""Of the square's side: one step of the field, which ends at 127 of them."""
_ACROSS = np.array([*LIDS, *LIPS, *((OUTER_OF_INNER[up], OUTER_OF_INNER[low]) for up, low in LIPS)])
_SIDE = 256  # pixels of the squares; compared are halves of them, for what is read at its scale is blurred
_WIDE = 2.2  # a square's side in faces, as of the crops that are animated (`crop`)
_RAISE = 0.15  # faces from the middle of the landmarks up to the square's
_STRIDE = 4  # pixels between the places at which the spline is evaluated
_SMOOTH = 1.0  # pixels: the radius over which the flow is averaged
_NEAR, _FARTHEST = 0.047, 0.03  # of the side: that radius around another's face, and the largest motion there


class FineKey(NamedTuple):
    """The face that later frames are compared with.

    crop: (256, 256) uint8 grey, upright. points: (70, 2) float32 pixels of the crop, its landmarks and
    shoulders. person: (256, 256) float32 in [0, 1], its matte: what moves behind a driver is no motion of a
    portrait's.
    """

    crop: NDArray[np.uint8]
    points: NDArray[np.float32]
    person: NDArray[np.float32]

    @classmethod
    def of(cls, image: NDArray[np.uint8], points: NDArray[np.float32]) -> "FineKey":
        """The face with `points` (70, 2), landmarks and shoulders, in a frame (H, W, 3) RGB."""
        square, matrix = _upright(image, points)
        crop = cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)
        return cls(crop, transform(matrix, points), portrait_matte(square))  # type: ignore[arg-type]


def fine_motion(image: NDArray[np.uint8], points: NDArray[np.float32], key: FineKey) -> Fine:
    """The field of the face with `points` (70, 2) in the frame `image` (H, W, 3) RGB, since `key`."""
    square, matrix = _upright(image, points)
    places = transform(matrix, points)
    spline = Spline.through(torch.from_numpy(places)[None], _SIDE, _STRIDE, "head")
    cells = spline.flow(torch.from_numpy(key.points)[None, None])[0, 0].permute(1, 2, 0).numpy()
    at = cv2.resize(cells, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR) + _GRID
    carried, person = (_halved(_read(part, at)) for part in (key.crop, key.person))
    crop = _halved(cv2.cvtColor(square, cv2.COLOR_RGB2GRAY))
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(0)
    flow = search.calc(crop, carried, None)  # type: ignore[call-overload]
    flow = cv2.GaussianBlur(flow * person[..., None], (0, 0), _SMOOTH)
    flow = cv2.resize(flow, (CELLS, CELLS), interpolation=cv2.INTER_AREA) * np.float32(trust(crop, carried))
    return np.rint(flow / (UNIT * _SIDE / 2)).clip(-127, 127).astype(np.int8)


def of_another(field: NDArray, points: NDArray[np.float32]) -> Field:
    """A field (n, n, 2) as far as another person may follow it: on the face, whose landmarks are `points` (68
    or more, 2) of any picture, as it is; around it hair and clothes are not alike, and only what they do as a
    whole is kept, within limits."""
    side = len(field)
    if side == 1:
        return field.astype(np.float32)
    field, near, far = field.astype(np.float32), _NEAR * side, _FARTHEST / UNIT
    coarse = cv2.GaussianBlur(field, (0, 0), near).clip(-far, far)
    places = transform(square_matrix(points, side), points[:68])
    face = np.zeros((side, side), np.float32)
    cv2.fillConvexPoly(face, cv2.convexHull(places.round().astype(np.int32)), 1.0)
    face = cv2.GaussianBlur(face, (0, 0), near / 2)[..., None]
    return (coarse + face * (field - coarse)).astype(np.float32)


def onto(
    field: NDArray, face: NDArray[np.float32], matrix: NDArray[np.float64], size: int, stride: int
) -> Field:
    """A field, or a difference of two, for another picture: (2, n, n) float32 pixels of that picture, at the
    centres of its cells of `stride` pixels.

    face: (68 or more, 2) the landmarks of a face that moves so. matrix: (2, 3) from their pixels to the
    picture's, of side `size`. Beyond its square the field goes on as at its border.
    """
    to_square = square_matrix(face, len(field)) @ np.vstack((cv2.invertAffineTransform(matrix), (0, 0, 1)))
    cells = size // stride
    from_cells = np.array([[stride, 0, (stride - 1) / 2], [0, stride, (stride - 1) / 2], [0, 0, 1]])
    there = to_square @ from_cells  # from cells of the picture to those of the field
    read, beyond = cv2.WARP_INVERSE_MAP | cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
    moved = cv2.warpAffine(field.astype(np.float32), there, (cells, cells), flags=read, borderMode=beyond)
    back = np.linalg.inv(to_square[:, :2]) * (UNIT * len(field))
    return np.ascontiguousarray((moved @ back.T.astype(np.float32)).transpose(2, 0, 1))


def slack(said: NDArray, seen: NDArray) -> Field:
    """How far landmarks that are `said` to be (68 or more, 2) lie beside those `seen`, (68, 2) float32
    fractions of the face's upright square; of upper and lower lids and lips in their mean, since how far they
    open is the landmarks' alone."""
    seen = np.asarray(seen, np.float32)
    apart = (np.asarray(said, np.float32) - seen)[:68] @ square_matrix(seen, 1)[:, :2].T.astype(np.float32)
    apart[_ACROSS] = apart[_ACROSS].mean(1, keepdims=True)
    return apart


def slack_onto(apart: Field, face: NDArray[np.float32], size: int, stride: int) -> Field:
    """A `slack` (68, 2) of the face with landmarks `face` (68 or more, 2) as a field like `onto`'s: what a
    spline through landmarks that are beside the skin by so much lacks."""
    back = np.linalg.inv(square_matrix(face, 1)[:, :2]).T.astype(np.float32)
    points = torch.from_numpy(np.ascontiguousarray(face[:68], np.float32))[None]
    moved = points + torch.from_numpy(apart.astype(np.float32) @ back)
    return Spline.through(points, size, stride, "border").flow(moved[:, None])[0, 0].numpy()


def square_matrix(points: NDArray[np.float32], side: int) -> NDArray[np.float64]:
    """(2, 3) from a picture's pixels to those of the upright square, `side` wide, around the face `points`
    (68 or more, 2)."""
    matrix = crop_matrix(face_pose(points[:68]), side) * (CROP_MARGIN / _WIDE)
    middle = (side - 1) / 2
    matrix[:, 2] += middle * (1 - CROP_MARGIN / _WIDE) + np.array([0.0, _RAISE * side / _WIDE])
    return matrix


def _upright(
    image: NDArray[np.uint8], points: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The square of a face, and the matrix that leads to its pixels."""
    matrix = square_matrix(points, _SIDE)
    return warp(image, matrix, (_SIDE, _SIDE), cv2.BORDER_REPLICATE), matrix


def _read(square: NDArray, at: Field) -> NDArray:
    return cv2.remap(square, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore


def _halved(square: NDArray) -> NDArray:
    return cv2.resize(square, (_SIDE // 2, _SIDE // 2), interpolation=cv2.INTER_AREA)  # type: ignore


_GRID = np.stack(np.meshgrid(*2 * [np.arange(_SIDE, dtype=np.float32)]), axis=-1)
