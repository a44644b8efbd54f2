"""Driving video in, animated portrait out: the public door. Names load when asked for, torch with them."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .animator import AnimationState, Animator
    from .errors import InputError
    from .image import read_image
    from .landmarks import Landmarks, load_landmarker
    from .motion import Manner
    from .video import Camera, Frame, VideoReader, VideoWriter

__all__ = [
    "AnimationState",
    "Animator",
    "Camera",
    "Frame",
    "InputError",
    "Landmarks",
    "Manner",
    "VideoReader",
    "VideoWriter",
    "load_landmarker",
    "read_image",
]

_HOME = {
    "AnimationState": "animator",
    "Animator": "animator",
    "Camera": "video",
    "Frame": "video",
    "InputError": "errors",
    "Landmarks": "landmarks",
    "Manner": "motion",
    "VideoReader": "video",
    "VideoWriter": "video",
    "load_landmarker": "landmarks",
    "read_image": "image",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
