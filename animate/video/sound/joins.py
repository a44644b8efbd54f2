"""Where the parts of an edit list begin inside a packet of sound, which FFmpeg does not tell.

It leaves out the packet that a later part begins in, and plays the next one too early in its stead.
"""

import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
from av.error import FFmpegError

from ..boxes import inside, kind_of, tracks
from ..inputs import Input


def part_delays(given: Input, source: av.AudioStream) -> dict[int, int]:
    """By the time of the first packet of each later part, how much later than that it sounds: both in ticks
    of the track `source`. Empty where the file does not say clearly."""
    if given.path is None:
        return {}
    number = source.container.streams.audio.index(source)
    try:
        begins = _part_begins(given.path, number)
        with given.open_unedited() as plain:
            entries = plain.streams.audio[number].index_entries
            media = {entry.pos: entry.timestamp for entry in entries}
    except (FFmpegError, OSError, struct.error, IndexError):
        return {}
    firsts = list(_firsts(source))
    if len(firsts) != len(begins):
        return {}
    found = {}
    for (at, pos), begin in list(zip(firsts, begins, strict=True))[1:]:
        if 0 < (late := media.get(pos, begin) - begin) < _longest(media):
            found[at] = late
    return found


def _firsts(source: av.AudioStream) -> Iterator[tuple[int, int]]:
    """Time and place of the first packet of each part."""
    kept = False
    for entry in source.index_entries:
        if not entry.is_discard and not kept:
            yield entry.timestamp, entry.pos
        kept = not entry.is_discard


def _longest(media: dict[int, int]) -> int:
    """The longest packet, ticks."""
    return max((later - earlier for earlier, later in pairwise(sorted(media.values()))), default=0)


def _part_begins(path: Path, number: int) -> list[int]:
    """When each part of a sound track's edit list begins, ticks of the track's media."""
    with open(path, "rb") as file:
        sounds = [track for track in tracks(file) if kind_of(track) == b"soun"]
    edits = inside(sounds[number], b"edts", b"elst")
    wide = edits[:1] == b"\1"
    count, form = struct.unpack(">I", edits[4:8])[0], ">Qq4x" if wide else ">Ii4x"
    size = struct.calcsize(form)
    rows = [struct.unpack_from(form, edits, 8 + size * row) for row in range(count)]
    return [begin for length, begin in rows if begin >= 0 and length]
