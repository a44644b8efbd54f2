"""The shape of the drawn head: a face by seed, its relief, and how the relief turns.

Head coordinates: x right, y down, z to the viewer; 1 = half the width of the face (70 mm); the eyes at y = 0.
The relief is a map of depth z over (x, y), GRID pixels to a unit, pixel centres at integers.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from ...ibug68 import MIRROR

SIZE = 256  # side of a frame, pixels
UNIT = 66.0  # pixels of a frame in one head unit
GRID = 140.0  # pixels of the relief in one head unit
CORNER = (-1.7, -2.0)  # the relief's upper left corner
RELIEF = (int(3.4 * GRID), int(4.0 * GRID))  # its width and height, pixels
JAW_TOP = 0.8  # below this height (head units) skin follows the jaw
PIVOT = np.array([0.0, 0.5, -0.7])  # the head turns about the top of the neck

# A generic face: iBUG number, x, y of the image's left half.
FACE = """
0 -1 0  1 -0.995 0.2  2 -0.97 0.41  3 -0.93 0.62  4 -0.86 0.84
5 -0.75 1.06  6 -0.56 1.29  7 -0.32 1.475  8 0 1.55
17 -0.87 -0.25  18 -0.73 -0.36  19 -0.56 -0.4  20 -0.39 -0.37  21 -0.23 -0.31
27 0 -0.02  28 0 0.17  29 0 0.36  30 0 0.52  31 -0.22 0.63  32 -0.11 0.67  33 0 0.69
36 -0.67 0.01  37 -0.55 -0.085  38 -0.38 -0.09  39 -0.24 0.04  40 -0.37 0.085  41 -0.54 0.08
48 -0.38 0.965  49 -0.24 0.905  50 -0.09 0.86  51 0 0.885  57 0 1.15  58 -0.12 1.135  59 -0.26 1.07
60 -0.34 0.967  61 -0.12 0.974  62 0 0.984  66 0 0.99  67 -0.12 0.982
"""


@dataclass(frozen=True)
class Pose:
    """Pose and expression in one frame. Angles are degrees: yaw > 0 turns to the image's right, pitch > 0
    looks down, roll > 0 tilts clockwise in the image. x, y: shift of the head, pixels. wide and gaze: -1 to
    1, the others about 0 to 1."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0
    mouth: float = 0.0
    wide: float = 0.0
    smile: float = 0.0
    blink: float = 0.0
    brows: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0


def face_points(random: np.random.Generator) -> np.ndarray:
    p = np.zeros((68, 2))
    for number, x, y in np.array(FACE.split(), float).reshape(-1, 3):
        p[int(number)] = x, y
        p[MIRROR[int(number)]] = -x, y
    p[:17, 0] *= 1 + random.uniform(-0.06, 0.05) * np.abs(np.linspace(-1, 1, 17))
    p[:17, 1] *= random.uniform(0.95, 1.05)
    p[4:13, 0] *= random.uniform(0.95, 1.06)  # jaw
    p[31:36, 0] *= random.uniform(0.85, 1.2)  # nose
    p[48:68, 0] *= random.uniform(0.9, 1.1)  # mouth
    p[48:68, 1] = 0.98 + (p[48:68, 1] - 0.98) * random.uniform(0.85, 1.15)
    p[17:27, 1] += random.uniform(-0.05, 0.03)
    for eye, size in ((p[36:42], s := random.uniform(0.92, 1.12)), (p[42:48], s)):
        eye[:] = eye.mean(0) + (eye - eye.mean(0)) * (1, size)
    return p


def contour(p: np.ndarray) -> np.ndarray:
    """The closed contour of face and skull."""
    angle = np.linspace(0, -np.pi, 40)[1:-1]
    skull = np.stack([p[16, 0] * np.cos(angle), 1.38 * np.sin(angle)], 1)
    return np.concatenate([curve(p[:17]), skull])


def relief_depth(p: np.ndarray, outline: np.ndarray) -> np.ndarray:
    inside = (mask(outline, soft=0) > 0.5).astype(np.uint8)
    inward = cv2.distanceTransform(inside, cv2.DIST_L2, 5) / GRID
    z = -0.62 + 0.8 * (1 - (1 - np.clip(inward / 0.95, 0, 1)) ** 2.1)
    z = cv2.GaussianBlur(z.astype(np.float32), (0, 0), 0.1 * GRID)
    x, y = np.meshgrid(CORNER[0] + np.arange(RELIEF[0]) / GRID, CORNER[1] + np.arange(RELIEF[1]) / GRID)

    def bump(cx: float, cy: float, sx: float, sy: float) -> np.ndarray:
        return np.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2)

    z += 0.55 * np.clip((y - 0.7) / 0.85, 0, 1) * np.exp(-((x / 0.7) ** 2))  # the chin is forward of the jaw
    along = np.clip((y + 0.1) / (p[30, 1] + 0.1), 0, 1)
    ridge = (
        along**1.2 * (0.04 + 0.34 * along) / 0.38 * 0.36 * (1 / (1 + np.exp((y - p[33, 1] + 0.06) / 0.035)))
    )
    z += ridge * np.exp(-((x / (0.11 + 0.08 * along)) ** 2)) + 0.06 * bump(0, -0.1, 0.12, 0.3)
    for side in (-1, 1):
        z += 0.1 * bump(side * p[35, 0] * 0.8, p[33, 1] - 0.07, 0.08, 0.08)
        z -= 0.13 * bump(side * 0.44, 0.0, 0.24, 0.15)
        z += 0.07 * bump(side * 0.44, 0.0, 0.17, 0.1)
        z += 0.06 * bump(side * 0.45, -0.32, 0.35, 0.1)
        z += 0.06 * bump(side * 0.6, 0.45, 0.28, 0.2)
    z += (
        0.1 * bump(0, p[51, 1], 0.3, 0.1)
        + 0.09 * bump(0, p[57, 1] - 0.05, 0.24, 0.07)
        - 0.05 * bump(0, p[57, 1] + 0.09, 0.2, 0.06)
    )
    return cv2.GaussianBlur(z.astype(np.float32), (0, 0), 0.018 * GRID)


def normals(depth: np.ndarray) -> np.ndarray:
    dy, dx = np.gradient(depth * GRID)
    n = np.stack([-dx, -dy, np.ones_like(dx)], -1)
    return (n / np.linalg.norm(n, axis=-1, keepdims=True)).astype(np.float32)


def rotation(pose: Pose) -> np.ndarray:
    yaw, pitch, roll = np.deg2rad([pose.yaw, pose.pitch, pose.roll])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def unturn(
    depth: np.ndarray, flat: np.ndarray, lift: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The point q on the relief that each pixel of the doubled frame shows: solves flat @ q + lift z(q) +
    shift = pixel by fixed-point iteration, which converges while the relief is not steeper than the line of
    sight."""
    axis = (np.arange(2 * SIZE) + 0.5) / 2 - 0.5  # pixel centres of the doubled frame, in pixels of the frame
    target = np.stack(np.meshgrid(axis, axis), -1) - shift
    back = np.linalg.inv(flat)
    start_x, start_y = cv2.split(pixels(target @ back.T).astype(np.float32))
    step_x, step_y = (GRID * back @ lift).astype(np.float32)
    x, y = start_x, start_y
    for _ in range(8):
        z = cv2.remap(depth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        x, y = start_x - step_x * z, start_y - step_y * z
    return x, y


def jaw_share(y: np.ndarray) -> np.ndarray:
    t = np.clip((y - JAW_TOP) / 0.75, 0, 1)
    return t * t * (3 - 2 * t)


def lowered(field: np.ndarray, drop: float) -> np.ndarray:
    """The relief's field with the jaw `drop` head units lower: row y moves to y + drop * ramp(y)."""
    top = int((JAW_TOP - CORNER[1]) * GRID)  # rows above stay
    rows = CORNER[1] + np.arange(top, field.shape[0]) / GRID
    source = (np.interp(rows, rows + drop * jaw_share(rows), rows) - CORNER[1]) * GRID
    low = np.clip(source.astype(int), 0, field.shape[0] - 2)
    share = (source - low).astype(np.float32).reshape(-1, *[1] * (field.ndim - 1))
    return np.concatenate([field[:top], field[low] + share * (field[low + 1] - field[low])])


def curve(points: np.ndarray, steps: int = 8) -> np.ndarray:
    """A Catmull-Rom line through the points."""
    p = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    a, b, c, d = p[:-3, None], p[1:-2, None], p[2:-1, None], p[3:, None]
    line = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.concatenate([line.reshape(-1, 2), points[-1:]])


def pixels(points: np.ndarray) -> np.ndarray:
    return (points - np.array(CORNER, np.float32)) * np.float32(GRID)


def fill(polygon: np.ndarray, shape: tuple[int, ...] | np.ndarray, soft: float) -> np.ndarray:
    mask = np.zeros(tuple(shape), np.uint8)
    cv2.fillPoly(mask, [np.rint(polygon * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    mask = mask.astype(np.float32) / 255
    return cv2.GaussianBlur(mask, (0, 0), soft) if soft else mask


def mask(polygon: np.ndarray, soft: float) -> np.ndarray:
    return fill(pixels(polygon), RELIEF[::-1], soft * GRID)
