"""The boxes of which an mp4 or mov is made, for what FFmpeg's libraries keep to themselves."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

FIRST = (b"ftyp", b"moov", b"wide", b"mdat", b"free", b"skip")
"""Names of boxes with which a file begins."""
_MOST = 1 << 24  # bytes of an index that are read


def tracks(file: BinaryIO) -> Iterator[bytes]:
    """Each track's box in the file's index, from the place where `file` is."""
    index = b""
    while len(head := file.read(8)) == 8 and not index:
        length, begun = struct.unpack(">I", head[:4])[0], 8
        if length == 1:
            length, begun = int.from_bytes(file.read(8)), 16
        whole = length == 0  # up to the file's end
        if length < begun and not whole:
            return
        if head[4:] == b"moov":
            index = file.read(_MOST if whole else min(length - begun, _MOST))
        elif whole:
            return
        else:
            file.seek(length - begun, 1)
    yield from (content for name, content in boxes(index) if name == b"trak")


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of the boxes that `data` is made of."""
    at = 0
    while at + 8 <= len(data):
        length = struct.unpack_from(">I", data, at)[0]
        if length < 8:
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + length]
        at += length


def inside(data: bytes, *names: bytes) -> bytes:
    """The content of the box that these names lead to, one within the other; empty where there is none."""
    for name in names:
        data = dict(boxes(data)).get(name, b"")
    return data


def kind_of(track: bytes) -> bytes:
    """What a track holds: vide, soun, or another four letters."""
    return inside(track, b"mdia", b"hdlr")[8:12]
