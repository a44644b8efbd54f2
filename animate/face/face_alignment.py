"""The face-alignment package (FAN, Bulat and Tzimiropoulos 2017) as a landmarker, if its weights are there.

Slow on a CPU, but a second opinion. The built-in tracker finds and follows faces, so none of the package's
detectors is needed and nothing is downloaded.
"""

import importlib.util
import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..ibug68 import EYES
from .builtin import BuiltinLandmarker
from .landmarks import Landmarks
from .pose import face_pose, transform, warp

FILE = "2DFAN4-11f355bf06.pth.tar"
"""The exact file name that the package looks for, and would download."""
_OPTION = "--landmarks face-alignment"
SIDE, FACE = 320, 150
"""Pixels: side of the upright crop given to the package, and the longer side of the points' box in it."""


class FaceAlignmentLandmarker:
    """FAN's 68 points where the built-in tracker finds faces; each iris is the mean of its eye's points."""

    def __init__(self, builtin: BuiltinLandmarker, device: str = "cpu") -> None:
        """Raises InputError, and downloads nothing, if the package or its weights are absent."""
        if importlib.util.find_spec("face_alignment") is None:
            raise InputError(
                _OPTION,
                "needs the face-alignment package",
                "install it with `pip install gfla[landmarks]`, or use --landmarks builtin",
            )
        path = weights_path()
        if not path.is_file():
            raise InputError(
                _OPTION,
                f"needs the file {path}",
                f"download it from https://www.adrianbulat.com/downloads/python-fan/{FILE}, or use "
                "--landmarks builtin",
            )
        import face_alignment

        self.builtin = builtin
        try:
            self.network = face_alignment.FaceAlignment(
                face_alignment.LandmarksType.TWO_D,
                device=device,
                face_detector="folder",  # needs no weights; the boxes are ours
                flip_input=False,
                compile=False,
                max_batch_size=8,
            )
        except Exception as error:  # torch.load may raise anything for a damaged file
            raise InputError(
                path, f"not the weights of face-alignment ({error})", "download it again"
            ) from error

    def find(self, image: NDArray[np.uint8]) -> list[Landmarks]:
        """See Landmarker."""
        return [self._refined(image, face) for face in self.builtin.find(image)]

    def follow(self, image: NDArray[np.uint8], last: Landmarks | None) -> Landmarks | None:
        """See Landmarker. Place and score of the face come from the built-in tracker."""
        face = self.builtin.follow(image, last)
        return None if face is None else self._refined(image, face)

    def _refined(self, image: NDArray[np.uint8], face: Landmarks) -> Landmarks:
        """FAN's points on an upright crop of the face, mapped back to the image."""
        pose = face_pose(face.points)
        scale, middle = FACE / max(pose.size, 1.0), (SIDE - 1) / 2
        cos, sin = scale * np.cos(pose.roll), scale * np.sin(pose.roll)
        turn = np.array([[cos, sin], [-sin, cos]])
        matrix = np.column_stack([turn, middle - turn @ [pose.x, pose.y]])
        # The package's boxes span forehead to chin, ours brows to chin.
        half = FACE / 2
        box = np.array([middle - 0.95 * half, middle - 1.5 * half, middle + 0.95 * half, middle + half, 1.0])
        upright = self.network.get_landmarks_from_image(
            warp(image, matrix, (SIDE, SIDE)), detected_faces=[box]
        )
        points = transform(cv2.invertAffineTransform(matrix), upright[0][:, :2])  # type: ignore[index]
        iris = np.stack([points[eye].mean(0) for eye in EYES])
        return Landmarks(points, iris, face.score)


def weights_path() -> Path:
    """Where face-alignment keeps its weights, by torch's rule for its cache."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints" / FILE
