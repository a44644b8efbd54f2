"""The built-in landmarker: our own finder and aligner on whole frames, with tracking from frame to frame."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ...models.tracker import Tracker, read_cells
from ..compute.devices import to_device
from ..ibug68 import MIRROR
from .landmarks import Landmarks
from .pose import FacePose, crop_matrix, face_pose, transform, warp

FOUND = 0.95
"""Minimum score of a face that find and follow return: on val every true find scored 0.999 or more, and none
of 624 pictures without a face reached it."""
LEVELS = (192, 384, 96)
"""Lengths in pixels to which the frame's longer side is scaled for the finder, in the order tried."""


class BuiltinLandmarker:
    """Our own tracker (models/tracker.py) as a Landmarker."""

    def __init__(self, tracker: Tracker) -> None:
        """tracker: in eval mode, as load_tracker gives it; its device is used."""
        self.tracker = tracker
        self.device = next(tracker.parameters()).device

    def find(self, image: NDArray[np.uint8]) -> list[Landmarks]:
        """See Landmarker. Finds faces down to about 1/25 of the frame's longer side; the smallest only where
        no larger one is found."""
        check_image(image)
        longer = max(image.shape[:2])
        for level in LEVELS:
            if level > LEVELS[0] and longer < 1.2 * LEVELS[0]:
                continue
            faces = self.align(image, self.candidates(image, level))
            for mirrored in (False, True):  # each pass halves what a crop slightly off still moves
                poses = [face_pose(face.points) for face in faces if face.score > FOUND / 2]
                faces = self.align(image, poses, mirrored)
            faces = _without_duplicates([face for face in faces if face.score >= FOUND])
            if faces:
                return sorted(faces, key=lambda face: -face_pose(face.points).size)
        return []

    def follow(self, image: NDArray[np.uint8], last: Landmarks | None) -> Landmarks | None:
        """See Landmarker. One pass of the aligner while the face moves little, two when it moves far."""
        check_image(image)
        if last is not None:
            before = face_pose(last.points)
            face = self.align(image, [before], mirrored=True)[0]
            if face.score > FOUND / 2 and (face.score < FOUND or _moved(before, face_pose(face.points))):
                face = self.align(image, [face_pose(face.points)], mirrored=True)[0]
            if face.score >= FOUND:
                return face
        faces = self.find(image)
        return faces[0] if faces else None

    def align(
        self, image: NDArray[np.uint8], poses: list[FacePose], mirrored: bool = False
    ) -> list[Landmarks]:
        """The aligner's result at each pose, in one batch, whatever its score. mirrored: average it with the
        result on the mirrored crop, whose errors differ (a seventh less jitter between frames)."""
        if not poses:
            return []
        side = self.tracker.config.crop
        matrices = [crop_matrix(pose, side) for pose in poses]
        crops = np.stack([warp(image, matrix, (side, side)) for matrix in matrices])
        if mirrored:
            crops = np.concatenate([crops, crops[:, :, ::-1]])
        with torch.inference_mode():
            points, score, _ = self.tracker.aligner(self._to_tensor(crops))
            found, scores = points.cpu().numpy(), score.sigmoid().cpu().numpy()
        if mirrored:
            back = found[len(poses) :, MIRROR]
            back[..., 0] = side - 1 - back[..., 0]
            found = (found[: len(poses)] + back) / 2
            scores = (scores[: len(poses)] + scores[len(poses) :]) / 2
        faces = []
        for matrix, inside, probability in zip(matrices, found, scores.tolist(), strict=True):
            places = transform(cv2.invertAffineTransform(matrix), inside)
            faces.append(Landmarks(places[:68], places[68:], probability))
        return faces

    def candidates(
        self, image: NDArray[np.uint8], level: int, most: int = 8, least: float = 0.1
    ) -> list[FacePose]:
        """The finder's detections with the frame's longer side scaled to `level` pixels, best first."""
        height, width = image.shape[:2]
        scale = level / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        padded = np.zeros((-(-size[1] // 32) * 32, -(-size[0] // 32) * 32, 3), np.uint8)
        padded[: size[1], : size[0]] = small
        with torch.inference_mode():
            cells = read_cells(
                self.tracker.finder(self._to_tensor(padded[None])), self.tracker.finder.stride
            )[0]
            heat = cells[None, None, :, :, 0]
            peak = torch.nn.functional.max_pool2d(heat, 3, 1, 1) == heat
            peaks = cells[peak[0, 0] & (cells[..., 0] > least)].cpu().numpy()
        poses = []
        for _, x, y, side, roll in sorted(peaks.tolist(), reverse=True)[: 2 * most]:
            pose = FacePose((x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5, side / scale, roll)
            if not any(_same(pose, other) for other in poses):
                poses.append(pose)
        return poses[:most]

    def _to_tensor(self, images: NDArray[np.uint8]) -> torch.Tensor:
        """(B, H, W, 3) uint8 -> (B, 3, H, W) float in [0, 1], channels last, on the device."""
        return to_device(images, self.device).permute(0, 3, 1, 2).float().div_(255)


def check_image(image: NDArray[np.uint8]) -> None:
    """Raise ValueError unless this is RGB (H, W, 3) uint8: a bug of the caller, not a bad file."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(f"an image must be (H, W, 3) uint8 RGB, not {image.shape} {image.dtype}")


def _moved(before: FacePose, now: FacePose) -> bool:
    """Whether the crop made for `before` no longer fits well enough for subpixel accuracy."""
    shift = np.hypot(now.x - before.x, now.y - before.y)
    turn = abs((now.roll - before.roll + np.pi) % (2 * np.pi) - np.pi)
    return bool(shift > 0.05 * before.size or abs(now.size / max(before.size, 1.0) - 1) > 0.08 or turn > 0.12)


def _without_duplicates(faces: list[Landmarks]) -> list[Landmarks]:
    """Of detections of the same face, the one with the highest score."""
    kept: list[tuple[Landmarks, FacePose]] = []
    for face in sorted(faces, key=lambda face: -face.score):
        pose = face_pose(face.points)
        if not any(_same(pose, other) for _, other in kept):
            kept.append((face, pose))
    return [face for face, _ in kept]


def _same(a: FacePose, b: FacePose) -> bool:
    return bool(np.hypot(a.x - b.x, a.y - b.y) < 0.4 * max(a.size, b.size))
