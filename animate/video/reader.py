"""Video in: the frames of a file, pipe, URL, camera or numbered images, each with its own exact time."""

import os
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
from av.container import InputContainer
from av.error import FFmpegError

from ..errors import InputError, Warn, ignore
from ..io.timecode import Span, clock, exact
from .color import RgbConverter
from .frame import Frame
from .inputs import Camera, Input, picture_stream
from .memory import tune_allocator
from .salvage import Salvage
from .webp import AnimatedWebp, is_webp

_DISCONTINUOUS = 0x0200  # AVFMT_TS_DISCONT: the clock begins anywhere
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own decoders drop their alpha


class VideoReader:
    """The frames of a video, upright, one at a time, each with its own pts; use it with `with`.

    path: a file, numbered images (frames/%05d.png), a URL, "-" for standard input, or a Camera.
    start, end: seconds after the beginning; exactly the frames with start <= time < end come.
    warn: called once if HDR or more than 8 bits are reduced.
    InputError from the constructor if it cannot be read as a video or the range holds no frame.

    Attributes:
        name: for messages. size: (width, height) pixels after rotation. rate: frames a second, the
        container's average. time_base: seconds a tick. frames: how many to expect, an estimate, or None.
        origin: the time, seconds, that a writer subtracts: 0; with `start` the first frame's; where the
        container's clock begins anywhere (MPEG-TS, live) its beginning.
        zero: the video's own time at its beginning. until: its own time at which `end` cuts, or None.
        ended: whether all frames were read.
    """

    def __init__(
        self,
        path: str | os.PathLike | Camera,
        start: Fraction | float | None = None,
        end: Fraction | float | None = None,
        warn: Warn = ignore,
    ):
        tune_allocator()
        self.input = Input.of(path)
        self._warn = warn
        self.name, self.path = self.input.name, self.input.path or Path(self.input.name)
        if start is not None and end is not None and end <= start:
            raise InputError(f"--end {clock(end)}", f"not after --start {clock(start)}", "give a later end")
        self._container: InputContainer | None = None
        self._salvage: Salvage | None = None
        self.sound_packets: deque[av.Packet] = deque()
        self._queue_sound = True
        self.ended = False
        try:
            if self.input.path and is_webp(self.input.path):
                self._open_webp(AnimatedWebp(self.input.path), start, end)
            else:
                self._container = self.input.open()
                self._open(self._container, start, end)
            self._begin(start, end)
        except BaseException:
            if self._container:
                self._container.close()
            raise

    def _open(self, container: InputContainer, start, end) -> None:
        self._stream = stream = picture_stream(container, self.name)
        assert stream.time_base is not None
        self.time_base: Fraction = stream.time_base
        self.rate: Fraction = stream.average_rate or stream.base_rate or Fraction(25)
        self.zero = Fraction(container.start_time or 0, av.time_base)
        if stream.duration:
            self._duration = stream.duration * self.time_base
        else:
            self._duration = Fraction(container.duration, av.time_base) if container.duration else None
        self._count: int | None = stream.frames or None
        self._range(start, end)
        if self._from is not None and self.input.path:
            before = self._from - Fraction(1, 5)  # B-frames: a key frame may be stored before its time
            with suppress(FFmpegError):  # a stream without an index is read from its beginning
                container.seek(int(before / self.time_base), stream=stream)
        self._salvage = Salvage(self._demux(container), stream, self.rate, self._from, self._decoder())
        self._decoded = self._decode(self._salvage)

    def _open_webp(self, animation: AnimatedWebp, start, end) -> None:
        self.time_base, self.rate, self.zero = animation.time_base, animation.rate, Fraction(0)
        self._duration, self._count = animation.duration, animation.count
        self._range(start, end)
        self._decoded = (frame for frame in animation.frames() if self._wanted(frame.seconds))

    def _range(self, start: Fraction | float | None, end: Fraction | float | None) -> None:
        self._from = None if start is None else self.zero + exact(start)
        self.until = None if end is None else self.zero + exact(end)

    def _begin(self, start: Fraction | float | None, end: Fraction | float | None) -> None:
        self._first = next(self._decoded, None)
        if self._first is None:
            if start is None and end is None:
                raise InputError(self.name, "not one picture of it can be decoded", "give a whole video file")
            asked = f"from {clock(start or 0)} to {clock(end)}"
            length = "an unknown time" if self._duration is None else clock(self._duration)
            raise InputError(self.name, f"there is no frame {asked}; it lasts {length}")
        height, width = self._first.image.shape[:2]
        self.size = (width, height)
        self.origin = self._first.seconds if start is not None else Fraction(0)
        if start is None and self._container and self._container.format.flags & _DISCONTINUOUS:
            self.origin = round(self.zero / self.time_base) * self.time_base
        self.frames = self._estimate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._decoded.close()
        if self._container:
            self._container.close()

    def __iter__(self) -> Iterator[Frame]:
        """The frames in order, once."""
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._decoded
        self.ended = True

    @property
    def sound(self) -> av.AudioStream | None:
        """The first sound track that has a decoder."""
        tracks = self._container.streams.audio if self._container else ()
        return next((track for track in tracks if track.codec_context is not None), None)

    def drop_sound(self) -> None:
        """Queue no more sound, because nothing will read it."""
        self._queue_sound = False
        self.sound_packets.clear()

    def _demux(self, container: InputContainer) -> Iterator[av.Packet]:
        """The video packets; of an input that can be read only once the sound packets are queued."""
        sound = self.sound
        if self.input.path or sound is None:
            yield from container.demux(self._stream)
            return
        for packet in container.demux(self._stream, sound):
            if packet.stream_index == sound.index:
                if packet.dts is not None and self._queue_sound:
                    self.sound_packets.append(packet)
            else:
                yield packet

    def _decoder(self) -> av.VideoCodecContext | None:
        name = self._stream.codec_context.codec.canonical_name
        if self._stream.metadata.get("alpha_mode") == "1" and name in _ALPHA_DECODERS:
            made = av.CodecContext.create(_ALPHA_DECODERS[name], "r")
            assert isinstance(made, av.VideoCodecContext)
            return made
        return None

    def _decode(self, salvage: Salvage) -> Generator[Frame]:
        last_pts: int | None = None
        convert = RgbConverter(self.name, self._stream.sample_aspect_ratio, self._warn)
        for decoded in salvage.frames():
            pts = decoded.pts
            if pts is None or (last_pts is not None and pts <= last_pts):  # raw and broken streams
                pts = 0 if last_pts is None else last_pts + max(1, round(1 / self.rate / self.time_base))
            last_pts = pts
            seconds = pts * self.time_base
            if self.until is not None and seconds >= self.until:
                break
            if self._wanted(seconds):
                image, alpha = convert(decoded)
                yield Frame(image, pts, self.time_base, alpha)

    def _wanted(self, seconds: Fraction) -> bool:
        after_start = self._from is None or seconds >= self._from
        return after_start and (self.until is None or seconds < self.until)

    @property
    def lost(self) -> tuple[Span, ...]:
        """Spans, seconds from the beginning, that so far did not decode or came out damaged."""
        begin = self.zero if self._from is None else self._from
        spans = []
        for span in self._salvage.lost() if self._salvage else ():
            start, end = max(span.start, begin), span.end if self.until is None else min(span.end, self.until)
            if start < end:
                spans.append(Span(start - self.zero, end - self.zero))
        return tuple(spans)

    def _estimate(self) -> int | None:
        if self._from is None and self.until is None and self._count:
            return self._count
        if self._duration is None:
            return None
        begin = self.zero if self._from is None else self._from
        stop = self.zero + self._duration
        stop = stop if self.until is None else min(self.until, stop)
        return max(1, round((stop - begin) * self.rate))
