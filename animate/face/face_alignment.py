"""The face-alignment package (FAN, Bulat and Tzimiropoulos 2017) as a landmarker, if its weights are there.

It is slow on a CPU but a second opinion; faces are found and followed by the built-in tracker, so that none
of the package's detectors, and no download, is needed.
"""

import importlib.util
import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .builtin import BuiltinLandmarker
from .landmarks import Landmarks
from .pose import face_pose, transform, warp

FILE = "2DFAN4-11f355bf06.pth.tar"
"""The package looks for exactly this name, and would download it."""
SIDE, FACE = 320, 150
"""Side of the upright picture given to the package, and the longer side of the points' box in it, in
pixels."""


class FaceAlignmentLandmarker:
    """FAN's 68 points where the built-in tracker sees faces; irises are put at the middle of the eyes'
    points."""

    def __init__(self, builtin: BuiltinLandmarker, device: str = "cpu") -> None:
        """Raises InputError, and downloads nothing, if the package or its weights are absent."""
        if importlib.util.find_spec("face_alignment") is None:
            raise InputError(
                "--landmarks face-alignment needs the face-alignment package: install it with "
                "`pip install gfla[landmarks]`, or use --landmarks builtin."
            )
        path = weights_path()
        if not path.is_file():
            raise InputError(
                f"--landmarks face-alignment needs the file {path}: download it from "
                f"https://www.adrianbulat.com/downloads/python-fan/{FILE}, or use --landmarks builtin."
            )
        import face_alignment

        self.builtin = builtin
        try:
            self.network = face_alignment.FaceAlignment(
                face_alignment.LandmarksType.TWO_D,
                device=device,
                face_detector="folder",  # has no weights; boxes are our own
                flip_input=False,
                compile=False,
                max_batch_size=8,
            )
        except Exception as error:  # whatever torch.load makes of a damaged file
            raise InputError(
                f"{path} is not the weights of face-alignment ({error}): download it anew."
            ) from error

    def find(self, image: NDArray[np.uint8]) -> list[Landmarks]:
        """See Landmarker."""
        return [self._refined(image, face) for face in self.builtin.find(image)]

    def follow(self, image: NDArray[np.uint8], last: Landmarks | None) -> Landmarks | None:
        """See Landmarker. The built-in tracker says where the face is and how sure that is."""
        face = self.builtin.follow(image, last)
        return None if face is None else self._refined(image, face)

    def _refined(self, image: NDArray[np.uint8], face: Landmarks) -> Landmarks:
        """FAN's points on an upright picture of the face, taken back to the image."""
        pose = face_pose(face.points)
        scale, middle = FACE / max(pose.size, 1.0), (SIDE - 1) / 2
        cos, sin = scale * np.cos(pose.roll), scale * np.sin(pose.roll)
        turn = np.array([[cos, sin], [-sin, cos]])
        matrix = np.column_stack([turn, middle - turn @ [pose.x, pose.y]])
        # The package's boxes reach from the forehead to the chin, ours from the brows.
        half = FACE / 2
        box = np.array([middle - 0.95 * half, middle - 1.5 * half, middle + 0.95 * half, middle + half, 1.0])
        upright = self.network.get_landmarks_from_image(
            warp(image, matrix, (SIDE, SIDE)), detected_faces=[box]
        )
        points = transform(cv2.invertAffineTransform(matrix), upright[0][:, :2])  # type: ignore[index]
        iris = np.stack([points[36:42].mean(0), points[42:48].mean(0)])
        return Landmarks(points, iris, face.score)


def weights_path() -> Path:
    """Where face-alignment keeps its weights, by torch's own rule."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints" / FILE
