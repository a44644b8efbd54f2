"""What can be read only once, such as a pipe: passed on as it comes, or kept in a bounded temporary file.

An mp4 or mov may have its index at its end: then nothing in it can be understood before all of it is there.
"""

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from ..errors import InputError

MOST = 8 << 30
"""Bytes that are kept at most."""
_SPARE = 256 << 20  # bytes of the disk that are left free
_CHUNK = 1 << 20
_READ = 64 << 10  # bytes
_HEAD = 16 << 20  # bytes in which the order of an mp4's parts must be seen: some leave room for their index
_BEFORE = {b"ftyp", b"free", b"skip", b"wide", b"uuid", b"pdin", b"styp", b"sidx"}


def readable(raw: io.RawIOBase, name: str) -> io.RawIOBase:
    """`raw` from its beginning, for FFmpeg: itself if it can seek; a temporary file if it is an mp4 with its
    index at its end; else as it comes.

    InputError, about `name`, if such an mp4 is longer than MOST or the disk is full.
    """
    if raw.seekable():
        return raw
    begun = bytearray()
    while index_is_last(begun) is None and (more := raw.read(_READ)):
        begun += more
    head = bytes(begun)
    return keep(raw, name, head) if index_is_last(head) else _Continued(head, raw)


def keep(raw: io.RawIOBase | IO[bytes], name: str, head: bytes = b"", most: int = MOST) -> io.RawIOBase:
    """A temporary file of `head` and what follows in `raw`, which is gone when nobody needs it any more.

    InputError if that is more than `most` bytes, or the disk is full.
    """
    folder = tempfile.gettempdir()
    most = min(most, max(0, shutil.disk_usage(folder).free - _SPARE))
    file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115
    size = 0
    try:
        while head or (head := raw.read(_CHUNK) or b""):
            size += len(head)
            if size > most:
                reason = f"longer than the {most >> 20} MiB that are kept of what can be read only once"
                remedy = (
                    "give the file itself, or an mp4 with its index in front (ffmpeg -movflags faststart)"
                )
                raise InputError(name, reason, remedy)
            file.write(head)
            head = b""
        file.seek(0)
        return _Kept(file)
    except BaseException as error:
        file.close()
        if isinstance(error, OSError):
            raise InputError(name, f"cannot be kept in {folder}: {error.strerror}") from error
        raise


def index_is_last(head: bytes | bytearray) -> bool | None:
    """Whether a file that begins so is an mp4 or mov whose media come before their index; None if more of it
    must be known."""
    at = 0
    while at + 8 <= len(head):
        size, kind = int.from_bytes(head[at : at + 4]), bytes(head[at + 4 : at + 8])
        if kind == b"mdat":
            return True
        if kind not in _BEFORE or size < 8:
            return False
        at += size
    return None if at < _HEAD else False


@contextmanager
def as_file(path: str | os.PathLike) -> Iterator[Path]:
    """`path`, or if it is a pipe a temporary file of what comes out of it; InputError if that is too much."""
    path = Path(path)
    if not path.is_fifo():
        yield path
        return
    with (
        path.open("rb", buffering=0) as raw,
        keep(raw, str(path)) as kept,
        tempfile.NamedTemporaryFile(prefix="gfla-") as file,
    ):
        shutil.copyfileobj(kept, file)
        file.flush()
        try:
            yield Path(file.name)
        except InputError as error:  # nobody knows that file
            if error.subject != file.name:
                raise
            raise InputError(path, error.reason, error.remedy) from error


class _Kept(io.RawIOBase):
    """A file that is closed with it: whoever reads a video does not know that there is one."""

    def __init__(self, file: BinaryIO):
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        return self._file.readinto(buffer)  # type: ignore[attr-defined]

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Continued(io.RawIOBase):
    """The bytes that were read already, then the rest."""

    def __init__(self, head: bytes, raw: io.RawIOBase):
        self._head, self._raw = head, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        if self._head:
            count = min(len(buffer), len(self._head))
            buffer[:count], self._head = self._head[:count], self._head[count:]
            return count
        return self._raw.readinto(buffer) or 0
