"""What a video file says of itself: container, codec, clock, turning, colours, sound; for a look before work.

A render obeys all of it without a word. Here it is said, so that nobody wonders afterwards.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError

from ..errors import InputError
from .color import HDR
from .inputs import Input, picture_stream
from .webp import is_webp


@dataclass(frozen=True)
class SoundTrack:
    """codec: FFmpeg's name. rate: samples a second. start, duration: seconds, duration None if not told."""

    codec: str
    rate: int
    channels: int
    start: Fraction
    duration: Fraction | None


@dataclass(frozen=True)
class Media:
    """container, codec, pixels: FFmpeg's names. size: (width, height) as coded. turned: degrees clockwise by
    which it is to be shown. pixel: width over height of one. bits: a colour. hdr: PQ, HLG or None. start:
    seconds on its own clock. sound: the first track with a decoder, tracks: how many there are."""

    container: str
    codec: str
    pixels: str
    size: tuple[int, int]
    turned: int = 0
    pixel: Fraction = Fraction(1)
    bits: int = 8
    hdr: str | None = None
    start: Fraction = Fraction(0)
    sound: SoundTrack | None = None
    tracks: int = 0


def read_media(path: Path) -> Media:
    """What the video file `path` says of itself and of its first picture; InputError if there is none."""
    given = Input.of(path)
    if is_webp(path):
        from PIL import Image

        with Image.open(path) as picture:
            return Media("webp", "webp", "rgba", picture.size)
    with given.open() as container:
        stream = picture_stream(container, str(path))
        try:
            frame = next(container.decode(stream))
        except (FFmpegError, StopIteration):
            raise InputError(f"{path}: its first picture cannot be decoded.") from None
        assert isinstance(frame, av.VideoFrame)
        tracks = container.streams.audio
        return Media(
            _name(container.format.name, path),
            stream.codec_context.codec.canonical_name,
            frame.format.name,
            (frame.width, frame.height),
            turned=-frame.rotation % 360,
            pixel=stream.sample_aspect_ratio or Fraction(1),
            bits=frame.format.components[0].bits,
            hdr=HDR.get(frame.color_trc),
            start=Fraction(container.start_time or 0, av.time_base),
            sound=next((_sound(track) for track in tracks if track.codec_context is not None), None),
            tracks=len(tracks),
        )


def _name(names: str, path: Path) -> str:
    """FFmpeg has several names for one format: the one that the file goes by, else the first."""
    known = names.split(",")
    ending = path.suffix.lower().removeprefix(".")
    return ending if ending in known else known[0]


def _sound(stream: av.AudioStream) -> SoundTrack:
    tick = stream.time_base or Fraction(0)
    return SoundTrack(
        stream.codec_context.codec.canonical_name,
        stream.rate,
        stream.channels,
        (stream.start_time or 0) * tick,
        None if stream.duration is None else stream.duration * tick,
    )
