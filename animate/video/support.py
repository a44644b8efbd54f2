"""What FFmpeg can do here, found out by trying it, because nothing else is reliable.

FFmpeg lists a GPU's encoders wherever it was built with them: the first frame shows whether there is a driver
and whether the GPU encodes at all (some that compute do not), in that size, beside the videos that it already
encodes. And a container may list a codec but refuse it when its header is written, or the reverse.
"""

import io
from fractions import Fraction

import av
import numpy as np
from av.audio.layout import AudioLayout
from av.error import FFmpegError

from .formats import Codec, Container

_STANDARD = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_MIXED_UP = {("libopus", "5.0"), ("libopus", "6.1")}  # FFmpeg gives it their channels in another order
_TRIED = 3
"""Frames: the second and the third refer to others."""
_NEAR = 8.0
"""Levels of 255, mean: what any quality keeps of a plain ramp, and no wrong picture does."""


def prefer_gpu(codec: Codec, size: tuple[int, int]) -> Codec:
    """The GPU's encoder of `codec` if it encodes frames of `size` (width, height), else `codec`."""
    return codec.gpu if codec.gpu and encodes(codec.gpu, size) else codec


def encodes(codec: Codec, size: tuple[int, int]) -> bool:
    """Whether the encoder takes frames of `size` (width, height) here and now, and they come back alike."""
    shades = np.linspace(40, 200, size[0], dtype=np.uint8)
    pictures = [np.broadcast_to((shades + 8 * n)[:, None], (size[1], size[0], 3)) for n in range(_TRIED)]
    try:
        context = av.CodecContext.create(codec.encoder, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height = size
        context.pix_fmt, context.time_base = codec.pixels, Fraction(1, 25)
        context.options = dict(codec.options)
        decoder = av.CodecContext.create(context.codec.canonical_name, "r")
        assert isinstance(decoder, av.VideoCodecContext)
        packets = []
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            frame.pts = number
            packets += context.encode(frame.reformat(format=codec.pixels))
        packets += context.encode(None)
        again = [frame for packet in (*packets, None) for frame in decoder.decode(packet)]
        seen = [frame.to_ndarray(format="rgb24").astype(np.int16) for frame in again]
    except (FFmpegError, ValueError):
        return False
    if len(seen) != len(pictures):
        return False
    return all(np.abs(a - b).mean() < _NEAR for a, b in zip(seen, pictures, strict=True))


def holds_sound(container: Container, source: av.AudioStream) -> bool:
    """Whether packets of the sound track `source` can be copied into such a container."""
    name = source.codec_context.codec.canonical_name
    if container.copies is not None:
        return name in container.copies
    if any(name.startswith(kind) for kind in container.refuses):
        return False
    try:
        with av.open(io.BytesIO(), "w", format=container.muxer) as trial:
            trial.add_stream_from_template(source)
            trial.start_encoding()
        return True
    except (FFmpegError, ValueError):
        return False


def is_lossless(codec: str) -> bool:
    """Whether a sound codec, by FFmpeg's name, loses nothing and can be encoded here."""
    return codec in ("flac", "alac") or (codec.startswith("pcm_") and codec in av.codecs_available)


def open_layout(encoder: str, layout: AudioLayout, rate: int) -> AudioLayout:
    """The layout with which `encoder` keeps most of the channels: the same, the standard one of as many
    channels or of one more, or stereo. AAC has no side channels: decoders would not know where such are."""
    standard = _STANDARD.get(layout.nb_channels)
    aside = layout.name.removesuffix("(side)")
    more = _STANDARD.get(layout.nb_channels + 1)
    for name in (aside if encoder == "aac" else layout.name, aside, standard, more):
        if name and (encoder, name) not in _MIXED_UP and _opens(encoder, name, rate):
            return AudioLayout(name)
    return AudioLayout("mono" if layout.nb_channels == 1 else "stereo")


def _opens(encoder: str, layout: str, rate: int) -> bool:
    try:
        context = av.CodecContext.create(encoder, "w")
        assert isinstance(context, av.AudioCodecContext)
        taken = av.Codec(encoder, "w").audio_formats
        context.layout, context.sample_rate = layout, rate
        context.format = taken[0] if taken else "fltp"
        context.time_base = Fraction(1, rate)
        context.open()
        return True
    except (FFmpegError, ValueError):
        return False
