"""The elements of which a Matroska or WebM file is made, for what FFmpeg's libraries keep to themselves."""

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

SEGMENT, TRACKS, CLUSTER = 0x18538067, 0x1654AE6B, 0x1F43B675
TRACK = 0xAE
MAGIC = b"\x1a\x45\xdf\xa3"
_SIZE = 1 << 56  # marks a length of eight bytes


def read_element(file: BinaryIO) -> tuple[int, int | None] | None:
    """The name of the next element and the length of its content, None if unknown; None at the end."""
    name = _number(file, keep=True)
    length = _number(file, keep=False)
    return None if name is None or length is None else (name[0], None if length[1] else length[0])


def children(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Names and contents of the elements that `data` is made of."""
    file = BytesIO(data)
    while (element := read_element(file)) is not None:
        name, length = element
        yield name, file.read() if length is None else file.read(length)


def make_element(name: int, content: bytes) -> bytes:
    """The bytes of one element."""
    return name.to_bytes((name.bit_length() + 7) // 8) + (_SIZE | len(content)).to_bytes(8) + content


def _number(file: BinaryIO, *, keep: bool) -> tuple[int, bool] | None:
    """A number of variable size, with its marking bit if `keep`, and whether all its bits are set."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    data = first + file.read(more)
    value, mark = int.from_bytes(data, "big"), 1 << (7 * (more + 1))
    return value if keep else value - mark, value - mark == mark - 1
