"""Goes to a key frame at or before a time: containers without an index lead FFmpeg to any packet near it."""

from fractions import Fraction
from itertools import pairwise

import av
from av.container import InputContainer
from av.error import FFmpegError

from .clock import has_no_times
from .demux import demux

_STEPS = tuple(Fraction(step) for step in ("0.2", "1", "4", "16", "64"))
"""Seconds to go back until there is a key frame; the first as B-frames may be stored after later ones."""


def seek_key_frame(container: InputContainer, stream: av.VideoStream, seconds: Fraction) -> bool:
    """Go to where the packets of `stream` from the first key frame on give all frames from `seconds`, of its
    clock. False if no such place is found: then it has to be read from its beginning, opened again."""
    times = [entry.timestamp for entry in stream.index_entries]
    edited = any(
        later < earlier for earlier, later in pairwise(times)
    )  # a place for each part of an edit list
    if edited or has_no_times(container):
        return False
    assert stream.time_base
    begin = (stream.start_time or 0) * stream.time_base
    for step in _STEPS:
        at = max(seconds - step, begin)
        if not _seek(container, stream, at):
            return False
        if _has_key_frame(container, stream, seconds):
            return _seek(container, stream, at)
        if at == begin:
            break
    return False


def _seek(container: InputContainer, stream: av.VideoStream, seconds: Fraction) -> bool:
    assert stream.time_base
    try:
        container.seek(int(seconds / stream.time_base), stream=stream)
    except FFmpegError:
        return False
    return True


def _has_key_frame(container: InputContainer, stream: av.VideoStream, seconds: Fraction) -> bool:
    """Whether the first key frame of the packets to come is not after `seconds`."""
    try:
        for packet in demux(container, stream):
            at = packet.dts if packet.pts is None else packet.pts
            if packet.is_keyframe and packet.size:
                return at is not None and at * packet.time_base <= seconds
            if packet.dts is not None and packet.dts * packet.time_base > seconds:
                return False
    except FFmpegError:
        return False
    return False
