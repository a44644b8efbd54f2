"""Landmarkers by name: the builtin one or the face-alignment package."""

from ...models.tracker import load_tracker
from ..errors import InputError
from .builtin import BuiltinLandmarker
from .landmarks import Landmarker


def load_landmarker(name: str = "builtin", device: str = "cpu") -> Landmarker:
    """The landmarker of that name, "builtin" or "face-alignment"; InputError if it is unknown or cannot be
    had here."""
    if name not in ("builtin", "face-alignment"):
        raise InputError(f"There is no landmarker {name!r}: choose builtin or face-alignment.")
    builtin = BuiltinLandmarker(load_tracker(device))
    if name == "builtin":
        return builtin
    from .face_alignment import FaceAlignmentLandmarker

    return FaceAlignmentLandmarker(builtin, device)
