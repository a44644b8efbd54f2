"""Looks at places all over a file: whether its clock runs through, or recordings were glued together.

Their headers tell of one alone, and FFmpeg goes to a time of the last that shows it.
"""

import os
from fractions import Fraction
from itertools import pairwise
from statistics import fmean, median
from typing import NamedTuple, Self

import av
from av.container import InputContainer
from av.error import FFmpegError

from .clock import BACK
from .demux import demux

_PLACES = 32
"""A recording shorter than this part of the file may be missed."""
_LEAP = 10  # seconds, and times what others take: from place to place the clock runs on by less


class Survey(NamedTuple):
    """steady: whether the clock only runs on. length: seconds of a file where it does not, about, or None."""

    steady: bool = True
    length: Fraction | None = None

    @classmethod
    def of(cls, container: InputContainer, stream: av.VideoStream, path: os.PathLike) -> Self:
        """Of a file opened for this alone, of those whose clock `may_jump`: it is left anywhere."""
        size, times = os.path.getsize(path), []
        for place in range(_PLACES):
            if (at := _time_at(container, stream, size * place // _PLACES)) is not None:
                times.append(at)
        steps = [later - earlier for earlier, later in pairwise(times)]
        forward = [step for step in steps if step >= -BACK]
        most = _LEAP * (1 + median(forward)) if forward else 0
        steady = [step for step in forward if step <= most]
        if len(steady) == len(steps):
            return cls()
        return cls(False, Fraction(fmean(steady) * _PLACES) if steady else None)


def _time_at(container: InputContainer, stream: av.VideoStream, byte: int) -> float | None:
    """When the first packet of the stream from a byte on is decoded, seconds of its own clock."""
    try:
        container.seek(byte, stream=stream, unsupported_byte_offset=True)
        for packet in demux(container, stream):
            if packet.dts is not None:
                return float(packet.dts * packet.time_base)
    except FFmpegError:
        return None
    return None
