"""Decoding that continues past damage and reports it: a packet that never became a frame is lost time."""

import heapq
from collections import deque
from collections.abc import Generator, Iterator
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import av
from av.codec.context import Flags
from av.container import InputContainer
from av.error import FFmpegError

from ...io.memory import check_memory
from ...io.timecode import Span, join_spans
from .clock import (
    SteadyClock,
    last_indexed,
    length_slack,
    packet_ticks,
    promised_end,
    promises_for_all,
)

_HIDDEN_FRAMES = {"vp8", "vp9", "av1"}  # their packets may hold references that are never shown


class Salvage:
    """Decodes a video stream packet by packet; errors are counted, not raised.

    Every packet's time is kept until a frame of that time comes out. Frames come in the order of their times,
    so a packet that is passed over is lost, whether the decoder raised an error or not.
    """

    def __init__(
        self,
        packets: Iterator[av.Packet],
        stream: av.VideoStream,
        rate: Fraction,
        start: Fraction | None = None,
        decoder: av.VideoCodecContext | None = None,
        by_decoding: bool = False,
        clock: SteadyClock | None = None,
    ):
        """packets: the stream's, as they are read. start: report no loss before it, seconds. decoder: used
        instead of the stream's own. by_decoding: the packets have no times of presentation. clock: through
        which the packets come."""
        assert stream.time_base is not None
        stream.thread_type = "AUTO"
        stream.codec_context.flags |= Flags.output_corrupt  # damaged frames come out, marked
        self._packets, self._stream, self._tick = packets, stream, stream.time_base
        self._decoder, self._by_decoding, self._clock = decoder, by_decoding, clock
        self._usual = max(1, round(1 / rate / self._tick))  # ticks of a packet without a duration
        self._longest = 0  # ticks from a frame to the next
        self._waiting: list[_Waiting] = []  # heap of packets not yet decoded
        self._lost: list[Span] = []
        self._passed: deque[_Waiting] = deque(maxlen=32)  # more than any reordering
        self._missing = 0  # packets less frames
        self._errors = 0
        self._start = None if start is None else start / self._tick  # in ticks
        self._last_end: int | None = None  # in ticks
        assert isinstance(stream.container, InputContainer)
        self._indexed = last_indexed(stream.container, stream)
        self._last_dts: int | None = None
        self._ran_out = False

    def frames(self) -> Generator[av.VideoFrame]:
        """All frames that decode, in order."""
        for packet in self._read():
            if self._is_header(packet):
                continue
            waiting = self._expect(packet)
            try:
                decoded = self._decoder.decode(packet) if self._decoder else packet.decode()
            except FFmpegError as error:
                check_memory(error)
                self._errors += 1
                if self._by_decoding and waiting:
                    self._lose(waiting)
                continue
            for frame in decoded:
                assert isinstance(frame, av.VideoFrame)
                self._account(frame)
                yield frame
        while self._waiting:
            self._passed.append(heapq.heappop(self._waiting))
            self._lose(self._passed[-1])
        self._ran_out = True

    def _is_header(self, packet: av.Packet) -> bool:
        """Whether it is no picture but a header of Theora, as where recordings are glued together."""
        return self._stream.codec_context.name == "theora" and packet.size > 0 and bytes(packet)[0] > 127

    def _expect(self, packet: av.Packet) -> "_Waiting | None":
        """Note a packet that is to become a frame."""
        self._last_dts = packet.dts if packet.dts is not None else self._last_dts
        if self._by_decoding:
            packet.pts = None
        at = packet.dts if self._by_decoding else packet.pts
        if at is None or packet.is_discard:
            return None
        ticks = packet_ticks(packet)
        known = 8 * ticks >= self._usual  # one tick is no frame's length
        waiting = _Waiting(at, ticks if known else self._usual, known)
        if not self._by_decoding:
            heapq.heappush(self._waiting, waiting)
        self._missing += 1
        self._last_end = max(self._last_end or 0, at + waiting.ticks)
        return waiting

    def lost(self) -> tuple[Span, ...]:
        """Times of the file that did not decode or came out damaged, as far as it has been read."""
        counted = self._ran_out and self._stream.codec_context.name not in _HIDDEN_FRAMES
        complete = not counted or self._missing <= 0  # then times without a frame are the container's mistake
        spans = [] if complete and not self._errors else list(self._lost)
        container = self._stream.container
        assert isinstance(container, InputContainer)
        end = promised_end(container, self._stream) if self._ran_out else None
        if self._indexed is not None and (self._last_dts or 0) >= self._indexed:
            end = None  # all is there: an edit list may show the last picture for longer
        if self._clock and self._clock.jumped:
            end = None  # it was said of another clock
        if end is not None and self._last_end is not None:
            promised = round(end / self._tick)
            slack = max(2 * self._usual, 2 * self._longest, length_slack(container) / self._tick)
            came = self._last_end
            if promises_for_all(container) and self._clock and self._clock.furthest is not None:
                came = max(came, round(self._clock.furthest / self._tick))
            if promised - came > slack:  # the file is shorter than its index says
                spans.append(Span(self._last_end * self._tick, promised * self._tick))
                spans.extend(self._gaps())
        return join_spans(spans)

    def _read(self) -> Iterator[av.Packet]:
        while True:
            try:
                packet = next(self._packets)
            except StopIteration:
                return
            except FFmpegError as error:  # demuxing cannot go on: flush the decoder
                check_memory(error)
                self._errors += 1
                packet = av.Packet()
                packet.stream = self._stream
                yield packet
                return
            yield packet

    def _gaps(self) -> Iterator[Span]:
        """Gaps among the last packets: where a file breaks off, frames stored after later ones are lost."""
        for (pts, ticks, known), (following, *_) in pairwise(self._passed):
            if known and following - (pts + ticks) > ticks // 2:
                yield Span((pts + ticks) * self._tick, following * self._tick)

    def _account(self, frame: av.VideoFrame) -> None:
        self._missing -= 1
        self._errors += frame.is_corrupt
        at = frame.dts if self._by_decoding else frame.pts
        if at is None:
            return
        if self._by_decoding:
            if frame.is_corrupt:
                self._lose(_Waiting(at, self._usual, False))
            return
        while self._waiting and self._waiting[0].at <= at:
            passed = heapq.heappop(self._waiting)
            if passed.at < at or frame.is_corrupt:
                self._lose(passed)
            if self._passed:
                self._longest = max(self._longest, passed.at - self._passed[-1].at)
            self._passed.append(passed)

    def _lose(self, packet: "_Waiting") -> None:
        if self._start is not None and packet.at < self._start:
            return
        begin, end = packet.at * self._tick, (packet.at + packet.ticks) * self._tick
        if self._lost and self._lost[-1].end >= begin:
            self._lost[-1] = Span(self._lost[-1].start, max(end, self._lost[-1].end))
        else:
            self._lost.append(Span(begin, end))


class _Waiting(NamedTuple):
    """A packet's time and length in ticks, and whether the container gave the length."""

    at: int
    ticks: int
    known: bool
