"""Which part of the input's sound is wanted, and what an mp4's edit list has already taken out of it."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple, Self

import av

LEAD = Fraction(1, 10)
"""Seconds before a cut that a decoder needs to settle."""
_PRIMING = Fraction(1, 10)  # an encoder's delay, seconds at most: every container has a place for it


@dataclass(frozen=True)
class SoundRange:
    """What sounds in [origin, until) is taken, seconds of the input's clock; until None: to the end.

    cut_start: there is sound before `origin` that is not wanted.
    """

    origin: Fraction
    until: Fraction | None
    cut_start: bool

    def ending(self, end: Fraction | None) -> "SoundRange":
        """The same, but not beyond `end`."""
        if end is None or (self.until is not None and self.until <= end):
            return self
        return replace(self, until=end)


class Edits(NamedTuple):
    """An edit list's effect on a sound track, read from the index that FFmpeg makes of it.

    parts: it takes more than one part. cut_start: it leaves out more than an encoder's delay. end: where it
    ends, seconds of the input's clock, None if it does not say. padding: samples before the first that is
    heard. last: where the last packet begins, ticks.
    """

    parts: bool = False
    cut_start: bool = False
    end: Fraction | None = None
    padding: int = 0
    last: int | None = None

    @classmethod
    def of(cls, source: av.AudioStream) -> Self:
        """Of a track; nothing in containers without edit lists."""
        tick = source.time_base
        if "mov" not in source.container.format.name.split(",") or not tick:
            return cls()
        end = ((source.start_time or 0) + source.duration) * tick if source.duration else None
        entries = list(source.index_entries)
        kept = [place for place, entry in enumerate(entries) if not entry.is_discard]
        if not kept:
            return cls(end=end)
        left_out = (entries[kept[0]].timestamp - entries[0].timestamp) * tick
        padding = ((source.start_time or 0) - entries[0].timestamp) * tick
        return cls(
            kept[-1] - kept[0] + 1 > len(kept),
            left_out > _PRIMING,
            end,
            round(padding * source.rate) if 0 < padding <= 2 * _PRIMING else 0,
            entries[-1].timestamp,
        )
