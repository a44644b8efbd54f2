"""Video in: the frames of a file, pipe, URL, camera or numbered images, each with its own exact time."""

import os
from collections import deque
from collections.abc import Generator, Iterator
from fractions import Fraction
from itertools import chain, dropwhile
from pathlib import Path
from typing import Self

import av
from av.container import InputContainer
from av.error import FFmpegError

from ..errors import InputError, InputWarning, Warn, ignore
from ..io.memory import tune_allocator
from ..io.timecode import Span, clock, exact
from ..options import AudioTrack
from .frame import Frame
from .inputs import Camera, Input, picture_stream, picture_streams, sound_streams
from .packets.clock import (
    SAMPLE,
    SteadyClock,
    beginning,
    believable_rate,
    has_no_times,
    is_rate_plausible,
    may_jump,
    stream_duration,
    timed_by_decoding,
)
from .packets.demux import demux
from .packets.salvage import Salvage
from .packets.seek import seek_key_frame
from .packets.survey import Survey
from .picture.color import RgbConverter
from .picture.crop import declared_crop
from .webp import AnimatedWebp, is_webp

_KEPT = 64 << 20  # bytes of packets that are looked at beforehand
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own decoders drop their alpha


class VideoReader:
    """The frames of a video, upright, one at a time, each with its own pts; use it with `with`.

    path: a file, numbered images (frames/%05d.png), a URL, "-" for standard input, or a Camera.
    start, end: seconds after the beginning; exactly the frames with start <= time < end come.
    warn: called once if HDR or more than 8 bits are reduced.
    audio_track: which sound a writer copies: a track's number from 1, "all", "none", or None for the one
    marked default, else the first.
    picture: which of several picture streams, from 0: those marked default come first.
    InputError from the constructor if it cannot be read as a video, the range holds no frame or there is no
    such track.

    Attributes:
        name: for messages. size: (width, height) pixels after rotation. rate: frames a second, nominal.
        time_base: seconds a tick. frames: how many to expect, an estimate, or None.
        zero: the video's own time at its beginning, wherever its clock begins, a multiple of time_base.
        began: the same as the container says it, for sound, whose ticks are others.
        origin: the time, seconds, that a writer subtracts: `zero`, with `start` the first frame's.
        until: its own time at which `end` cuts, or None. ended: whether all frames were read.
        sought: whether the file is read from the middle on, for `start`, and its sound can be.
        sounds: the sound tracks that are kept, of its own container. has_alpha: whether frames may be
        transparent.
    """

    def __init__(
        self,
        path: str | os.PathLike | Camera,
        start: Fraction | float | None = None,
        end: Fraction | float | None = None,
        warn: Warn = ignore,
        audio_track: AudioTrack = None,
        picture: int = 0,
    ):
        tune_allocator()
        self.input = Input.of(path)
        self._warn = warn
        self.name, self.path = self.input.name, self.input.path or Path(self.input.name)
        if start is not None and end is not None and end <= start:
            raise InputError(f"--end {clock(end)}", f"not after --start {clock(start)}", "give a later end")
        self._track: AudioTrack = audio_track
        self._picture = picture
        self._container: InputContainer | None = None
        self.sounds: list[av.AudioStream] = []
        self._salvage: Salvage | None = None
        self._lost: tuple[Span, ...] | None = None
        self.sound_packets: deque[av.Packet] = deque()
        self._queue_sound = True
        self._survey = Survey()
        self.sought = False
        self.ended = False
        self.has_alpha = False
        self._decoded: Generator[Frame] = (frame for frame in ())
        try:
            if self.input.path and is_webp(self.input.path):
                self._open_webp(AnimatedWebp(self.input.path), start, end)
            else:
                self._container = self.input.open()
                self._open(self._container, start, end)
                if self._first is None and (kept := self.input.open_kept()):
                    self._release()
                    self.sound_packets.clear()
                    self._container = kept
                    self._open(kept, start, end)
            self._begin(start, end)
        except BaseException:
            self._release()
            raise

    def _open(self, container: InputContainer, start, end, *, whole: bool = False) -> None:
        """whole: begin at the beginning, whatever `start` is."""
        self._stream = stream = picture_stream(container, self.name, self._picture)
        self.sounds = sound_streams(container, self.name, self._track)
        assert stream.time_base is not None
        self.time_base: Fraction = stream.time_base
        self.began = beginning(container)
        self.zero = round(self.began / self.time_base) * self.time_base
        self._count: int | None = stream.frames or None
        self._range(start, end)
        if self.input.path and not whole and may_jump(container):
            with self.input.open() as again:
                self._survey = Survey.of(again, picture_stream(again, self.name, self._picture), self.path)
        self._duration = self._survey.length or stream_duration(container, stream)
        self.sought = sought = self._from is not None and self.input.path is not None and not whole
        if self._from is not None and sought and not self._go_to(container, self._from):
            container.close()
            self._container = again = self.input.open()
            self._open(again, start, end, whole=True)
            return
        early: list[av.Packet] = []
        steady = SteadyClock(container, sought=sought)
        packets = self._demux(container, steady)
        if sought:  # FFmpeg goes to any packet where there is no index
            packets = dropwhile(lambda packet: packet.size and not packet.is_keyframe, packets)
        if not self.input.live and not is_rate_plausible(stream):
            early, packets = _look_ahead(packets)
        by_decoding, self._untimed = timed_by_decoding(container), has_no_times(container)
        times = [packet.dts if by_decoding or packet.pts is None else packet.pts for packet in early]
        self.rate: Fraction = believable_rate(stream, [at for at in times if at is not None])
        self._salvage = Salvage(packets, stream, self.rate, self._from, self._decoder(), by_decoding, steady)
        self._decoded = self._decode(self._salvage)
        self._first = next(self._decoded, None)

    def _go_to(self, container: InputContainer, seconds: Fraction) -> bool:
        """False if the frames from there on are found only by reading all before them."""
        return self._survey.steady and seek_key_frame(container, self._stream, seconds)

    def _open_webp(self, animation: AnimatedWebp, start, end) -> None:
        self.time_base, self.rate = animation.time_base, animation.rate
        self.zero = self.began = Fraction(0)
        self._duration, self._count = animation.duration, animation.count
        self._range(start, end)
        self._decoded = (frame for frame in animation.frames() if self._wanted(frame.seconds))
        self._first = next(self._decoded, None)
        self.has_alpha = animation.has_alpha

    def _range(self, start: Fraction | float | None, end: Fraction | float | None) -> None:
        self._asked = start, end
        self._from = None if start is None else self.zero + exact(start)
        self.until = None if end is None else self.zero + exact(end)

    def _begin(self, start: Fraction | float | None, end: Fraction | float | None) -> None:
        if self._first is None:
            if start is None and end is None:
                raise InputError(self.name, "not one picture of it can be decoded", "give a whole video file")
            asked = f"from {clock(start or 0)} to {clock(end)}"
            length = "an unknown time" if self._duration is None else clock(self._duration)
            raise InputError(self.name, f"there is no frame {asked}; it lasts {length}")
        if self._container and self._container.streams.audio and not self.sounds and self._track != "none":
            self._warn(InputWarning(self.name, "its sound cannot be decoded and is left out"))
        height, width = self._first.image.shape[:2]
        self.size = (width, height)
        self.origin = self.zero if start is None else self._first.seconds
        self.frames = self._estimate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._lost is None:
            self._lost = self.lost  # FFmpeg's account of the file goes with it
        self._release()

    def _release(self) -> None:
        """Close the file and break the reference cycles through `_decode` and `_demux`: the decoder and its
        threads then go with the reader, not with a later garbage collection."""
        self._decoded.close()
        self._salvage = None
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
    def pictures(self) -> int:
        """How many picture streams the file has."""
        return len(picture_streams(self._container)) if self._container else 1

    @property
    def picture_index(self) -> int:
        """The index of the picture stream in the file."""
        return self._stream.index

    def drop_sound(self) -> None:
        """Queue no more sound, because nothing will read it."""
        self._queue_sound = False
        self.sound_packets.clear()

    def _demux(self, container: InputContainer, clock: SteadyClock) -> Iterator[av.Packet]:
        """The video packets on a steady clock; of an input that can be read only once the sound packets are
        queued."""
        queued = {stream.index for stream in self.sounds} if not self.input.path else ()
        read = [self._stream, *(container.streams.audio if clock.active else self.sounds if queued else ())]
        for packet in demux(container, read):
            clock(packet)
            if packet.stream.index == self._stream.index:  # its stream_index is wrong when it flushes
                yield packet
            elif self._queue_sound and packet.size and packet.stream.index in queued:
                self.sound_packets.append(packet)

    def _decoder(self) -> av.VideoCodecContext | None:
        name = self._stream.codec_context.codec.canonical_name
        if self._stream.metadata.get("alpha_mode") == "1" and name in _ALPHA_DECODERS:
            made = av.CodecContext.create(_ALPHA_DECODERS[name], "r")
            assert isinstance(made, av.VideoCodecContext)
            return made
        return None

    def _decode(self, salvage: Salvage) -> Generator[Frame]:
        last_pts: int | None = None
        stream = self._stream
        number = stream.container.streams.video.index(stream)
        crop = declared_crop(self.input.path, number, (stream.width, stream.height))
        convert = RgbConverter(
            self.name, stream.sample_aspect_ratio, self._warn, crop, stream.codec_context.name
        )
        for decoded in salvage.frames():
            pts = decoded.dts if decoded.pts is None else decoded.pts
            if pts is None or (last_pts is not None and pts <= last_pts):  # raw and broken streams
                step = max(1, round(1 / self.rate / self.time_base))
                pts = round(self.zero / self.time_base) if last_pts is None else last_pts + step
            seconds = pts * self.time_base
            if last_pts is None and self._untimed:
                self.zero = self.began = seconds
                self._range(*self._asked)
            last_pts = pts
            if self.until is not None and seconds >= self.until:
                break
            if self._wanted(seconds):
                image, alpha = convert(decoded)
                self.has_alpha = convert.has_alpha
                yield Frame(image, pts, self.time_base, alpha)

    def _wanted(self, seconds: Fraction) -> bool:
        after_start = self._from is None or seconds >= self._from
        return after_start and (self.until is None or seconds < self.until)

    @property
    def lost(self) -> tuple[Span, ...]:
        """Spans, seconds from the beginning, that so far did not decode or came out damaged."""
        if self._lost is not None:
            return self._lost
        begin = self.zero if self._from is None else self._from
        spans = []
        for span in self._salvage.lost() if self._salvage else ():
            start, end = max(span.start, begin), span.end if self.until is None else min(span.end, self.until)
            if start < end:
                spans.append(Span(start - self.zero, end - self.zero))
        return tuple(spans)

    def _estimate(self) -> int | None:
        if self._duration is None:
            return self._count if self._from is None and self.until is None else None
        begin = self.zero if self._from is None else self._from
        stop = self.zero + self._duration
        stop = stop if self.until is None else min(self.until, stop)
        estimate = max(1, round((stop - begin) * self.rate))
        if self._from is None and self.until is None and self._count:
            close = abs(self._count - estimate) <= 2 + estimate // 10  # else an edit list, or another's count
            return self._count if close else estimate
        return estimate


def _look_ahead(packets: Iterator[av.Packet]) -> tuple[list[av.Packet], Iterator[av.Packet]]:
    """The first packets, and all of them again; damage is left to whoever reads them."""
    early: list[av.Packet] = []
    try:
        for packet in packets:
            early.append(packet)
            if len(early) == SAMPLE or sum(each.size for each in early) > _KEPT:
                break
    except FFmpegError as error:
        return early, chain(early, _failing(error))
    return early, chain(early, packets)


def _failing(error: FFmpegError) -> Iterator[av.Packet]:
    raise error
    yield
