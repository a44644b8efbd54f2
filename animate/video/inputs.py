"""What can be read as a video and how it is opened: files, numbered images, URLs, pipes, cameras.

Nothing is guessed: a name that is no URL is a file, and a missing file is an error, never a camera.
"""

import io
import os
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition

from ..errors import InputError
from ..io.memory import check_memory
from ..io.once import index_is_last, keep, readable
from ..io.paths import is_url, number_in, numbered_files, plain_scheme, video_file
from ..options import AudioTrack

NUMBERED_RATE = 25  # frames a second of numbered images, which have no clock of their own
_STANDARD_INPUT = "pipe:0"
_HEAD = 64 << 10  # bytes of a download that are looked at
_OPEN, _READ = 10.0, 20.0  # timeouts of a network input, seconds
_FURTHER = {"analyzeduration": "120000000", "probesize": str(64 << 20)}
"""Microseconds and bytes in which a stream may begin: FFmpeg looks at 5 seconds and 5 MB for all of them."""


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
            return cls("standard input", _STANDARD_INPUT)
        if is_url(given):
            options = {"rtsp_transport": "tcp"} if str(given).lower().startswith("rtsp") else {}
            return cls(str(given), plain_scheme(given), live=True, options=options)
        path = video_file(given)
        if not path.exists():
            return _numbered(path)
        return cls(str(path), f"file:{path}", path)

    def open(self) -> InputContainer:
        """InputError if it does not exist or is no video."""
        place: Any = self.url
        if self.url == _STANDARD_INPUT:
            place = readable(io.FileIO(0, closefd=False), self.name)
        try:
            return self._open(place)
        except (FFmpegError, ValueError) as error:
            if isinstance(error, FFmpegError):
                check_memory(error)
            if (kept := self.open_kept()) is not None:
                return kept
            reason = getattr(error, "strerror", None) or str(error)
            if self.live:
                raise InputError(self.name, f"cannot be opened: {reason}") from None
            raise InputError(
                self.name, "not a video, or one cut off before its index", "give a whole video file"
            ) from None

    def open_unedited(self) -> InputContainer:
        """A file again, with the times of its media, whatever its edit list makes of them."""
        return self._opened(self.url, self.options | {"ignore_editlist": "1"})

    def _open(self, place: Any) -> InputContainer:
        opened = self._opened(place, self.options)
        if self.path and not all(map(_is_known, opened.streams)):
            opened.close()
            opened = self._opened(place, self.options | _FURTHER)
        return opened

    def _opened(self, place: Any, options: dict[str, str]) -> InputContainer:
        opened = av.open(
            place,
            format=self.format,
            options=dict(options),
            timeout=(_OPEN, _READ) if self.live and place is self.url else None,
            metadata_errors="replace",  # old titles are not in UTF-8
        )
        assert isinstance(opened, InputContainer)
        return opened

    def open_kept(self) -> InputContainer | None:
        """What a server sends that cannot begin in the middle, if it is an mp4 with its index at its end:
        FFmpeg could not read it as it comes. InputError if it is too long to be kept."""
        if not self.url.startswith(("http:", "https:")):
            return None
        try:
            with urllib.request.urlopen(self.url, timeout=_OPEN) as answer:
                head = answer.read(_HEAD)
                streamed = index_is_last(head) is False
                return None if streamed else self._open(keep(answer, self.name, head))
        except (OSError, FFmpegError):
            return None


def picture_streams(container: InputContainer) -> list[av.VideoStream]:
    """The video streams, those marked default first; cover art is no video."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    return sorted(streams, key=_is_other)


def picture_stream(container: InputContainer, name: str, number: int = 0) -> av.VideoStream:
    """The `number`-th of `picture_streams`; InputError if there is none, or FFmpeg has no decoder for it."""
    streams = picture_streams(container)
    if number >= len(streams):
        raise InputError(name, "there is no picture in it, only sound or data", "give a video")
    if streams[number].codec_context is None:
        raise InputError(name, "FFmpeg has no decoder for its pictures", "convert it to H.264")
    return streams[number]


def sound_streams(container: InputContainer, name: str, track: AudioTrack = None) -> list[av.AudioStream]:
    """The sound tracks that `track` asks for, without those that FFmpeg cannot decode or knows nothing of.

    track: a number from 1 on, "all", "none", or None for the one marked default, else the first.
    InputError if there is no track of that number.
    """
    tracks = list(container.streams.audio)
    if isinstance(track, int):
        if not 1 <= track <= len(tracks):
            has = f"has {len(tracks) or 'no'} sound track{'' if len(tracks) == 1 else 's'}"
            raise InputError(f"--audio-track {track}", f"{name} {has}", "choose one that it has, or none")
        tracks = [tracks[track - 1]]
    usable = [each for each in tracks if each.codec_context is not None and _is_known(each)]
    if track == "none":
        return []
    return usable if track == "all" else sorted(usable, key=_is_other)[:1]


def _is_known(stream: av.stream.Stream) -> bool:
    """Whether FFmpeg has found out what a stream of pictures or sound is."""
    if isinstance(stream, av.VideoStream):
        return stream.codec_context is None or stream.codec_context.width > 0
    if isinstance(stream, av.AudioStream):
        return stream.codec_context is None or (stream.rate > 0 and stream.channels > 0)
    return True


def _is_other(stream: av.VideoStream | av.AudioStream) -> bool:
    return not stream.disposition & Disposition.default


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
