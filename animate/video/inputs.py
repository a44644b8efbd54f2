"""What can be read as a video and how it is opened: files, numbered images, URLs, pipes, cameras.

Nothing is guessed: a name that is no URL is a file, and a missing file is an error, never a camera.
"""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition

from ..errors import InputError
from ..io.paths import is_url, number_in, numbered_files, plain_scheme, video_file
from .memory import check_memory

NUMBERED_RATE = 25  # frames a second of numbered images, which have no clock of their own
_OPEN, _READ = 10.0, 20.0  # timeouts of a network input, seconds


@dataclass(frozen=True)
class Camera:
    """A camera of this machine; the first has index 0."""

    index: int = 0


@dataclass(frozen=True)
class Input:
    """A video as FFmpeg is to open it.

    name: for messages. url: for FFmpeg. path: of a file that can be opened a second time. live: frames come
    at their own pace.
    """

    name: str
    url: str
    path: Path | None = None
    live: bool = False
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, given: str | os.PathLike | Camera) -> "Input":
        """How to open a file, `frames/%05d.png`, a URL, "-" (standard input) or a Camera; else InputError."""
        if isinstance(given, Camera):
            return _camera(given)
        if given == "-":
            return cls("standard input", "pipe:0")
        if is_url(given):
            options = {"rtsp_transport": "tcp"} if str(given).lower().startswith("rtsp") else {}
            return cls(str(given), plain_scheme(given), live=True, options=options)
        path = video_file(given)
        if not path.exists():
            return _numbered(path)
        return cls(str(path), f"file:{path}", path)

    def open(self) -> InputContainer:
        """InputError if it does not exist or is no video."""
        try:
            timeout = (_OPEN, _READ) if self.live else None
            return av.open(
                self.url,
                format=self.format,
                options=dict(self.options),
                timeout=timeout,
                metadata_errors="replace",  # old titles are not in UTF-8
            )
        except (FFmpegError, ValueError) as error:
            if isinstance(error, FFmpegError):
                check_memory(error)
            reason = getattr(error, "strerror", None) or str(error)
            if self.live:
                raise InputError(self.name, f"cannot be opened: {reason}") from None
            raise InputError(
                self.name, "not a video, or one cut off before its index", "give a whole video file"
            ) from None


def picture_stream(container: InputContainer, name: str) -> av.VideoStream:
    """The first video stream; InputError if there is none, or FFmpeg has no decoder for it."""
    cover = Disposition.attached_pic  # cover art is no video
    stream = next((s for s in container.streams.video if not s.disposition & cover), None)
    if stream is None:
        raise InputError(name, "there is no picture in it, only sound or data", "give a video")
    if stream.codec_context is None:
        raise InputError(name, "FFmpeg has no decoder for its pictures", "convert it to H.264")
    return stream


def _numbered(path: Path) -> Input:
    """A pattern such as frames/%05d.png as one video, from its smallest number on."""
    files = numbered_files(path)
    if not files:
        raise InputError(path, f"no file has such a name, for example {path.name % 1}")
    first = number_in(path, files[0])
    assert first is not None
    for number, file in enumerate(files, first):
        if file.name != path.name % number:
            reason = f"{path.name % number} is missing"
            raise InputError(path, reason, "number the pictures without a gap")
    options = {"start_number": str(first), "framerate": str(NUMBERED_RATE)}
    return Input(str(path), str(path), format="image2", options=options)


def _camera(camera: Camera) -> Input:
    name = f"camera {camera.index}"
    if sys.platform == "darwin":
        return Input(name, str(camera.index), live=True, format="avfoundation", options={"framerate": "30"})
    if sys.platform == "win32":
        return Input(name, f"video={camera.index}", live=True, format="dshow")
    device = f"/dev/video{camera.index}"
    if not Path(device).exists():
        reason = f"there is none ({device} does not exist)"
        raise InputError(name, reason, "plug it in or give another number")
    return Input(name, device, live=True, format="v4l2")
