"""Checks of uploads before anything else reads them: kind, size and length."""

import os
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream
from gfla.animate import InputError
from gfla.animate.io.paths import existing_file
from gfla.animate.io.picture_files import open_picture
from gfla.animate.io.timecode import clock
from gfla.animate.video.inputs import picture_streams
from gfla.animate.video.packets.clock import duration
from gfla.animate.video.webp import DEFAULT_MS
from gfla.demos.app.visitors.limits import Limits
from PIL import Image, UnidentifiedImageError

Part = tuple[Fraction | float | None, Fraction | float | None]
"""Start and end, seconds; None for the driver's own."""
_PICTURES = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF", "HEIF")
_MOST_PIXELS = 10**8  # of a picture: three bytes each once it is decoded
_MAGIC = (
    (4, b"ftyp"),
    (4, b"moov"),
    (4, b"wide"),
    (4, b"mdat"),
    (4, b"free"),
    (4, b"skip"),
    (0, b"\x1a\x45\xdf\xa3"),  # Matroska, WebM
    (8, b"AVI "),
    (8, b"WEBP"),
    (0, b"GIF8"),
    (0, b"\x00\x00\x01\xba"),
    (0, b"OggS"),
    (0, b"FLV\x01"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),  # WMV, ASF
)
_PACKETS = ((0, 188), (4, 192))
"""(offset, size) of the packets of MPEG-TS, each of which begins with one byte; of a camera's .m2ts."""
"""(offset, bytes) with which video files begin. Others are refused unopened: a playlist, which is text, would
make FFmpeg open any file or address that it names."""


def check_portrait(path: str | Path, limits: Limits) -> int:
    """Pixels of the picture's longer side; InputError if it is not a picture or far too large."""
    file = _check_bytes(path, limits)
    Image.init()
    try:
        with open_picture(file, _PICTURES) as image:
            width, height = image.size
    except InputError as error:
        raise InputError(file.name, error.reason, error.remedy) from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, RuntimeError):
        raise InputError(file.name, "this is not a picture that we can read", "send a JPEG or PNG") from None
    _check_side(file, width, height, limits.most_side)
    if width * height > _MOST_PIXELS:
        raise InputError(file.name, f"{width} x {height} is too large", "send a smaller picture")
    return max(width, height)


def check_driving(path: str | Path, limits: Limits) -> float:
    """Seconds of the video; InputError if it is not a video or too large."""
    file = _check_bytes(path, limits)
    with open(file, "rb") as opened:
        beginning = opened.read(1024)
    if not _is_video(beginning):
        raise InputError(file.name, "this is not a video that we can read", "send an MP4, MOV or WebM")
    if beginning[8:12] == b"WEBP":  # FFmpeg does not read animated ones; gfla does
        width, height, length = _webp(file)
    else:
        width, height, length = _video(file)
    _check_side(file, width, height, limits.side)
    return length


def check_length(path: Path, length: float, part: Part, limits: Limits) -> None:
    """InputError if the part of a video of `length` seconds, from start to end, is longer than allowed."""
    start, end = part
    used = float(min(length, length if end is None else end) - (start or 0))
    if used > limits.seconds + 1:
        used, most = (clock(seconds).partition(".")[0] for seconds in (used, limits.seconds))
        what = "video" if part == (None, None) else "part"
        reason = f"this {what} is {used} long, and at most {most} is allowed"
        raise InputError(path.name, reason, "choose a shorter part of it")


def _is_video(beginning: bytes) -> bool:
    """Whether a file that begins so is a video of a known kind."""
    if any(beginning[at : at + len(magic)] == magic for at, magic in _MAGIC):
        return True
    return any(beginning[at::size][:4] == b"\x47" * 4 for at, size in _PACKETS)


def _video(file: Path) -> tuple[int, int, float]:
    """Width, height and seconds of a video that FFmpeg reads."""
    try:
        with av.open(str(file)) as container:
            video = next(iter(picture_streams(container)), None)
            if video is None:
                raise InputError(file.name, "there is no picture in it, only sound", "send a video")
            length = duration(container)
            seconds = _last_time(container, video) if length is None else float(length)
            return video.width, video.height, seconds
    except InputError:
        raise
    except (FFmpegError, ValueError):
        raise InputError(file.name, "this video is damaged", "send a whole one") from None


def _last_time(container: InputContainer, video: VideoStream) -> float:
    """Seconds to the last packet, for videos without a duration, such as a browser's recordings."""
    times = [packet.pts for packet in container.demux(video) if packet.pts is not None]
    return float((max(times) - min(times)) * (video.time_base or 0)) if times else 0.0


def _webp(file: Path) -> tuple[int, int, float]:
    """Width, height and seconds of a WebP picture, from the headers of its chunks: nothing is decoded."""
    try:
        with Image.open(file, formats=("WEBP",)) as image:
            width, height = image.size
    except (Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        raise InputError(file.name, "this WebP picture is damaged or too large", "send another") from None
    milliseconds = 0
    with open(file, "rb") as opened:
        opened.seek(12)
        while len(head := opened.read(8)) == 8:
            length = int.from_bytes(head[4:], "little")
            if head[:4] == b"ANMF":
                milliseconds += int.from_bytes(opened.read(16)[12:15], "little") or DEFAULT_MS
                length -= 16
            opened.seek(length + length % 2, os.SEEK_CUR)
    return width, height, milliseconds / 1000


def _check_bytes(path: str | Path, limits: Limits) -> Path:
    file = existing_file(path)
    size = file.stat().st_size
    if size > limits.bytes:
        size, most = (f"{each / 2**20:.0f} MB" for each in (size, limits.bytes))
        raise InputError(
            file.name, f"this file has {size}, and at most {most} is allowed", "send a smaller one"
        )
    return file


def _check_side(file: Path, width: int, height: int, most: int) -> None:
    if max(width, height) > most:
        reason = f"{width} x {height} is too large"
        raise InputError(file.name, reason, f"send one of at most {most} pixels on its longer side")
