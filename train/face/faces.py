"""The tracker's training faces: clips, portraits, whole photographs, and backgrounds beside the faces.

There are few identities (about 200), so faces are also warped by their mesh as if the head were turned.
Images are RGB uint8; landmarks are 70 = 68 iBUG points and two irises.
"""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ...animate.face.pose import face_pose
from ...animate.ibug68 import EYE_CORNERS, LIDS, LIPS, MIRROR, NOSE
from ..data.clips import read_arrays

Image = NDArray[np.uint8]
Points = NDArray[np.float32]

# fmt: off
MESH = np.array([
    127, 234, 93, 132, 58, 172, 150, 176, 152, 400, 379, 397, 288, 361, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91, 78, 81, 13, 311, 308, 402, 14, 178, 468, 473,
])
# fmt: on
"""The 478-point mesh's points in iBUG order, then the two irises."""
SHUT = 0.6
"""Fraction of a clip's usual eye opening: the few frames below it are all used."""


@dataclass(frozen=True)
class Face:
    """An image with one face: points (70, 2) float32 pixels, and turn, the absolute yaw in degrees."""

    image: Image
    points: Points
    turn: float


@dataclass(frozen=True)
class FaceSet:
    """Training data in memory: faces by identity, whole photographs with one face, pictures without faces."""

    people: list[list[Face]]
    photographs: list[Face]
    backgrounds: list[Image]


def load_faces(data: Path, split: str = "train", every: int = 5) -> FaceSet:
    """Read one split of data/faces into memory: every n-th frame of its clips, and all with shut eyes."""
    rng = np.random.default_rng(0)
    people: dict[str, list[Face]] = {}
    photographs: list[Face] = []
    with open(data / "faces" / "index.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    for row in tqdm(rows, desc=f"reading {split} faces", disable=None):
        path = data / "faces" / row["file"]
        points, meshes = read_points(path.with_suffix(".npz")), read_meshes(path.with_suffix(".npz"))
        opening = eye_opening(points)
        chosen = (np.arange(len(points)) % every == 0) | (opening < SHUT * np.median(opening))
        frames = [(t, image) for t, image in read_frames(path) if chosen[t]]
        faces = [Face(image, points[t], float(abs(head_yaw(meshes[t])))) for t, image in frames]
        for (t, _), face in list(zip(frames, faces, strict=True))[:: max(1, len(faces) // 2)]:
            faces += [turned(face, meshes[t], rng) for _ in range(2)]
        people.setdefault(row["identity"], []).extend(faces)
        if row["kind"] == "portrait":
            photographs += whole_photograph(path, row, points[0])
    sources = [faces[int(rng.integers(len(faces)))] for faces in people.values() for _ in range(6)]
    backgrounds = [surroundings(face, rng) for face in sources + photographs * 10]
    return FaceSet(list(people.values()), photographs, [image for image in backgrounds if image is not None])


def read_points(path: Path) -> Points:
    """Points (T, 70, 2) float32 in the npz beside a clip or portrait, pixels of its 256 square."""
    points, mesh = read_arrays(path, "lmk68", "mesh")
    points, mesh = points.reshape(-1, 68, 2), mesh.reshape(-1, 478, 3)
    return np.concatenate([points, mesh[:, MESH[68:], :2]], 1).astype(np.float32)


def eye_opening(points: Points) -> NDArray[np.float32]:
    """Distance of the lids over the width of the less open eye, (...), from points (..., N, 2)."""
    upper, lower = (points[..., list(side), :] for side in zip(*LIDS, strict=True))
    gap = np.linalg.norm(upper - lower, axis=-1).reshape(*points.shape[:-2], 2, 2).mean(-1)
    corners = points[..., list(EYE_CORNERS), :]
    width = np.linalg.norm(corners[..., ::2, :] - corners[..., 1::2, :], axis=-1)
    return (gap / np.maximum(width, 1e-3)).min(-1)


def mouth_opening(points: NDArray) -> NDArray:
    """Distance of the inner lips over the nose's length, (...), from points (..., N, 2)."""
    upper, lower = (points[..., list(side), :] for side in zip(*LIPS, strict=True))
    nose = np.linalg.norm(points[..., NOSE[6], :] - points[..., NOSE[0], :], axis=-1)
    return np.linalg.norm(upper - lower, axis=-1).mean(-1) / np.maximum(nose, 1e-3)


def read_meshes(path: Path) -> NDArray[np.float32]:
    """Meshes (T, 478, 3) float32 in the npz beside a clip or portrait: x, y and depth in pixels, smaller is
    nearer."""
    return read_arrays(path, "mesh")[0].reshape(-1, 478, 3)


def head_yaw(mesh: NDArray[np.float32]) -> NDArray[np.float32]:
    """Yaw (...) in degrees of meshes (..., 478, 3), from the depths of the two sides."""
    across = (mesh[..., [454, 323, 263, 291], :] - mesh[..., [234, 93, 33, 61], :]).mean(-2)
    return np.degrees(np.arctan2(across[..., 2], np.hypot(across[..., 0], across[..., 1])))


def turned(face: Face, mesh: NDArray[np.float32], rng: np.random.Generator) -> Face:
    """The face warped by its mesh as if the head were turned further to the side, up or down, because turned
    heads are rare.

    The idea is face profiling (Zhu et al. 2016, "Face Alignment Across Large Poses", section 4.3).
    """
    from scipy.interpolate import LinearNDInterpolator

    side = math.copysign(1.0, head_yaw(mesh)) if face.turn > 8 else float(rng.choice([-1.0, 1.0]))
    yaw, pitch = (
        side * math.radians(rng.uniform(12, max(14, min(32, 48 - face.turn)))),
        math.radians(rng.uniform(-16, 16)),
    )
    about_y = np.array([[math.cos(yaw), 0, -math.sin(yaw)], [0, 1, 0], [math.sin(yaw), 0, math.cos(yaw)]])
    about_x = np.array(
        [[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]]
    )
    centre = mesh[[234, 454, 10, 152]].mean(0)
    posed = ((mesh - centre) @ (about_x @ about_y).T + centre).astype(np.float32)
    depth = np.full((90, 90), np.inf, np.float32)  # nearest depth in cells of 4 pixels
    at = np.clip((posed[:, :2] / 4 + 10).astype(int), 0, 89)
    np.minimum.at(depth, (at[:, 1], at[:, 0]), posed[:, 2])
    nearest = cv2.erode(depth, np.ones((3, 3), np.uint8))
    visible = posed[:, 2] < nearest[at[:, 1], at[:, 0]] + 10
    height, width = face.image.shape[:2]
    border = np.array(
        [
            [x * width / 4, y * height / 4]
            for x in range(-1, 6)
            for y in range(-1, 6)
            if not (0 < x < 4 and 0 < y < 4)
        ]
    )
    field = LinearNDInterpolator(
        np.concatenate([posed[visible, :2], border]), np.concatenate([mesh[visible, :2], border])
    )
    ys, xs = np.mgrid[:height:4, :width:4]
    coarse = (
        field(np.stack([xs, ys], -1).reshape(-1, 2).astype(np.float64))
        .reshape(*xs.shape, 2)
        .astype(np.float32)
    )
    to_coarse = np.array([[4.0, 0, 0], [0, 4.0, 0]])
    field_x, field_y = (
        cv2.warpAffine(coarse[..., k], to_coarse, (width, height), borderMode=cv2.BORDER_REPLICATE)
        for k in (0, 1)
    )
    image = cv2.remap(face.image, field_x, field_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return Face(image, posed[MESH, :2], float(abs(head_yaw(posed))))  # type: ignore[arg-type]


def read_frames(path: Path, every: int = 1) -> list[tuple[int, Image]]:
    """(number, RGB image) of every n-th frame of a clip, or of the one frame of a portrait."""
    if path.suffix != ".mp4":
        return [(0, cv2.imread(str(path))[..., ::-1].copy())]  # type: ignore[index]
    video, frames, number = cv2.VideoCapture(str(path)), [], 0
    while video.grab():
        if number % every == 0:
            frames.append((number, cv2.cvtColor(video.retrieve()[1], cv2.COLOR_BGR2RGB)))
        number += 1
    video.release()
    return frames  # type: ignore[return-value]


def whole_photograph(path: Path, row: dict[str, str], points: Points) -> list[Face]:
    """The original of a portrait with its points, at most 512 pixels long; [] if it adds little to the crop,
    or if the face in it is so small that other people may be in the picture."""
    found = sorted(path.parent.glob(path.stem + ".orig.*"))
    image = cv2.imread(str(found[0])) if found else None
    if image is None:
        return []
    side, longer = float(row["crop_side"]), max(image.shape[:2])
    if side * side > 0.8 * image.shape[0] * image.shape[1] or side < 0.25 * longer:
        return []
    scale = min(1.0, 512 / longer)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[..., ::-1].copy()
    whole = (points + 0.5) * side / 256 + [float(row["crop_x"]), float(row["crop_y"])]
    return [Face(small, (whole * scale - 0.5).astype(np.float32), 0.0)]  # type: ignore[arg-type]


def surroundings(face: Face, rng: np.random.Generator) -> Image | None:
    """A 192 x 192 picture of the background: a window that does not touch the face's box; or None."""
    pose = face_pose(face.points[:68])
    height, width = face.image.shape[:2]
    reach = 0.62 * pose.size
    for _ in range(20):
        side = int(rng.uniform(0.15, 0.8) * min(height, width))
        x, y = int(rng.integers(width - side + 1)), int(rng.integers(height - side + 1))
        apart = (
            x > pose.x + reach or x + side < pose.x - reach or y > pose.y + reach or y + side < pose.y - reach
        )
        if apart and side >= 24:
            return cv2.resize(
                face.image[y : y + side, x : x + side], (192, 192), interpolation=cv2.INTER_LINEAR
            )  # type: ignore[return-value]
    return None


def mirrored(face: Face) -> Face:
    points = face.points[MIRROR].copy()
    points[:, 0] = face.image.shape[1] - 1 - points[:, 0]
    return Face(face.image[:, ::-1], points, face.turn)
