"""The sound of a video, copied packet by packet beside the new frames: re-encoded only where it must be."""

from collections.abc import Generator, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Self

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError

from ..errors import InputWarning, Warn, ignore
from .formats import Output
from .reader import VideoReader

_TRIMMED = {"aac", "mp3", "ac3", "eac3"}  # demuxers of other codecs ignore an edit within a packet
_LEAD = Fraction(1, 10)  # seconds before a cut that a decoder needs to settle
_RATES = {"aac": (32000, 44100, 48000), "libopus": (48000,)}


class Sound:
    """The sound track of a reader on its way into an output container.

    The sound in [origin, until), seconds of the input's own clock, is taken, to the sample, and moved by
    -origin. Packets are copied; a cut inside one is left to the container's edit list. Where the container
    cannot hold the codec, or cannot cut it, the sound is re-encoded, with a warning.
    """

    @classmethod
    def of(
        cls, reader: VideoReader, output: OutputContainer, target: Output, warn: Warn = ignore
    ) -> Self | None:
        """The sound of `reader` as a new stream of `output`; None if it has none."""
        return cls(reader, output, target, warn) if reader.sound else None

    def __init__(self, reader: VideoReader, output: OutputContainer, target: Output, warn: Warn):
        self._reader, self._output, self._warn = reader, output, warn
        self._own: InputContainer | None = None
        if reader.input.path:  # open the file again, to read the sound at its own pace
            self._own = reader.input.open()
        stream = reader.sound
        assert stream is not None
        if self._own:
            stream = self._own.streams[stream.index]
            assert isinstance(stream, av.AudioStream)
        assert stream.time_base is not None
        self._input, self._origin, self._until = stream, reader.origin, reader.until
        self._cut_start = reader.origin > reader.zero  # else sound before the first frame belongs to it
        self._stream: av.AudioStream
        if (reason := self._why_encode(target)) is None:
            self._stream = output.add_stream_from_template(stream)
            self._packets = self._copied()
        else:
            encoder = target.container.sound
            assert encoder is not None
            into = encoder.removeprefix("lib")
            warn(InputWarning(reader.name, f"{target.container.muxer} {reason}, so it is turned into {into}"))
            rates = _RATES[encoder]
            made = output.add_stream(encoder, rate=stream.rate if stream.rate in rates else rates[-1])
            assert isinstance(made, av.AudioStream)
            self._stream = made
            made.layout = "mono" if stream.channels == 1 else "stereo"
            self._packets = self._encoded(made)
        if self._own and self._cut_start:
            with suppress(FFmpegError):  # without an index it is read from the beginning
                self._own.seek(max(0, int((self._origin - 2 * _LEAD) / stream.time_base)), stream=stream)
        self._next: av.Packet | None = None
        self._complete = False  # whether all packets of a reader that is read once have come

    def _why_encode(self, target: Output) -> str | None:
        """Why the packets cannot be copied; None if they can."""
        context, container = self._input.codec_context, target.container
        codec = context.codec.canonical_name
        adts = codec == "aac" and not context.extradata  # described by its packets alone
        if codec not in container.copies or (adts and target.path is None and container.muxer != "mpegts"):
            return f"cannot hold {codec} sound"
        cut = self._cut_start or self._until is not None
        return f"cannot cut {codec} sound" if cut and not (container.trims and codec in _TRIMMED) else None

    def copy_until(self, seconds: Fraction | None) -> None:
        """Mux the packets that begin before `seconds` of the input's clock, all that remain for None."""
        self._complete = seconds is None
        while (packet := self._next or next(self._packets, None)) is not None:
            self._next = packet
            if seconds is not None and _begins(packet) >= seconds - self._origin:
                return
            self._next = None
            self._output.mux(packet)

    def close(self) -> None:
        self._packets.close()
        if self._own:
            self._own.close()

    def _arriving(self) -> Iterator[av.Packet | None]:
        """All packets; from a reader that is read once, None where the next has not come yet."""
        if self._own:
            yield from self._own.demux(self._input)
            return
        queue = self._reader.sound_packets
        while queue or not self._complete:
            yield queue.popleft() if queue else None

    def _read(self, lead: Fraction) -> Iterator[av.Packet | None]:
        """The packets that overlap the range and `lead` seconds before it; ends where the file is damaged."""
        begin_at = self._origin - lead if self._cut_start else None
        try:
            for packet in self._arriving():
                if packet is None:
                    yield None
                    continue
                if packet.dts is None:
                    continue
                begin = _begins(packet)
                if self._until is not None and begin >= self._until:
                    return
                if begin_at is not None and begin + _lasts(packet) <= begin_at:
                    continue
                yield packet
        except FFmpegError as error:
            reason = f"the sound breaks off, the file is damaged there ({error})"
            self._warn(InputWarning(self._reader.name, reason))

    def _copied(self) -> Generator[av.Packet | None]:
        codec = self._input.codec_context.codec.canonical_name
        until = self._ends()
        for packet in self._read(_LEAD if codec in _TRIMMED else Fraction(0)):
            if packet is None:
                yield None
                continue
            if until is not None and _begins(packet) + _lasts(packet) > until:
                packet.duration = max(1, round((until - _begins(packet)) / packet.time_base))
            shift = round(self._origin / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
            packet.stream = self._stream
            yield packet

    def _ends(self) -> Fraction | None:
        """Where the sound is cut: by the reader's end, or by the edit list of the file."""
        stream = self._input
        edited = self._own is not None and "mp4" in self._own.format.name and stream.duration
        if not edited or not stream.time_base or not stream.duration:
            return self._until
        end = ((stream.start_time or 0) + stream.duration) * stream.time_base
        return end if self._until is None else min(self._until, end)

    def _encoded(self, stream: av.AudioStream) -> Generator[av.Packet | None]:
        layout, rate = stream.layout.name, stream.rate
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        for packet in self._read(_LEAD):
            if packet is None:
                yield None
                continue
            try:
                frames = packet.decode()
            except FFmpegError:
                continue
            for frame in frames:
                assert isinstance(frame, av.AudioFrame)
                for piece in resampler.resample(frame):
                    if (part := self._trimmed(piece)) is not None:
                        yield from stream.encode(part)
        for piece in resampler.resample(None):
            if (part := self._trimmed(piece)) is not None:
                yield from stream.encode(part)
        yield from stream.encode(None)

    def _trimmed(self, frame: av.AudioFrame) -> av.AudioFrame | None:
        """The samples of a frame that lie in the range, with the output's time; None if there are none."""
        assert frame.time_base is not None
        begin, rate = (frame.pts or 0) * frame.time_base, frame.sample_rate
        first = max(0, round((self._origin - begin) * rate)) if self._cut_start else 0
        last = frame.samples
        if self._until is not None:
            last = min(last, round((self._until - begin) * rate))
        if first >= last:
            return None
        taken = np.ascontiguousarray(frame.to_ndarray()[:, first:last])
        part = av.AudioFrame.from_ndarray(taken.astype(np.float32), format="fltp", layout=frame.layout.name)
        part.sample_rate, part.time_base = rate, Fraction(1, rate)
        part.pts = round((begin - self._origin) * rate) + first
        return part


def _begins(packet: av.Packet) -> Fraction:
    return (packet.pts or 0) * packet.time_base


def _lasts(packet: av.Packet) -> Fraction:
    return (packet.duration or 0) * packet.time_base
