"""Exact times and spans of time, as text and back: commands take them, messages name them."""

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from ..errors import InputError


class Span(NamedTuple):
    """From start to end, exact seconds."""

    start: Fraction
    end: Fraction

    def __str__(self) -> str:
        return f"{clock(self.start)} to {clock(self.end)}"


def parse_time(text: str) -> Fraction:
    """Seconds from "12.5", "1:02.5" or "0:01:02.5", exact; InputError for anything else."""
    parts = text.strip().split(":")
    try:
        numbers = [Fraction(part) for part in parts]
    except (ValueError, ZeroDivisionError):
        numbers = []
    whole = all(part.isdecimal() for part in parts[:-1]) and not any(c in text for c in "/eE_+-")
    if not numbers or not whole or len(parts) > 3 or any(number >= 60 for number in numbers[1:]):
        raise InputError(text, "not a time", "write seconds (12.5) or h:mm:ss (0:01:02.5)")
    seconds = Fraction(0)
    for number in numbers:
        seconds = seconds * 60 + number
    return seconds


def exact(seconds: Fraction | float) -> Fraction:
    """The same time as a Fraction; a float counts as the decimal that it prints as: 0.4 is 2/5."""
    return Fraction(str(seconds)) if isinstance(seconds, float) else Fraction(seconds)


def clock(seconds: Fraction | float | None) -> str:
    """Seconds as m:ss.mmm, or h:mm:ss.mmm from an hour on; None is "the end"."""
    if seconds is None:
        return "the end"
    total = round(Fraction(seconds) * 1000)
    sign, total = ("-" if total < 0 else ""), abs(total)
    minutes, milli = divmod(total, 60_000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{milli // 1000:02d}.{milli % 1000:03d}"
    return f"{sign}{hours}:{minutes:02d}:{tail}" if hours else f"{sign}{minutes}:{tail}"


def join_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The spans in order; those that touch are joined."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return tuple(joined)


def list_spans(spans: Iterable[Span], most: int = 5) -> str:
    """The spans as text: "0:01.000 to 0:02.000 and 0:05.000 to 0:05.500"; after `most` their number."""
    spans = tuple(spans)
    words = [str(span) for span in spans[:most]]
    if len(spans) > most:
        words.append(f"{len(spans) - most} more")
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}"
