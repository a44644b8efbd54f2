"""A sound track that is decoded, cut to the sample and encoded again, as its container holds it."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError

from ..packets.clock import packet_ticks
from ..support import open_layout
from .padding import leave_out
from .range import LEAD, SoundRange

_JITTER = Fraction(1, 500)  # seconds by which times may be off: containers round them to a millisecond
_BACK = Fraction(1, 10)  # seconds that a clock which stood still may be behind the samples
_BITS = {"aac": 96_000, "libopus": 96_000}  # a second and channel


class EncodedTrack:
    """Encodes what `source` sounds like within `within`, to the sample.

    What an edit list leaves out is not heard; where its parts overlap the later one is, and gaps are silent.
    As many channels are kept as the encoder takes.

    Attributes:
        stream: of the output. codec: its encoder. written: seconds of the output up to which packets were
        made. mixed: says how channels were mixed, "" if they were not.
    """

    def __init__(
        self,
        source: av.AudioStream,
        output: OutputContainer,
        encoder: str,
        within: SoundRange,
        delays: Mapping[int, int] | None = None,
    ):
        """delays: of an edit list's later parts, as `part_delays` has them."""
        rates = av.Codec(encoder, "w").audio_rates
        rate = source.rate if not rates or source.rate in rates else 48000
        layout = open_layout(encoder, source.layout, rate)
        made = output.add_stream(encoder, rate=rate)
        assert isinstance(made, av.AudioStream)
        made.layout = layout.name
        if encoder in _BITS:
            made.codec_context.bit_rate = _BITS[encoder] * layout.nb_channels
        self.codec = encoder
        self._format, self._kind = ("flt", np.float32) if encoder in _BITS else ("dbl", np.float64)
        self.stream, self._source, self._within = made, source, within
        self._rate, self._layout = rate, layout.name
        few, many = layout.nb_channels, source.channels
        self.mixed = f"{many} channels mixed to {few}" if few < many else ""
        self._resampler: av.AudioResampler | None = None
        self._given: tuple[str, str, int] | None = None
        self._held: np.ndarray | None = None  # (samples, channels), not yet encoded
        self._at = 0  # the sample of the output at which the held ones begin
        self._said: int | None = None  # at which sample the last piece was said to begin
        self._delays, self._delay = delays or {}, 0
        self._before: av.Packet | None = None  # the last that is not heard: a part may begin in it
        self._parted = False  # whether an edit list has left something out since the last piece

    @property
    def written(self) -> Fraction:
        return Fraction(self._at, self._rate)

    def packets(self, packet: av.Packet) -> Iterator[av.Packet]:
        """What the encoder makes of one packet of the source."""
        for each in self._joined(packet) if self._delays else (packet,):
            yield from self._packets(each)

    def _joined(self, packet: av.Packet) -> Iterator[av.Packet]:
        """The packet at its time, and where a part begins in the one before that as well: one that is not
        heard is held until the next has come."""
        before, self._before = self._before, None
        if packet.pts is not None and packet.pts in self._delays and not packet.is_discard:
            self._delay, self._parted = self._delays[packet.pts], True
            if before is not None and packet_ticks(packet) > self._delay:
                yield self._begun(before, packet)
        elif before is not None:
            yield before
        if packet.is_discard:
            self._before = packet
            return
        if packet.pts is not None:
            packet.pts += self._delay
        yield packet

    def _begun(self, before: av.Packet, first: av.Packet) -> av.Packet:
        """The packet that a part begins in, of which nothing but that is heard."""
        begun = av.Packet(bytes(before))
        begun.stream, begun.time_base = before.stream, before.time_base
        assert first.pts is not None
        length = packet_ticks(first)
        begun.pts = begun.dts = first.pts + self._delay - length
        begun.duration = length
        leave_out(begun, before=round((length - self._delay) * first.time_base * self._source.rate))
        return begun

    def _packets(self, packet: av.Packet) -> Iterator[av.Packet]:
        within, tick = self._within, packet.time_base
        self._parted = self._parted or packet.is_discard
        if packet.pts is not None:
            begin, length = packet.pts * tick, packet_ticks(packet) * tick
            if within.until is not None and begin >= within.until:
                return
            if (within.cut_start or packet.is_discard) and begin + length <= within.origin - LEAD:
                return
        try:
            frames = packet.decode()
        except FFmpegError:
            return
        yield from self._encode(frames)

    def rest(self) -> Iterator[av.Packet]:
        """What decoder and encoder still hold."""
        try:
            frames = self._source.codec_context.decode(None)
        except FFmpegError:
            frames = []
        yield from self._encode(frames)
        yield from self._place(self._resampler.resample(None) if self._resampler else [])
        yield from self._release()
        yield from self.stream.encode(None)

    def _encode(self, frames: list[av.AudioFrame]) -> Iterator[av.Packet]:
        for frame in frames:
            given = (frame.format.name, frame.layout.name, frame.sample_rate)
            if given != self._given:  # a broadcast may change them on its way
                yield from self._place(self._resampler.resample(None) if self._resampler else [])
                self._resampler = av.AudioResampler(format=self._format, layout=self._layout, rate=self._rate)
                self._given = given
            assert self._resampler
            yield from self._place(self._resampler.resample(frame))

    def _place(self, pieces: list[av.AudioFrame]) -> Iterator[av.Packet]:
        """Put pieces of sound at their times, after what is held."""
        for piece in pieces:
            if not piece.samples:
                continue
            samples = piece.to_ndarray().reshape(-1, self.stream.channels)
            end = self._at + (0 if self._held is None else len(self._held))
            at = end
            if piece.pts is not None and piece.time_base is not None:
                at = round((piece.pts * piece.time_base - self._within.origin) * self._rate)
            stands = at == self._said or 0 < end - at <= _BACK * self._rate  # its clock, for long or once
            self._said = at
            if (end and not self._parted and stands) or abs(at - end) <= _JITTER * self._rate:
                at = end
            self._parted = False
            if at < self._at:  # before the range, or before what is encoded already
                samples, at = samples[self._at - at :], self._at
            if self._within.until is not None:
                last = round((self._within.until - self._within.origin) * self._rate)
                samples = samples[: max(0, last - at)]
            if not len(samples):
                continue
            if at < end and self._held is not None:  # an overlap: the later part is heard
                self._held = self._held[: at - self._at]
            yield from self._release()
            yield from self._silence(at)
            self._held = samples

    def _silence(self, until: int) -> Iterator[av.Packet]:
        """Encode silence up to a sample, a second at a time."""
        channels = self.stream.channels
        while self._at < until:
            count = min(self._rate, until - self._at)
            self._held = np.zeros((count, channels), self._kind)
            yield from self._release()

    def _release(self) -> Iterator[av.Packet]:
        """Encode what is held."""
        held, self._held = self._held, None
        if held is None or not len(held):
            return
        samples: Any = np.ascontiguousarray(held, self._kind).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format=self._format, layout=self._layout)
        frame.sample_rate, frame.time_base, frame.pts = self._rate, Fraction(1, self._rate), self._at
        self._at += len(held)
        yield from self.stream.encode(frame)
