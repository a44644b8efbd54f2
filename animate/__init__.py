"""Driving video in, animated portrait out: the public door. Names load when asked for, torch with them."""

from typing import TYPE_CHECKING

from .lazy import load_on_first_use

if TYPE_CHECKING:
    from .animator import AnimationState, Animator
    from .errors import InputError
    from .face.landmarkers import load_landmarker
    from .face.landmarks import Landmarks
    from .io.image import read_image
    from .options import MotionOptions
    from .video import Camera, Frame, VideoReader, VideoWriter

__all__ = [
    "AnimationState",
    "Animator",
    "Camera",
    "Frame",
    "InputError",
    "Landmarks",
    "MotionOptions",
    "VideoReader",
    "VideoWriter",
    "load_landmarker",
    "read_image",
]

_HOME = {
    "AnimationState": "state",
    "Animator": "animator",
    "Camera": "video",
    "Frame": "video",
    "InputError": "errors",
    "Landmarks": "face.landmarks",
    "MotionOptions": "options",
    "VideoReader": "video",
    "VideoWriter": "video",
    "load_landmarker": "face.landmarkers",
    "read_image": "io.image",
}


__getattr__ = load_on_first_use(__name__, _HOME)


def __dir__() -> list[str]:
    return __all__
