"""What a container cuts off its coded pictures: Matroska's PixelCrop and MP4's clean aperture.

FFmpeg's command obeys both; its libraries keep them where PyAV does not reach.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..boxes import FIRST, boxes, inside, kind_of, tracks
from ..ebml import CLUSTER, MAGIC, SEGMENT, TRACK, TRACKS, children, read_element

_TYPE, _VIDEO = 0x83, 0xE0
_CROPS = {0x54CC: "left", 0x54BB: "top", 0x54DD: "right", 0x54AA: "bottom"}
_WAY = (b"mdia", b"minf", b"stbl", b"stsd")
_MOST = 1 << 24  # bytes of a header that are read


class Crop(NamedTuple):
    """Coded pixels cut off at each side."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


def declared_crop(path: Path | None, number: int, size: tuple[int, int]) -> Crop:
    """The crop of a file's video stream `number`, from 0 among its video streams, whose coded pictures are of
    `size` (width, height); none where the file declares none, or one that leaves nothing."""
    if path is None:
        return Crop()
    with open(path, "rb") as file:
        head = file.read(8)
        file.seek(0)
        try:
            if head[:4] == MAGIC:
                crops = list(_matroska(file))
            elif head[4:] in FIRST:
                crops = list(_mp4(file, size))
            else:
                return Crop()
        except (struct.error, IndexError, ZeroDivisionError, OverflowError, OSError):
            return Crop()
    crop = crops[number] if number < len(crops) else Crop()
    inside = crop.left + crop.right < size[0] and crop.top + crop.bottom < size[1] and min(crop) >= 0
    return crop if inside else Crop()


def _matroska(file: BinaryIO) -> Iterator[Crop]:
    """Of each video track."""
    while (element := read_element(file)) is not None:
        name, length = element
        if name == CLUSTER:
            return
        if name == SEGMENT:
            continue
        if name != TRACKS or length is None or length > _MOST:
            file.seek(length or 0, 1)
            continue
        for track_name, track in children(file.read(length)):
            parts = dict(children(track)) if track_name == TRACK else {}
            if _VIDEO in parts and parts.get(_TYPE, b"\1") == b"\1":
                found = {name: int.from_bytes(value, "big") for name, value in children(parts[_VIDEO])}
                yield Crop(**{side: found.get(name, 0) for name, side in _CROPS.items()})
        return


def _mp4(file: BinaryIO, size: tuple[int, int]) -> Iterator[Crop]:
    """Of each video track."""
    for track in tracks(file):
        if kind_of(track) == b"vide":
            entry = next(boxes(inside(track, *_WAY)[8:]), (b"", b""))[1]
            yield _aperture(dict(boxes(entry[78:])).get(b"clap"), size)


def _aperture(box: bytes | None, size: tuple[int, int]) -> Crop:
    """A clean aperture: width, height and the shift of its centre, each a fraction."""
    if box is None:
        return Crop()
    numbers = struct.unpack(">8i", box[:32])
    wide, high, right, down = (numbers[i] / numbers[i + 1] for i in range(0, 8, 2))
    left, top = (size[0] - wide) / 2 + right, (size[1] - high) / 2 + down
    return Crop(int(left), int(top), int(size[0] - wide - left), int(size[1] - high - top))
