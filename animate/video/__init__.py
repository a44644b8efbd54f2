"""Video in and out over PyAV: a frame is its pixels and its exact time, so that timing is kept.

Names load on first use: `formats`, which the command line reads, needs no FFmpeg.
"""

from typing import TYPE_CHECKING

from ..lazy import load_on_first_use

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


__getattr__ = load_on_first_use(__name__, _HOME)
