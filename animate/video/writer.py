"""Video out: a file that gets its name only when it is whole, numbered PNGs, a pipe or an address."""

import os
import shutil
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Self

from PIL import Image

from ..errors import InputError, InputWarning, Warn, ignore
from ..io.atomic import part_file
from ..io.image import comment_options
from ..io.paths import numbered_files
from ..io.stops import hold_stops
from .container import ContainerSink
from .formats import Encoding, Output
from .frame import Frame
from .reader import VideoReader
from .support import prefer_gpu


class VideoWriter:
    """Writes a video; use it with `with`. An error in the block leaves no file, or the old one; Ctrl-C
    while a whole video is closed lets it be finished.

    path: the ending decides the format (formats.py); "-" is standard output, udp:// and rtmp:// are sent.
    size: (width, height) of the frames; where the codec takes only even sizes an odd one loses its last
    column or row, with a warning.
    rate: frames a second, nominal: each frame's own pts counts. time_base: of the frames, seconds a tick.
    audio_from: the reader whose sound is copied, cut as the reader is.
    warn: called on the writing thread with what the video loses.
    InputError if the path cannot be written, exists without `overwrite`, or does not hold the codec.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        size: tuple[int, int],
        rate: Fraction,
        time_base: Fraction,
        *,
        encoding: Encoding | None = None,
        audio_from: VideoReader | None = None,
        overwrite: bool = False,
        warn: Warn = ignore,
    ):
        encoding = encoding or Encoding()
        self.output = Output.of(path, encoding.codec, overwrite, encoding.quality)
        self.path = self.output.path or Path(self.output.name)
        self._frame_size = size
        self.size = (size[0] // 2 * 2, size[1] // 2 * 2) if self.output.codec.even else size
        if 0 in self.size:
            raise InputError(self.output.name, f"{size[0]}x{size[1]} is too small for a video")
        if self.size != size:
            gone = " and ".join(side for side, odd in (("column", size[0] % 2), ("row", size[1] % 2)) if odd)
            reason = f"the codec takes even sizes: the last {gone} of {size[0]}x{size[1]} is left out"
            warn(InputWarning(self.output.name, reason))
        if encoding.gpu:
            self.output = self.output._replace(codec=prefer_gpu(self.output.codec, self.size))
        self._origin = audio_from.origin if audio_from else Fraction(0)
        if audio_from and not self.output.container.sound:
            audio_from.drop_sound()
        self._is_cut = False
        self._sink: ContainerSink | _NumberedSink
        if self.output.numbered:
            self._sink = _NumberedSink(self.output, encoding.comment)
        else:
            self._sink = ContainerSink(self.output, self.size, rate, time_base, encoding, audio_from, warn)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._sink.discard()
            return
        try:
            with nullcontext() if self._is_cut else hold_stops():
                self._sink.finish()
        except BaseException:
            self._sink.discard()
            raise

    def write(self, frame: Frame) -> None:
        """Append a frame: its image of the writer's size, its time after the last one's."""
        height, width = frame.image.shape[:2]
        if (width, height) != self._frame_size:
            raise ValueError(f"the writer takes {self._frame_size} frames, not {(width, height)}")
        pts = round(frame.pts - self._origin / frame.time_base)
        self._sink.write(Frame(frame.image, pts, frame.time_base, frame.alpha), frame.seconds)

    def cut(self, seconds: Fraction) -> None:
        """The frames end before the reader's: take no sound after `seconds` of its clock."""
        self._is_cut = True
        self._sink.cut(seconds)


class _NumberedSink:
    """One PNG a frame, in a hidden folder until all are written; the methods as in ContainerSink."""

    def __init__(self, output: Output, comment: str | None):
        assert output.path
        self._comment = comment
        self._pattern = output.path
        self._folder = part_file(output.path)
        self._folder.mkdir()
        self._count = 0

    def write(self, frame: Frame, _: Fraction) -> None:
        self._count += 1
        path = self._folder / (self._pattern.name % self._count)
        try:
            Image.fromarray(frame.pixels).save(path, compress_level=3, **comment_options(path, self._comment))
        except OSError as error:
            raise self._error(error) from error

    def cut(self, seconds: Fraction) -> None:
        pass

    def finish(self) -> None:
        try:
            for old in numbered_files(self._pattern):
                old.unlink()
            for made in sorted(self._folder.iterdir()):
                os.replace(made, self._pattern.with_name(made.name))
            self._folder.rmdir()
        except OSError as error:
            raise self._error(error) from error

    def discard(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _error(self, error: OSError) -> InputError:
        return InputError(self._pattern, f"cannot be written: {error.strerror or error}")
