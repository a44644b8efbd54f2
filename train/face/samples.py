"""Random samples for the tracker's two nets: faces moved, turned, lit, blurred, covered, or absent.

People are drawn evenly and slightly deformed. Backgrounds are the surroundings of the training faces,
patchwork of them, and procedural textures. Images are RGB uint8.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ...animate.face.pose import FacePose, crop_matrix, face_pose, transform, warp
from ..data.photo import photo, texture
from .faces import Face, FaceSet, Image, Points, eye_opening, mirrored, mouth_opening


class Sampler:
    """Draws samples for both nets from a FaceSet; the same seed gives the same samples."""

    def __init__(self, faces: FaceSet, seed: int, crop: int, canvas: int = 160) -> None:
        self.faces, self.crop, self.canvas = faces, crop, canvas
        self.rng = np.random.default_rng(seed)

    def face(self) -> Face:
        """A random face. Often the more turned head of two people, because most look straight ahead;
        sometimes the most shut eyes of one person's faces, because most eyes are open, or a mouth as open
        as drawn, because most are nearly shut or wide open."""
        rng = self.rng

        def person() -> list[Face]:
            return self.faces.people[int(rng.integers(len(self.faces.people)))]

        kind = rng.random()
        if kind < 0.45:
            faces = person()
            several = [faces[i] for i in rng.choice(len(faces), min(len(faces), 12), replace=False)]
            wanted = rng.uniform(0, 0.4)
            if kind < 0.22:
                face = min(several, key=lambda face: float(eye_opening(face.points)))
            else:
                face = min(several, key=lambda face: abs(float(mouth_opening(face.points)) - wanted))
        else:
            people = [person() for _ in range(2 if rng.random() < 0.6 else 1)]
            face = max((each[int(rng.integers(len(each)))] for each in people), key=lambda face: face.turn)
        return mirrored(face) if rng.random() < 0.5 else face

    def background(self, side: int) -> Image:
        """A faceless picture (side, side, 3): surroundings, patchwork of them, or a texture."""
        rng, kind = self.rng, self.rng.random()
        if kind < 0.3:
            return texture(rng, side)
        pool = self.faces.backgrounds
        image = _fit(pool[int(rng.integers(len(pool)))], side, rng)
        if kind < 0.55:
            for _ in range(int(rng.integers(1, 6))):
                patch = _fit(pool[int(rng.integers(len(pool)))], side, rng)
                w, h = rng.integers(side // 6, side, 2)
                x, y = rng.integers(0, side - w + 1), rng.integers(0, side - h + 1)
                image[y : y + h, x : x + w] = patch[:h, :w]
        return image

    def aligned(self) -> tuple[Image, Points, float]:
        """For the aligner: a slightly misplaced upright crop, points (70, 2) in it, and 1.0; or a crop
        without a face or badly misplaced, arbitrary points, and 0.0."""
        kind = self.rng.random()
        if kind < 0.14:
            return photo(self.background(self.crop), self.rng), np.zeros((70, 2), np.float32), 0.0
        if kind < 0.17:
            return photo(self.scrambled(), self.rng), np.zeros((70, 2), np.float32), 0.0
        face = self.face()
        truth = face_pose(face.points[:68])
        pose = self._badly_off(truth) if kind < 0.25 else self._a_little_off(truth)
        matrix = _deformed(crop_matrix(pose, self.crop), self.crop, self.rng)
        image, points = self._cut(face.image, matrix, self.crop), transform(matrix, face.points)
        return photo(self.covered(image, points), self.rng), points, 0.0 if kind < 0.25 else 1.0

    def whole(self) -> tuple[Image, list[FacePose]]:
        """For the finder: a canvas with no, one or two faces and the pose of each."""
        rng, side = self.rng, self.canvas
        count = int(rng.choice(3, p=[0.22, 0.6, 0.18]))
        canvas, poses = self.background(side), []
        for _ in range(count):
            photographs = self.faces.photographs
            from_photograph = count == 1 and bool(photographs) and rng.random() < 0.3
            face = photographs[int(rng.integers(len(photographs)))] if from_photograph else self.face()
            if from_photograph and rng.random() < 0.5:
                face = mirrored(face)
            pose = face_pose(face.points[:68])
            size = 2.0 ** rng.uniform(math.log2(15), math.log2(145 if count == 1 else 70))
            margin = 0.42 * size
            x, y = rng.uniform(margin, side - 1 - margin, 2)
            if any(math.hypot(x - p.x, y - p.y) < 0.9 * (size + p.size) for p in poses):
                continue
            turn = rng.normal(0, 0.3) if rng.random() < 0.6 else rng.uniform(-0.75, 0.75)
            matrix = _similarity(pose, x, y, size, turn)
            points = transform(matrix, face.points)
            canvas = self._paste(
                face, pose, matrix, canvas, whole=from_photograph or (count == 1 and rng.random() < 0.4)
            )
            poses.append(face_pose(points[:68]))
        if count == 0 and rng.random() < 0.15:
            scrambled = self.scrambled()
            x, y = rng.integers(0, side - self.crop + 1, 2)
            canvas[y : y + self.crop, x : x + self.crop] = scrambled
        return photo(canvas, self.rng), poses

    def scrambled(self) -> Image:
        """A face cut into shuffled squares: skin, hair and parts of a face, but no face."""
        face, rng = self.face(), self.rng
        image = self._cut(
            face.image, crop_matrix(self._a_little_off(face_pose(face.points[:68])), self.crop), self.crop
        )
        n = int(rng.choice([4, 7, 8]))
        k = self.crop // n
        cells = (
            image[: n * k, : n * k].reshape(n, k, n, k, 3).transpose(0, 2, 1, 3, 4).reshape(n * n, k, k, 3)
        )
        cells = cells[rng.permutation(n * n)].reshape(n, n, k, k, 3).transpose(0, 2, 1, 3, 4)
        image[: n * k, : n * k] = cells.reshape(n * k, n * k, 3)
        return image

    def covered(self, image: Image, points: Points) -> Image:
        """Sometimes occlude the face: a blob or band of background."""
        rng = self.rng
        if rng.random() > 0.3:
            return image
        side = image.shape[0]
        mask = np.zeros((side, side), np.uint8)
        x, y = points[int(rng.integers(70))] + rng.normal(0, 0.1 * side, 2)
        axes = rng.uniform(0.05, 0.28, 2) * side
        if rng.random() < 0.5:
            cv2.ellipse(mask, ((float(x), float(y)), tuple(2 * axes), float(rng.uniform(0, 180))), 255, -1)  # type: ignore[call-overload]
        else:
            box = cv2.boxPoints(((float(x), float(y)), tuple(2 * axes), float(rng.uniform(0, 180))))  # type: ignore[arg-type]
            cv2.fillConvexPoly(mask, box.astype(np.int32), 255)
        weight = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.3, 2))[..., None].astype(np.float32) / 255
        return (image * (1 - weight) + self.background(side) * weight).astype(np.uint8)

    def _cut(self, image: Image, matrix: NDArray[np.float64], side: int) -> Image:
        """Warp into a square; outside the image: black, its border pixels, or another picture."""
        kind = self.rng.random()
        if kind < 0.35:
            return warp(image, matrix, (side, side))
        if kind < 0.6:
            return warp(image, matrix, (side, side), cv2.BORDER_REPLICATE)
        return warp(image, matrix, (side, side), cv2.BORDER_TRANSPARENT, onto=self.background(side))

    def _paste(
        self, face: Face, pose: FacePose, matrix: NDArray[np.float64], canvas: Image, whole: bool
    ) -> Image:
        """The face onto the canvas, with its whole picture or cut out softly around the head."""
        size = (canvas.shape[1], canvas.shape[0])
        if whole:
            if self.rng.random() < 0.3:
                return warp(face.image, matrix, size)
            return warp(face.image, matrix, size, cv2.BORDER_TRANSPARENT, onto=canvas)
        rng, mask = self.rng, np.zeros(face.image.shape[:2], np.uint8)
        reach = rng.uniform(0.62, 1.1) * pose.size
        cv2.ellipse(
            mask,
            ((pose.x, pose.y - 0.12 * pose.size), (2 * reach, 2.3 * reach), math.degrees(pose.roll)),
            255,
            -1,
        )  # type: ignore[call-overload]
        mask[0], mask[-1], mask[:, 0], mask[:, -1] = 0, 0, 0, 0
        mask = cv2.blur(mask, (9, 9)) if rng.random() < 0.7 else mask  # type: ignore[assignment]
        weight = warp(mask, matrix, size)[..., None].astype(np.float32) / 255
        return (canvas * (1 - weight) + warp(face.image, matrix, size) * weight).astype(np.uint8)

    def _a_little_off(self, pose: FacePose) -> FacePose:
        rng, wide = self.rng, 1.0 if self.rng.random() < 0.6 else 0.4
        x, y = np.clip(rng.normal(0, 0.09 * wide, 2), -0.25, 0.25) * pose.size
        size = pose.size * math.exp(float(np.clip(rng.normal(0, 0.16 * wide), -0.36, 0.36)))
        turn = rng.normal(0, 0.18 * wide) if rng.random() < 0.9 else rng.uniform(-0.7, 0.7)
        return FacePose(pose.x + x, pose.y + y, size, pose.roll + turn)

    def _badly_off(self, pose: FacePose) -> FacePose:
        rng, kind = self.rng, self.rng.random()
        angle = rng.uniform(0, 2 * math.pi)
        if kind < 0.45:
            reach = rng.uniform(0.6, 1.2) * pose.size
            return FacePose(
                pose.x + reach * math.cos(angle), pose.y + reach * math.sin(angle), pose.size, pose.roll
            )
        if kind < 0.65:
            return FacePose(pose.x, pose.y, pose.size * rng.uniform(2.2, 4), pose.roll)
        if kind < 0.85:
            reach = rng.uniform(0, 0.3) * pose.size
            x, y = pose.x + reach * math.cos(angle), pose.y + reach * math.sin(angle)
            return FacePose(x, y, pose.size * rng.uniform(0.2, 0.45), pose.roll)
        return FacePose(pose.x, pose.y, pose.size, pose.roll + rng.uniform(1.7, 4.6))


def _similarity(pose: FacePose, x: float, y: float, size: float, turn: float) -> NDArray[np.float64]:
    """The matrix that moves a face to centre x, y and the given size, turned by `turn` radians."""
    scale = size / pose.size
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    return np.array(
        [[cos, -sin, x - cos * pose.x + sin * pose.y], [sin, cos, y - sin * pose.x - cos * pose.y]]
    )


def _deformed(matrix: NDArray[np.float64], side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The matrix followed by a small random stretch and shear about the crop's middle, for more face
    shapes."""
    wide, shear = math.exp(rng.normal(0, 0.05)), rng.normal(0, 0.04)
    bend = np.array([[wide, shear], [0, 1 / wide]])
    middle = np.full(2, (side - 1) / 2)
    return np.column_stack([bend @ matrix[:, :2], bend @ (matrix[:, 2] - middle) + middle])


def _fit(image: Image, side: int, rng: np.random.Generator) -> Image:
    """A random window of the picture with random zoom and mirroring, as a (side, side, 3) copy."""
    k = int(rng.uniform(0.35, 1) * image.shape[0])
    x, y = rng.integers(0, image.shape[0] - k + 1, 2)
    part = cv2.resize(image[y : y + k, x : x + k], (side, side), interpolation=cv2.INTER_LINEAR)
    return (part[:, ::-1] if rng.random() < 0.5 else part).copy()  # type: ignore[return-value]
