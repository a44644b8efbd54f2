"""Encoding on an NVIDIA GPU where one can: found out by encoding a picture, for nothing else tells.

FFmpeg names these encoders wherever it was built with them. Whether there is a driver, and whether the GPU
encodes at all (some that compute do not), in that size, and one film more, shows only at the first picture.
"""

import logging
from fractions import Fraction

import av
from av.error import FFmpegError

from .formats import Codec

log = logging.getLogger(__name__)


def on_gpu(codec: Codec, size: tuple[int, int]) -> Codec:
    """`codec` by the GPU's encoder, where that encodes pictures of `size` (width, height); else as it is."""
    return codec.gpu if codec.gpu and encodes(codec.gpu, size) else codec


def encodes(codec: Codec, size: tuple[int, int]) -> bool:
    """Whether a picture of `size` (width, height) comes out of the encoder here and now."""
    try:
        context = av.CodecContext.create(codec.encoder, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height = size
        context.pix_fmt, context.time_base = codec.pixels, Fraction(1, 25)
        context.options = dict(codec.options)
        picture = av.VideoFrame(*size, codec.pixels)
        picture.pts = 0
        return any(packet.size for packet in (*context.encode(picture), *context.encode(None)))
    except (FFmpegError, ValueError) as error:
        log.debug("%s does not encode %dx%d here: %s", codec.encoder, *size, error)
        return False
