"""Video in and out over PyAV: a frame is its pixels and its exact time, so that timing is kept.

Names load on first use: `formats`, which the command line reads, needs no FFmpeg.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .formats import Encoding
    from .frame import Frame
    from .inputs import Camera
    from .reader import VideoReader
    from .writer import VideoWriter

__all__ = ["Camera", "Encoding", "Frame", "VideoReader", "VideoWriter"]

_HOME = {
    "Camera": "inputs",
    "Encoding": "formats",
    "Frame": "frame",
    "VideoReader": "reader",
    "VideoWriter": "writer",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
