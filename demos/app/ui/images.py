"""Pictures for the page: cropped faces with landmarks drawn on them, embedded in the HTML."""

import base64

import cv2
import numpy as np
from gfla.animate.face.crop import FaceSquare, crop, to_crop
from numpy.typing import NDArray

Image = NDArray[np.uint8]

SIDE = 360
"""Pixels of the faces in the preview."""
_INK, _EYE = (94, 234, 212), (253, 186, 116)
_NIGHT = (24, 27, 37)
# iBUG-68: each of these is one line; True: closed.
_LINES = (
    (range(0, 17), False),
    (range(17, 22), False),
    (range(22, 27), False),
    (range(27, 31), False),
    (range(31, 36), False),
    (range(36, 42), True),
    (range(42, 48), True),
    (range(48, 60), True),
    (range(60, 68), True),
)


def data_url(image: Image, quality: int = 85) -> str:
    """RGB (H, W, 3) uint8 as a JPEG for an <img>'s src."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg(image, quality)).decode()}"


def jpeg(image: Image, quality: int = 85) -> bytes:
    """RGB (H, W, 3) uint8 as the bytes of a JPEG."""
    bgr = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def shrink(image: Image, side: int) -> Image:
    """The picture with at most `side` pixels on its longer side; never enlarged."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def crop_face(image: Image, square: FaceSquare) -> Image:
    """The face alone, (SIDE, SIDE, 3)."""
    return crop(image, square, SIDE)


def crop_marked_face(image: Image, points: NDArray[np.float32], square: FaceSquare) -> Image:
    """The face with its landmarks, (70, 2) pixels of `image`: 68 in iBUG order and the irises."""
    return draw_landmarks(crop_face(image, square), to_crop(points, square, SIDE))


def draw_landmarks(image: Image, points: NDArray[np.floating]) -> Image:
    """A copy of the picture with landmarks, (70, 2) or (68, 2) in its own pixels."""
    drawn = np.ascontiguousarray(image).copy()
    thick = max(1, round(image.shape[0] / 200))
    at = np.rint(points * 8).astype(np.int32)  # eighths of pixels
    for line, closed in _LINES:
        path = at[list(line)][:, None]
        cv2.polylines(drawn, [path], closed, (0, 0, 0), thick + 2, cv2.LINE_AA, 3)
        cv2.polylines(drawn, [path], closed, _INK, thick, cv2.LINE_AA, 3)
    for x, y in at[68:]:
        cv2.circle(drawn, (int(x), int(y)), 8 * (thick + 2), _EYE, thick, cv2.LINE_AA, 3)
    return drawn


def wireframe(points: NDArray[np.floating]) -> Image:
    """Landmarks alone, as large as fits, (SIDE, SIDE, 3): a motion template has no picture."""
    low, high = points[:68].min(0), points[:68].max(0)
    placed = (points - (low + high) / 2) * (0.62 * SIDE / float((high - low).max())) + SIDE / 2
    return draw_landmarks(np.full((SIDE, SIDE, 3), _NIGHT, np.uint8), placed)
