"""The boxes of an mp4, of any length that a damaged file may claim."""

import io

import pytest
from gfla.animate.video.boxes import tracks

TRACK = (12).to_bytes(4) + b"trak" + b"1234"


def box(name: bytes, content: bytes, length: int | None = None) -> bytes:
    return (8 + len(content) if length is None else length).to_bytes(4) + name + content


@pytest.mark.parametrize("length", [20, 0, 1 << 31], ids=["its own", "to the end", "beyond the end"])
def test_tracks_are_found(length: int):
    file = box(b"ftyp", b"isom") + box(b"moov", TRACK, length)
    assert list(tracks(io.BytesIO(file))) == [b"1234"]


def test_a_long_length_is_read():
    file = (1).to_bytes(4) + b"moov" + (28).to_bytes(8) + TRACK
    assert list(tracks(io.BytesIO(file))) == [b"1234"]


@pytest.mark.parametrize(
    "file",
    [
        box(b"moov", TRACK, 3),
        (1).to_bytes(4) + b"moov" + (9).to_bytes(8) + TRACK,
        (1).to_bytes(4) + b"moov" + b"12",
        box(b"free", b"", 5) + box(b"moov", TRACK),
        box(b"free", b"", 0) + box(b"moov", TRACK),
    ],
    ids=["short index", "short long length", "cut length", "short other", "other to the end"],
)
def test_a_length_that_cannot_be_ends_the_search(file: bytes):
    assert list(tracks(io.BytesIO(file))) == []
