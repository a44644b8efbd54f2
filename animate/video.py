"""Video in and out over PyAV: a frame is its pixels and its exact time, so that the clock is kept."""

import logging
import os
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import numpy as np
from av.error import FFmpegError
from av.stream import Disposition
from av.video.reformatter import ColorRange, Colorspace

from .damage import Salvage
from .errors import InputError
from .files import existing_file, new_file, part_file
from .image import read_image
from .sound import Sound
from .times import Span, clock, exact

__all__ = ["Frame", "VideoReader", "VideoWriter", "read_image"]

log = logging.getLogger(__name__)

_BT709 = 1  # ITU-T H.273: primaries, transfer and matrix all call it 1
_LIMITED = 1  # 16..235


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture and its time.

    image: RGB (H, W, 3) uint8. pts: ticks of time_base (seconds). alpha: (H, W) uint8, or None if opaque.
    """

    image: np.ndarray
    pts: int
    time_base: Fraction
    alpha: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise ValueError(f"a Frame takes RGB (H, W, 3) uint8, not {self.image.shape} {self.image.dtype}")

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        return f"Frame({width}x{height} at {float(self.seconds):.3f} s)"

    @property
    def seconds(self) -> Fraction:
        """The time at which the frame is shown, exact."""
        return self.pts * self.time_base


class VideoReader:
    """The frames of a video file, upright, one at a time, each with the file's own pts; use it with `with`.

    start, end: seconds after the beginning of the file; exactly the frames with start <= time < end come.
    InputError from the constructor where the file cannot be read as a video or the range holds no frame.

    path: Path. size: (width, height) pixels after rotation. rate: frames a second, the container's average.
    time_base: seconds a tick. frames: how many to expect, an estimate, or None.
    origin: 0, or where `start` is given the time of the first frame: a writer subtracts it.
    zero: the file's own time at its beginning. until: its own time at which `end` cuts, or None.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        start: Fraction | float | None = None,
        end: Fraction | float | None = None,
    ):
        self.path = existing_file(path)
        try:
            self._container = av.open(str(self.path))
        except (FFmpegError, ValueError):
            raise InputError(
                f"{self.path}: not a video, or one cut off before its index; give a whole video file."
            ) from None
        try:
            self._open(start, end)
        except BaseException:
            self._container.close()
            raise

    def _open(self, start: Fraction | float | None, end: Fraction | float | None) -> None:
        cover = Disposition.attached_pic  # the picture of an album is no video
        streams = [s for s in self._container.streams.video if not s.disposition & cover]
        if not streams:
            raise InputError(f"{self.path}: there is no picture in it, only sound or data; give a video.")
        self._stream = stream = streams[0]
        assert stream.time_base is not None
        self.time_base: Fraction = stream.time_base
        self.rate: Fraction = stream.average_rate or stream.base_rate or Fraction(25)
        self.zero = Fraction(self._container.start_time or 0, av.time_base)
        self._from = None if start is None else self.zero + exact(start)
        self.until = None if end is None else self.zero + exact(end)
        if start is not None and end is not None and end <= start:
            raise InputError(f"--end {clock(end)} is not after --start {clock(start)}; give a later end.")
        if self._from is not None:
            before = self._from - Fraction(1, 5)  # B-frames: a key frame may be stored before its time
            with suppress(FFmpegError):  # a stream without an index is read from its beginning
                self._container.seek(int(before / self.time_base), stream=stream)
        self._salvage = Salvage(self._container, stream, self.rate, self._from)
        self._decoded = self._decode()
        self._first = next(self._decoded, None)
        if self._first is None:
            if start is None and end is None:
                raise InputError(
                    f"{self.path}: not one picture of it can be decoded; give a whole video file."
                )
            asked = f"from {clock(start or 0)} to {clock(end)}"
            raise InputError(f"{self.path}: there is no frame {asked}; it lasts {self._length()}.")
        height, width = self._first.image.shape[:2]
        self.size = (width, height)
        self.origin = Fraction(0) if start is None else self._first.seconds
        self.frames = self._estimate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._decoded.close()
        self._container.close()

    def __iter__(self) -> Iterator[Frame]:
        """The frames in order; like a file, a reader is read once."""
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._decoded

    def _decode(self) -> Generator[Frame]:
        last_pts: int | None = None
        coded: tuple[int, int] | None = None
        for decoded in self._salvage.frames():
            coded = coded or (decoded.width, decoded.height)
            pts = decoded.pts
            if pts is None or (last_pts is not None and pts <= last_pts):  # raw or broken streams only
                pts = 0 if last_pts is None else last_pts + max(1, round(1 / self.rate / self.time_base))
            last_pts = pts
            seconds = pts * self.time_base
            if self._from is not None and seconds < self._from:
                continue
            if self.until is not None and seconds >= self.until:
                break
            picture = decoded.to_ndarray(format="rgb24", width=coded[0], height=coded[1])
            if turns := decoded.rotation // 90 % 4:
                picture = np.ascontiguousarray(np.rot90(picture, k=turns))
            yield Frame(picture, pts, self.time_base)

    @property
    def lost(self) -> tuple[Span, ...]:
        """Spans, seconds from the file's beginning, that did not decode or came out damaged, so far."""
        begin = self.zero if self._from is None else self._from
        spans = []
        for span in self._salvage.lost():
            start, end = max(span.start, begin), span.end if self.until is None else min(span.end, self.until)
            if start < end:
                spans.append(Span(start - self.zero, end - self.zero))
        return tuple(spans)

    def _estimate(self) -> int | None:
        stream = self._stream
        if self._from is None and self.until is None and stream.frames:
            return stream.frames
        seconds = self._duration()
        if seconds is None:
            return None
        begin = self.zero if self._from is None else self._from
        stop = self.zero + seconds if self.until is None else min(self.until, self.zero + seconds)
        return max(1, round((stop - begin) * self.rate))

    def _duration(self) -> Fraction | None:
        if self._stream.duration:
            return self._stream.duration * self.time_base
        return Fraction(self._container.duration, av.time_base) if self._container.duration else None

    def _length(self) -> str:
        seconds = self._duration()
        return "an unknown time" if seconds is None else clock(seconds)


class VideoWriter:
    """An mp4 (H.264, yuv420p, BT.709) that appears under its name only when it is whole; use it with `with`.

    size: (width, height) of the frames to come; an odd one loses its last column or row, said once.
    rate: frames a second, nominal: each frame's own pts decides. time_base: of the frames, seconds a tick.
    audio_from: the reader whose sound is copied along, cut as it is. comment: the container's comment tag.
    InputError if the path cannot be written or exists without `overwrite`. An error inside leaves no file.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        size: tuple[int, int],
        rate: Fraction,
        time_base: Fraction,
        *,
        audio_from: VideoReader | None = None,
        comment: str | None = None,
        overwrite: bool = False,
    ):
        self.path = new_file(path, overwrite)
        self.size = (size[0] // 2 * 2, size[1] // 2 * 2)
        self._taken = size
        if self.size != size:
            gone = " and ".join(side for side, odd in (("column", size[0] % 2), ("row", size[1] % 2)) if odd)
            log.warning("%s: H.264 takes even sizes: the last %s of %dx%d is left out.", path, gone, *size)
        self._part = part_file(self.path)
        self._origin = audio_from.origin if audio_from else Fraction(0)
        self._container = av.open(str(self._part), "w", options={"movflags": "faststart"})
        self._sound: Sound | None = None
        self._end: Fraction | None = None
        try:
            self._stream = self._add_stream(rate, time_base)
            if audio_from:
                self._sound = Sound.of(audio_from.path, self._container, audio_from.origin, audio_from.until)
            if comment:
                self._container.metadata["comment"] = comment
        except BaseException:
            self._discard()
            raise

    def _add_stream(self, rate: Fraction, time_base: Fraction) -> av.VideoStream:
        stream = self._container.add_stream("libx264", rate=rate, options={"crf": "10", "preset": "faster"})
        stream.width, stream.height = self.size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = time_base
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        return stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        try:
            if error is None:
                self._finish()
                return
        except BaseException as failed:
            error = failed
        self._discard()
        if isinstance(error, OSError) and error.filename == str(self._part):  # the disk, not the picture
            raise InputError(f"{self.path}: cannot be written: {error.strerror}.") from error
        if kind is None:
            raise error

    def write(self, frame: Frame) -> None:
        """Append a frame: its image of the writer's size, its time after the last one's."""
        height, width = frame.image.shape[:2]
        if (width, height) != self._taken:
            raise ValueError(f"the writer takes {self._taken} frames, not {(width, height)}")
        picture = np.ascontiguousarray(frame.image[: self.size[1], : self.size[0]])
        coded = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )  # tags without this conversion would shift colours by 15 levels
        coded.pts = round(frame.pts - self._origin / frame.time_base)
        coded.time_base = frame.time_base
        if self._sound:
            self._sound.copy_until(frame.seconds)
        self._container.mux(self._stream.encode(coded))

    def cut(self, seconds: Fraction) -> None:
        """The pictures end here, before the reader's: take no sound from `seconds` of its clock on."""
        self._end = seconds

    def _finish(self) -> None:
        self._container.mux(self._stream.encode(None))
        if self._sound:
            self._sound.copy_until(self._end)
            self._sound.close()
        self._container.close()
        os.replace(self._part, self.path)

    def _discard(self) -> None:
        if self._sound:
            self._sound.close()
        try:
            self._container.close()
        except (FFmpegError, ValueError):
            log.debug("closing %s after an error", self._part, exc_info=True)
        Path(self._part).unlink(missing_ok=True)
