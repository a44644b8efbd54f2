"""The properties of a video file: container, codec, clock, rotation, colours, sound.

A render follows them silently; gfla-inspect shows them.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError

from ..errors import InputError
from ..io.primaries import HDR
from .formats import FILES
from .inputs import Input, picture_stream, picture_streams, sound_streams
from .picture.orientation import Orientation
from .support import holds_sound
from .webp import is_webp


@dataclass(frozen=True)
class SoundTrack:
    """codec: FFmpeg's name. rate: samples a second. start, duration: seconds; duration None if unknown.
    copied: whether an mp4 takes it as it is."""

    codec: str
    rate: int
    channels: int
    start: Fraction
    duration: Fraction | None
    copied: bool


@dataclass(frozen=True)
class Media:
    """What a file says of its video.

    container, codec, pixels: FFmpeg's names. size: (width, height) as coded. rotation: degrees clockwise to
    turn it for display; mirrored: and then left to right. pixel: width over height of one. bits: per colour.
    hdr: PQ, HLG or None. start: seconds on its own clock. sound: the track that is kept unless asked
    otherwise. tracks: the number of sound tracks. pictures: the number of picture streams.
    """

    container: str
    codec: str
    pixels: str
    size: tuple[int, int]
    rotation: int = 0
    mirrored: bool = False
    pixel: Fraction = Fraction(1)
    bits: int = 8
    hdr: str | None = None
    start: Fraction = Fraction(0)
    sound: SoundTrack | None = None
    tracks: int = 0
    pictures: int = 1


def read_media(path: Path) -> Media:
    """The properties of the file `path` and of its first frame; InputError if no frame can be decoded."""
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
            raise InputError(path, "its first picture cannot be decoded") from None
        assert isinstance(frame, av.VideoFrame)
        orientation = Orientation.of(frame, stream.codec_context.name)
        kept = sound_streams(container, str(path))
        return Media(
            _name(container.format.name, path),
            stream.codec_context.codec.canonical_name,
            frame.format.name,
            (frame.width, frame.height),
            rotation=orientation.rotation,
            mirrored=orientation.mirrored,
            pixel=stream.sample_aspect_ratio or Fraction(1),
            bits=frame.format.components[0].bits,
            hdr=HDR.get(frame.color_trc),
            start=Fraction(container.start_time or 0, av.time_base),
            sound=_sound(kept[0]) if kept else None,
            tracks=len(container.streams.audio),
            pictures=len(picture_streams(container)),
        )


def _name(names: str, path: Path) -> str:
    """The one of FFmpeg's names for a format that is the file's ending, else the first."""
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
        holds_sound(FILES[".mp4"], stream),
    )
