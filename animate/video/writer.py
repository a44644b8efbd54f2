"""Video out: a file that gets its name only when it is whole, numbered pictures, a pipe or an address."""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Protocol, Self

import av
from av.error import FFmpegError
from av.filter import Graph
from PIL import Image

from ..errors import InputError
from ..io.atomic import part_file
from ..io.image import said
from ..io.paths import numbered_files
from .color import coded, tag_bt709
from .formats import Output
from .frame import Frame
from .nvenc import on_gpu
from .reader import VideoReader
from .sound import Sound

log = logging.getLogger(__name__)

_SETTLED = 3  # frames from which on x265 knows when to decode: of fewer it gives times out of thin air


class VideoWriter:
    """A video in the making; use it with `with`. An error inside leaves no file, or the old one.

    path: its ending decides (formats.py); "-" is standard output, udp:// and rtmp:// the net.
    size: (width, height) of the frames to come; where the codec takes even sizes an odd one loses its last
    column or row, said once.
    rate: frames a second, nominal: each frame's own pts decides. time_base: of the frames, seconds a tick.
    audio_from: the reader whose sound is copied along, cut as it is. comment: the container's comment tag, or
    each PNG's; GIF and WebP hold none.
    codec: another than the container's first. alpha: frames will have it; left out where none can be held.
    gpu: encode on an NVIDIA GPU where it can.
    InputError if the path cannot be written or exists without `overwrite`.
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
        codec: str | None = None,
        alpha: bool = False,
        gpu: bool = False,
    ):
        self.output = Output.of(path, codec, overwrite)
        self.path = self.output.path or Path(self.output.name)
        even = self.output.codec.even
        self.size = (size[0] // 2 * 2, size[1] // 2 * 2) if even else size
        self._taken = size
        if 0 in self.size:
            raise InputError(f"{self.output.name}: {size[0]}x{size[1]} is too small for a video.")
        if self.size != size:
            gone = " and ".join(side for side, odd in (("column", size[0] % 2), ("row", size[1] % 2)) if odd)
            log.warning(
                "%s: H.264 takes even sizes: the last %s of %dx%d is left out.", self.output.name, gone, *size
            )
        if gpu:
            self.output = self.output._replace(codec=on_gpu(self.output.codec, self.size))
        self._origin = audio_from.origin if audio_from else Fraction(0)
        if audio_from and not self.output.container.sound:
            audio_from.leave_sound()
        self._sink: _Sink
        if self.output.numbered:
            self._sink = _Pictures(self.output, comment)
        else:
            self._sink = _Film(self.output, self.size, rate, time_base, audio_from, comment, alpha)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        try:
            if error is None:
                self._sink.finish()
                return
        except BaseException as failed:
            error = failed
        self._sink.discard()
        if isinstance(error, OSError) and self._sink.owns(error.filename):  # the disk, not the picture
            raise InputError(f"{self.output.name}: cannot be written: {error.strerror}.") from error
        if kind is None:
            raise error

    def write(self, frame: Frame) -> None:
        """Append a frame: its image of the writer's size, its time after the last one's."""
        height, width = frame.image.shape[:2]
        if (width, height) != self._taken:
            raise ValueError(f"the writer takes {self._taken} frames, not {(width, height)}")
        pts = round(frame.pts - self._origin / frame.time_base)
        self._sink.write(Frame(frame.image, pts, frame.time_base, frame.alpha), frame.seconds)

    def cut(self, seconds: Fraction) -> None:
        """The pictures end here, before the reader's: take no sound from `seconds` of its clock on."""
        self._sink.cut(seconds)


@contextmanager
def _same_priority() -> Iterator[None]:
    """SVT-AV1, begun by root, leaves the thread that begins it at real-time priority: others would starve."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, priority)


class _Sink(Protocol):
    def write(self, frame: Frame, source_time: Fraction) -> None: ...
    def cut(self, seconds: Fraction) -> None: ...
    def finish(self) -> None: ...
    def discard(self) -> None: ...
    def owns(self, name: object) -> bool: ...


class _Film:
    """What FFmpeg writes."""

    def __init__(
        self,
        output: Output,
        size: tuple[int, int],
        rate: Fraction,
        time_base: Fraction,
        audio_from: VideoReader | None,
        comment: str | None,
        alpha: bool,
    ):
        self._output, self._size = output, size
        self._part = part_file(output.path) if output.path else None
        self._name = f"file:{self._part}" if self._part else output.url
        codec, kind = output.codec, output.container
        self._pixels = codec.clear if alpha and codec.clear else codec.pixels
        options = dict(kind.options)
        sound = audio_from.sound if audio_from else None
        if kind.trims and sound:  # edits are counted in these ticks: FFmpeg's default is whole milliseconds
            options["movie_timescale"] = str(sound.rate)
        try:
            self._container = av.open(self._name, "w", format=kind.muxer, options=options)
        except (FFmpegError, OSError) as error:
            raise InputError(f"{output.name}: cannot be opened for writing: {error.strerror}.") from None
        self._sound: Sound | None = None
        self._end: Fraction | None = None
        try:
            self._stream = self._add_stream(rate, time_base)
            if audio_from and kind.sound:
                self._sound = Sound.of(audio_from, self._container, output)
            elif sound:
                log.warning("%s: it holds no sound; the driving video's is left out.", output.name)
            if comment:
                self._container.metadata["comment"] = comment
        except BaseException:
            self.discard()
            raise
        self._palette = _Palette(size, alpha) if codec.encoder == "gif" else None

    def _add_stream(self, rate: Fraction, time_base: Fraction) -> av.VideoStream:
        codec, options = self._output.codec, dict(self._output.codec.options)
        if self._output.container.live:
            options["g"] = str(round(rate) or 1)
        if codec.encoder == "gif":
            time_base = Fraction(1, 100)
        if codec.encoder == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # it speaks on stderr otherwise
        stream = self._container.add_stream(codec.encoder, rate=rate, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = self._size
        stream.pix_fmt = self._pixels
        stream.time_base = stream.codec_context.time_base = self._tick = time_base
        if codec.tag:
            stream.codec_context.codec_tag = codec.tag
        if self._pixels.startswith("yuv"):
            tag_bt709(stream.codec_context, full=codec.full)
        self._last: int | None = None
        self._left_out = False
        self._count = 0
        return stream

    def write(self, frame: Frame, source_time: Fraction) -> None:
        self._copy_sound(source_time)
        if self._palette:
            pts = round(frame.seconds / self._tick)
            if self._last is not None and pts < self._last + 2:  # viewers show such frames five times as long
                self._leave_out()
                return
            self._last = pts
            picture = self._palette(Frame(frame.image, pts, self._tick, frame.alpha))
        else:
            picture = coded(frame, self._size, self._pixels, full=self._output.codec.full)
        self._count += 1
        self._mux(self._encode(picture))

    def _leave_out(self) -> None:
        if not self._left_out:
            name = self._output.name
            log.warning("%s: a GIF shows 50 pictures a second at most; the others are left out.", name)
        self._left_out = True

    def _encode(self, picture: av.VideoFrame | None) -> list[av.Packet]:
        """The packets that come of a picture, all that are left for None."""
        with _same_priority():
            return self._stream.encode(picture)

    def _mux(self, packets: list[av.Packet]) -> None:
        with self._told():
            self._container.mux(packets)

    def _copy_sound(self, until: Fraction | None) -> None:
        if self._sound:
            with self._told():
                self._sound.copy_until(until)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of writing in a sentence: the disk, the line, a clock that the container cannot hold."""
        try:
            yield
        except FFmpegError as error:
            raise InputError(f"{self._output.name}: cannot be written: {error.strerror}.") from error

    def cut(self, seconds: Fraction) -> None:
        self._end = seconds

    def finish(self) -> None:
        last = self._encode(None)
        if self._output.codec.encoder == "libx265" and self._count < _SETTLED:
            for packet in last:
                packet.dts = packet.pts
        self._mux(last)
        self._copy_sound(self._end)
        if self._sound:
            self._sound.close()
        self._container.close()
        if self._part and self._output.path:
            os.replace(self._part, self._output.path)

    def discard(self) -> None:
        if self._sound:
            self._sound.close()
        try:
            self._container.close()
        except (FFmpegError, ValueError):
            log.debug("closing %s after an error", self._name, exc_info=True)
        if self._part:
            self._part.unlink(missing_ok=True)

    def owns(self, name: object) -> bool:
        return name == self._name


class _Palette:
    """A GIF's 256 colours, chosen anew for every picture, so that none waits for those to come."""

    def __init__(self, size: tuple[int, int], alpha: bool):
        self._size, self._given = size, "rgba" if alpha else "rgb24"
        self._graph = graph = Graph()
        source = graph.add_buffer(
            width=size[0], height=size[1], format=av.VideoFormat(self._given), time_base=Fraction(1, 100)
        )
        split, sink = graph.add("split"), graph.add("buffersink")
        generate = graph.add("palettegen", f"stats_mode=single:reserve_transparent={int(alpha)}")
        use = graph.add("paletteuse", "new=1:dither=sierra2_4a")
        source.link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(generate, 1, 0)
        generate.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()

    def __call__(self, frame: Frame) -> av.VideoFrame:
        self._graph.push(coded(frame, self._size, self._given, full=False))
        made = self._graph.pull()
        assert isinstance(made, av.VideoFrame)
        made.pts, made.time_base = frame.pts, frame.time_base
        return made


class _Pictures:
    """One PNG a frame, in a hidden folder until all are there."""

    def __init__(self, output: Output, comment: str | None):
        assert output.path
        self._comment = comment
        self._pattern = output.path
        self._folder = part_file(output.path)
        self._folder.mkdir()
        self._count = 0

    def write(self, frame: Frame, source_time: Fraction) -> None:
        self._count += 1
        path = self._folder / (self._pattern.name % self._count)
        try:
            Image.fromarray(frame.pixels).save(path, compress_level=3, **said(path, self._comment))
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"{self._pattern}: cannot be written: {reason}.") from error

    def cut(self, seconds: Fraction) -> None:
        pass

    def finish(self) -> None:
        for old in numbered_files(self._pattern):
            old.unlink()
        for made in sorted(self._folder.iterdir()):
            os.replace(made, self._pattern.with_name(made.name))
        self._folder.rmdir()

    def discard(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def owns(self, name: object) -> bool:
        return isinstance(name, str | os.PathLike) and self._folder in Path(name).parents
