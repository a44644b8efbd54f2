"""A video that FFmpeg writes: frames and sound into a container, which is a file, a pipe or an address."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError
from av.filter import Graph
from av.video.reformatter import VideoReformatter

from ..errors import InputError, InputWarning, Warn
from ..io.atomic import commit_part, part_file
from .formats import Container, Encoding, Output
from .frame import Frame
from .picture.color import encoder_frame, tag_bt709
from .reader import VideoReader
from .sound import Sound

_X265_DELAY = 3  # x265 gives wrong decoding times if it gets fewer frames than this


class ContainerSink:
    """One video stream, at most one sound stream; a file is written beside its name and renamed at the end.

    size: (width, height) as encoded. rate, time_base: as VideoWriter takes them. audio_from: the reader whose
    sound is copied. InputError, from the methods too, if it cannot be written.
    """

    def __init__(
        self,
        output: Output,
        size: tuple[int, int],
        rate: Fraction,
        time_base: Fraction,
        encoding: Encoding,
        audio_from: VideoReader | None,
        warn: Warn,
    ):
        self._output, self._size, self._warn = output, size, warn
        self._part = part_file(output.path) if output.path else None
        codec, container = output.codec, output.container
        self._pixels = codec.alpha_pixels if encoding.alpha and codec.alpha_pixels else codec.pixels
        options = dict(container.options)
        options |= sound_options(container, audio_from)
        try:
            place = f"file:{self._part}" if self._part else _Pipe() if output.is_pipe else output.url
            self._container = av.open(place, "w", format=container.muxer, options=options)
        except (FFmpegError, OSError) as error:
            raise InputError(output.name, f"cannot be opened for writing: {error.strerror}") from None
        self._sound: Sound | None = None
        self._end: Fraction | None = None
        self._last: int | None = None  # pts of a GIF's last frame
        self._too_fast = False
        self._count = 0
        self._reformatter = VideoReformatter()
        try:
            self._stream = self._add_stream(rate, time_base, encoding)
            if audio_from and container.sound:
                self._sound = Sound.of(audio_from, self._container, output, warn)
            elif audio_from and audio_from.sounds:
                warn(InputWarning(output.name, "it holds no sound; the driving video's is left out"))
            if encoding.comment:
                self._container.metadata["comment"] = encoding.comment
        except BaseException:
            self.discard()
            raise
        self._palette = _GifPalette(size, encoding.alpha) if codec.encoder == "gif" else None

    def _add_stream(self, rate: Fraction, time_base: Fraction, encoding: Encoding) -> av.VideoStream:
        codec, options = self._output.codec, dict(self._output.codec.options)
        if encoding.key_frames:
            options["g"] = str(encoding.key_frames)
        if self._output.container.live:
            options["g"] = str(round(rate) or 1)
        if codec.fastest:  # nominal: each frame's own time counts
            rate = min(rate, Fraction(codec.fastest))
        if codec.encoder == "gif":
            time_base = Fraction(1, 100)
        if codec.encoder == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # it logs to stderr otherwise
        stream = self._container.add_stream(codec.encoder, rate=rate, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = self._size
        stream.pix_fmt = self._pixels
        stream.time_base = stream.codec_context.time_base = self._tick = time_base
        if encoding.threads:
            stream.codec_context.thread_count = encoding.threads
        if codec.tag:
            stream.codec_context.codec_tag = codec.tag
        if self._pixels.startswith("yuv"):
            tag_bt709(stream.codec_context, full=codec.full)
        return stream

    def write(self, frame: Frame, source_time: Fraction) -> None:
        """Append a frame, after the sound before `source_time`, seconds on the reader's clock."""
        self._copy_sound(source_time)
        if self._palette:
            pts = round(frame.seconds / self._tick)
            if self._last is not None and pts < self._last + 2:  # viewers show such frames five times as long
                self._drop_gif_frame()
                return
            self._last = pts
            encoded = self._palette(Frame(frame.image, pts, self._tick, frame.alpha))
        else:
            encoded = encoder_frame(
                frame,
                self._size,
                self._pixels,
                full=self._output.codec.full,
                reformatter=self._reformatter,
            )
        self._count += 1
        self._mux(self._encode(encoded))

    def _drop_gif_frame(self) -> None:
        if not self._too_fast:
            reason = "a GIF shows 50 pictures a second at most; the others are left out"
            self._warn(InputWarning(self._output.name, reason))
        self._too_fast = True

    def _encode(self, frame: av.VideoFrame | None) -> list[av.Packet]:
        """The packets that a frame completes; all that remain for None."""
        try:
            with _same_priority():
                return self._stream.encode(frame)
        except (FFmpegError, ValueError) as error:
            encoder, why = self._output.codec.encoder, getattr(error, "strerror", None) or error
            reason = f"{encoder} does not encode {self._size[0]}x{self._size[1]} ({why})"
            raise InputError(self._output.name, reason, "take another --codec") from error

    def _mux(self, packets: list[av.Packet]) -> None:
        with self._write_errors():
            self._container.mux(packets)

    def _copy_sound(self, until: Fraction | None) -> None:
        if self._sound:
            with self._write_errors():
                self._sound.copy_until(until)

    @contextmanager
    def _write_errors(self) -> Iterator[None]:
        """Raise InputError if the disk or network fails, or the container cannot hold a time."""
        try:
            yield
        except (FFmpegError, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(self._output.name, f"cannot be written: {reason}") from error

    def cut(self, seconds: Fraction) -> None:
        """Take no sound after `seconds` of the reader's clock."""
        self._end = seconds

    def finish(self) -> None:
        """Write what remains and close; a file gets its name.

        If that fails the pictures' work is kept as far as it can be played: InputError says where.
        """
        try:
            self._write_rest()
        except InputError as error:
            if (kept := self._keep_part()) is None:
                raise
            raise InputError(error.subject, error.reason, f"what could be written is in {kept}") from error
        if self._part and self._output.path:
            self._commit(self._part, self._output.path)

    def _write_rest(self) -> None:
        last = self._encode(None)
        if self._output.codec.encoder == "libx265" and self._count < _X265_DELAY:
            for packet in last:
                packet.dts = packet.pts
        self._mux(last)
        self._copy_sound(self._end)
        if self._sound:
            self._sound.close()
        with self._write_errors():
            self._container.close()

    def _keep_part(self) -> Path | None:
        """The file that could not be finished, if it shows a picture: it stays."""
        with suppress(FFmpegError, OSError, ValueError):
            self._container.close()
        try:
            with av.open(f"file:{self._part}") as written:
                next(written.decode(video=0))
        except (FFmpegError, OSError, ValueError, IndexError, StopIteration):
            return None
        kept, self._part = self._part, None
        return kept

    def _commit(self, part: Path, path: Path) -> None:
        try:
            commit_part(part, path)
        except OSError as error:
            kept, self._part = part, None
            reason = f"cannot get its name: {error.strerror}"
            raise InputError(self._output.name, reason, f"the whole video is in {kept}") from error

    def discard(self) -> None:
        """Close and leave no file."""
        if self._sound:
            self._sound.close()
        with suppress(FFmpegError, OSError, ValueError):
            self._container.close()
        if self._part:
            self._part.unlink(missing_ok=True)


def sound_options(container: Container, audio_from: VideoReader | None) -> dict[str, str]:
    """The muxer's options for the sound of a reader: edit lists count in ticks, by default milliseconds."""
    if not container.trims or not audio_from or not audio_from.sounds:
        return {}
    return {"movie_timescale": str(audio_from.sounds[0].rate)}


class _Pipe(io.RawIOBase):
    """Standard output, for FFmpeg to write to: whoever reads it is told of an error, and at once."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(1, rest) :]
        return len(data)


class _GifPalette:
    """Gives every frame of a GIF its own 256 colours, so that no frame waits for later ones."""

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
        self._graph.push(encoder_frame(frame, self._size, self._given, full=False))
        made = self._graph.pull()
        assert isinstance(made, av.VideoFrame)
        made.pts, made.time_base = frame.pts, frame.time_base
        return made


@contextmanager
def _same_priority() -> Iterator[None]:
    """Restore the thread's scheduling: SVT-AV1, started by root, leaves it at real-time priority, which
    starves others."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, priority)
