"""Video in and out over PyAV: a frame is its pixels and its exact time, so that the clock is kept."""

from .frame import Frame
from .inputs import Camera
from .reader import VideoReader
from .writer import VideoWriter

__all__ = ["Camera", "Frame", "VideoReader", "VideoWriter"]
