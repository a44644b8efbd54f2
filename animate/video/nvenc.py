"""Encoding on an NVIDIA GPU if one can: tried with one frame, because nothing else is reliable.

FFmpeg lists these encoders wherever it was built with them. The first frame shows whether there is a driver
and whether the GPU encodes at all (some that compute do not), in that size, beside the videos that it already
encodes.
"""

from fractions import Fraction

import av
from av.error import FFmpegError

from .formats import Codec


def prefer_gpu(codec: Codec, size: tuple[int, int]) -> Codec:
    """The GPU's encoder of `codec` if it encodes frames of `size` (width, height), else `codec`."""
    return codec.gpu if codec.gpu and encodes(codec.gpu, size) else codec


def encodes(codec: Codec, size: tuple[int, int]) -> bool:
    """Whether the encoder takes a frame of `size` (width, height) here and now."""
    try:
        context = av.CodecContext.create(codec.encoder, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height = size
        context.pix_fmt, context.time_base = codec.pixels, Fraction(1, 25)
        context.options = dict(codec.options)
        frame = av.VideoFrame(*size, codec.pixels)
        frame.pts = 0
        return any(packet.size for packet in (*context.encode(frame), *context.encode(None)))
    except (FFmpegError, ValueError):
        return False
