"""What of a container's times can be believed: its clock, its rate, its length.

Recordings are glued together, cut and copied from container to container; what their headers say of it is
often left over from before. The times of the packets themselves decide.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction

import av
from av.container import Container, InputContainer

from ...errors import InputError
from ...io.timecode import parse_time

_DISCONTINUOUS, _NO_TIMES = 0x0200, 0x0080  # AVFMT_TS_DISCONT, AVFMT_NOTIMESTAMPS
_INDEXED = "mov"  # its times come from an index and an edit list, which may step back on purpose
_AHEAD = Fraction(10)  # seconds; FFmpeg takes the same for a break in the clock
_OVERFLOW = Fraction(30 * 3600)  # seconds; it believes no leap of more in any container
_PLAUSIBLE = 70  # frames a second up to which a container's average is believed unseen
_TIMED_BY_DECODING = {"avi", "asf"}  # their packets carry no time of presentation
_TO_THE_END = {"matroska,webm", "nut", "asf"}  # their duration counts from 0, wherever they begin

BACK = Fraction(1, 10)
"""Seconds by which a clock may step back, as FFmpeg has it."""
SAMPLE = 60
"""Packets whose times are looked at where the container's average rate is implausible."""


def beginning(container: InputContainer) -> Fraction:
    """When the container's content begins, seconds, rounded to a microsecond as FFmpeg has it."""
    return Fraction(container.start_time or 0, av.time_base)


def duration(container: InputContainer) -> Fraction | None:
    """How long the container's content is, seconds; None if it does not say."""
    if not container.duration:
        return None
    return _less_start(container, Fraction(container.duration, av.time_base), beginning(container))


def stream_duration(container: InputContainer, stream: av.VideoStream) -> Fraction | None:
    """How long the stream is, seconds, or else the container's content; None if neither says."""
    whole = duration(container)
    if not stream.duration or not stream.time_base:
        end = _said_in_tags(stream)
        start = (stream.start_time or 0) * (stream.time_base or 0)
        if (earlier := beginning(container)) < 0:  # its first packets have lost their times
            start = earlier
        return end - start if whole and end and start < end < start + whole else whole
    start = (stream.start_time or 0) * stream.time_base
    return _less_start(container, stream.duration * stream.time_base, start)


def _said_in_tags(stream: av.VideoStream) -> Fraction | None:
    """When a track of Matroska ends, seconds, as programs that write it note."""
    try:
        return parse_time(stream.metadata["DURATION"])
    except (KeyError, InputError):
        return None


def promised_end(container: InputContainer, stream: av.VideoStream) -> Fraction | None:
    """When the stream is to end, seconds of its clock, as its header says; None if it does not."""
    length = stream_duration(container, stream) if stream.duration else None
    if length is None or not stream.time_base:
        return None
    if container.format.name == "avi":  # a count of ticks, which a file that was cut off keeps
        length = max(length, stream.frames * stream.time_base)
    return (stream.start_time or 0) * stream.time_base + length


def last_indexed(container: InputContainer, stream: av.VideoStream) -> int | None:
    """When the last packet of the stream's index is decoded, ticks; None without a whole index."""
    count = len(stream.index_entries)
    if not _is_indexed(container) or not stream.frames or not count:
        return None
    return stream.index_entries[count - 1].timestamp


def _less_start(container: InputContainer, length: Fraction, start: Fraction) -> Fraction:
    """A container's `length`, without what lies before `start` where it counts from 0 of its clock."""
    fragmented = _is_indexed(container) and not any(stream.frames for stream in container.streams.video)
    unsaid = container.format.name == "flv" and start > length / 2  # FFmpeg takes its last packet's time
    from_zero = container.format.name in _TO_THE_END or fragmented or unsaid
    return length - start if from_zero and length > start else length


def _is_indexed(container: Container) -> bool:
    return _INDEXED in container.format.name.split(",")


def promises_for_all(container: InputContainer) -> bool:
    """Whether every stream says how long the file is, however long it is itself."""
    return container.format.name == "asf"


def length_slack(container: InputContainer) -> Fraction:
    """By how many seconds what came may be shorter than what was promised."""
    return Fraction(promises_for_all(container))


def may_jump(container: InputContainer) -> bool:
    """Whether recordings of its kind are glued together byte by byte, each with a clock of its own."""
    return bool(container.format.flags & _DISCONTINUOUS)


def has_no_times(container: InputContainer) -> bool:
    """Whether it is a bare stream, timed by counting alone."""
    return bool(container.format.flags & _NO_TIMES)


def timed_by_decoding(container: InputContainer) -> bool:
    """Whether its packets say when they are decoded only: a frame's time is its decoder's."""
    return container.format.name in _TIMED_BY_DECODING or has_no_times(container)


def is_rate_plausible(stream: av.VideoStream) -> bool:
    """Whether the container's average rate may be taken without a look at the packets; not one far above the
    stream's own, which may be of fields."""
    rate, own = stream.average_rate, stream.base_rate
    return rate is not None and 0 < rate <= _PLAUSIBLE and not (own and rate > own * 3 / 2)


def believable_rate(stream: av.VideoStream, times: Iterable[int]) -> Fraction:
    """Frames a second: the container's average, or what the first packets' `times` (ticks) say better."""
    average = stream.average_rate
    others = (stream.guessed_rate, stream.base_rate, stream.codec_context.framerate)
    declared = [Fraction(rate) for rate in others if rate]
    at = sorted(set(times))
    plausible = [Fraction(rate) for rate in (average, *declared) if rate and rate <= _PLAUSIBLE]
    if stream.time_base is None or len(at) < 2 or (len(at) == 2 and plausible):
        return plausible[0] if plausible else Fraction(25)
    measured = (len(at) - 1) / ((at[-1] - at[0]) * stream.time_base)
    if average and average <= measured * 3 / 2:
        return Fraction(average)
    near = [rate for rate in declared if abs(rate / measured - 1) < Fraction(1, 20)]
    return near[0] if near else measured.limit_denominator(1001) or measured


def packet_ticks(packet: av.Packet) -> int:
    """How long a packet says it lasts, ticks; 0 if it does not, or a negative time: where recordings in Ogg
    are glued together FFmpeg takes such for one of 32 bits without a sign."""
    ticks = max(packet.duration or 0, 0)
    negative = ticks >> 31 == 1 and packet.stream.container.format.name == "ogg"
    return 0 if negative else ticks


class SteadyClock:
    """Moves packets to where they are played: a clock that jumps goes on instead.

    Call it with every packet of pictures and sound in the file's order; it changes their times. Where a
    recording begins again its clock steps back, a broadcast's also leaps ahead, a counter overflows. told:
    called once with the time, seconds, of the first jump. sought: they do not come from the beginning.

    furthest: up to which time packets came, seconds, None before the first. jumped: whether any clock did.
    """

    def __init__(
        self,
        container: InputContainer,
        told: Callable[[Fraction], object] | None = None,
        sought: bool = False,
    ):
        self.active = not _is_indexed(container)
        self._discontinuous = may_jump(container)
        self._ahead = _AHEAD if self._discontinuous else _OVERFLOW
        self._next: dict[int, tuple[Fraction, Fraction]] = {}  # by stream: last time and end, seconds
        self._before: dict[int, Fraction] = {}  # by stream that did not jump with others
        self._shift = Fraction(0)
        self._begin = beginning(container) if self._discontinuous and not sought else None
        self.furthest: Fraction | None = None
        self.jumped = False
        self._told = told

    def __call__(self, packet: av.Packet) -> None:
        """Shift the packet's times in place."""
        if not self.active or packet.dts is None:
            self._move(packet, self._shift)
            return
        tick, stream, shift = packet.time_base, packet.stream.index, self._shift
        at = packet.dts * tick
        begin = at + shift if self._begin is None else self._begin  # Ogg counts some streams from 0 alone
        last, expected = self._next.get(stream, (at + shift, begin))
        before = self._before.pop(stream, shift)
        nearer = abs(at + before - expected) < abs(at + shift - expected)
        if nearer and not self._jumps(at + before, last, expected):
            shift = self._before[stream] = before  # a parser held it back over the jump, or it has none
        elif self._jumps(at + shift, last, expected):
            others = self._next.keys() - self._before.keys() - {stream}
            self._before |= dict.fromkeys(others, shift)
            shift = self._shift = expected - at
            self.jumped = True
            if self._told and stream in self._next:
                self._told(expected)
                self._told = None
        end = at + shift + packet_ticks(packet) * tick
        self._next[stream] = (at + shift, end)
        self.furthest = end if self.furthest is None else max(self.furthest, end)
        if self._begin is not None:  # a stream that comes late begins late
            self._begin = max(self._begin, self.furthest - self._ahead)
        self._move(packet, shift)

    def _jumps(self, now: Fraction, last: Fraction, expected: Fraction) -> bool:
        return now + BACK < last or abs(now - expected) > self._ahead

    def _move(self, packet: av.Packet, shift: Fraction) -> None:
        if shift:
            ticks = round(shift / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks
