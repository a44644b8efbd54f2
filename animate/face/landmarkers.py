"""Landmarkers by name: the built-in one or the face-alignment package."""

from ...models.tracker import load_tracker
from ..errors import InputError
from .builtin import BuiltinLandmarker
from .face_alignment import FaceAlignmentLandmarker
from .landmarks import Landmarker


def load_landmarker(name: str = "builtin", device: str = "cpu") -> Landmarker:
    """The landmarker of that name, "builtin" or "face-alignment". InputError if the name is unknown, or the
    package or its weights are missing."""
    if name not in ("builtin", "face-alignment"):
        raise InputError(
            f"--landmarks {name}", "there is no such landmarker", "choose builtin or face-alignment"
        )
    builtin = BuiltinLandmarker(load_tracker(device))
    return builtin if name == "builtin" else FaceAlignmentLandmarker(builtin, device)
