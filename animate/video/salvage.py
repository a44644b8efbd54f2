"""Decoding that continues past damage and reports it: a packet that never became a frame is lost time."""

import heapq
from collections import deque
from collections.abc import Generator, Iterator
from fractions import Fraction
from itertools import pairwise

import av
from av.codec.context import Flags
from av.error import FFmpegError

from ..io.timecode import Span, join_spans
from .memory import check_memory

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
    ):
        """packets: the stream's, as they are read. start: report no loss before it, seconds. decoder: used
        instead of the stream's own."""
        assert stream.time_base is not None
        stream.thread_type = "AUTO"
        stream.codec_context.flags |= Flags.output_corrupt  # damaged frames come out, marked
        self._packets, self._stream, self._tick = packets, stream, stream.time_base
        self._decoder = decoder
        self._usual = max(1, round(1 / rate / self._tick))  # ticks of a packet without a duration
        self._waiting: list[tuple[int, int]] = []  # heap of (pts, ticks) of packets not yet decoded
        self._lost: list[Span] = []
        self._passed: deque[tuple[int, int]] = deque(maxlen=32)  # more than any reordering
        self._missing = 0  # packets less frames
        self._errors = 0
        self._start = None if start is None else start / self._tick  # in ticks
        self._last_end: int | None = None  # in ticks
        self._ran_out = False

    def frames(self) -> Generator[av.VideoFrame]:
        """All frames that decode, in order."""
        for packet in self._read():
            if packet.pts is not None and not packet.is_discard:
                ticks = packet.duration or self._usual
                heapq.heappush(self._waiting, (packet.pts, ticks))
                self._missing += 1
                self._last_end = max(self._last_end or 0, packet.pts + ticks)
            try:
                decoded = self._decoder.decode(packet) if self._decoder else packet.decode()
            except FFmpegError as error:
                check_memory(error)
                self._errors += 1
                continue
            for frame in decoded:
                assert isinstance(frame, av.VideoFrame)
                self._account(frame)
                yield frame
        while self._waiting:
            self._passed.append(heapq.heappop(self._waiting))
            self._lose(*self._passed[-1])
        self._ran_out = True

    def lost(self) -> tuple[Span, ...]:
        """Times of the file that did not decode or came out damaged, as far as it has been read."""
        counted = self._ran_out and self._stream.codec_context.name not in _HIDDEN_FRAMES
        complete = not counted or self._missing <= 0  # then times without a frame are the container's mistake
        spans = [] if complete and not self._errors else list(self._lost)
        if self._ran_out and self._stream.duration and self._last_end is not None:
            promised = (self._stream.start_time or 0) + self._stream.duration
            if promised - self._last_end > 2 * self._usual:  # the file is shorter than its index says
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
        for (pts, ticks), (following, _) in pairwise(self._passed):
            if following - (pts + ticks) > ticks // 2:
                yield Span((pts + ticks) * self._tick, following * self._tick)

    def _account(self, frame: av.VideoFrame) -> None:
        self._missing -= 1
        self._errors += frame.is_corrupt
        if frame.pts is None:
            return
        while self._waiting and self._waiting[0][0] <= frame.pts:
            pts, ticks = heapq.heappop(self._waiting)
            if pts < frame.pts or frame.is_corrupt:
                self._lose(pts, ticks)
            self._passed.append((pts, ticks))

    def _lose(self, pts: int, ticks: int) -> None:
        if self._start is not None and pts < self._start:
            return
        begin, end = pts * self._tick, (pts + ticks) * self._tick
        if self._lost and self._lost[-1].end >= begin:
            self._lost[-1] = Span(self._lost[-1].start, max(end, self._lost[-1].end))
        else:
            self._lost.append(Span(begin, end))
