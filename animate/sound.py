"""The sound of a video, copied packet by packet beside the new pictures: nothing is lost or re-encoded."""

import logging
from collections.abc import Generator, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError

log = logging.getLogger(__name__)

_FITS_MP4 = {"aac", "mp3", "opus", "ac3", "eac3", "alac", "flac"}  # pcm too, but browsers do not play it


class Sound:
    """The first sound track of a file on its way into an output container.

    Packets that overlap [origin, until), seconds of the file's own clock, are taken and moved by -origin.
    A codec that mp4 cannot hold is turned into aac, and said so.
    """

    @classmethod
    def of(cls, path: Path, output: OutputContainer, origin: Fraction, until: Fraction | None) -> Self | None:
        """The sound of `path` as a new stream of `output`; None if the file has none."""
        source = av.open(str(path))
        if not source.streams.audio:
            source.close()
            return None
        return cls(source, output, origin, until)

    def __init__(
        self, source: InputContainer, output: OutputContainer, origin: Fraction, until: Fraction | None
    ):
        self._source, self._output, self._origin, self._until = source, output, origin, until
        self._input = stream = source.streams.audio[0]
        codec = stream.codec_context.codec.canonical_name
        if codec in _FITS_MP4:
            self._stream = output.add_stream_from_template(stream)
            self._packets = self._copied()
        else:
            log.warning("%s: mp4 cannot hold %s sound, so it is turned into aac.", source.name, codec)
            rate = stream.rate if stream.rate in (32000, 44100, 48000) else 48000
            self._stream = output.add_stream("aac", rate=rate)
            self._stream.layout = "mono" if stream.channels == 1 else "stereo"
            self._packets = self._encoded()
        if origin and stream.time_base:
            with suppress(FFmpegError):  # without an index it is read from the beginning
                source.seek(int(origin / stream.time_base), stream=stream)
        self._next = next(self._packets, None)

    def copy_until(self, seconds: Fraction | None) -> None:
        """Mux the packets that begin before `seconds` of the file's clock, all that are left for None."""
        while (packet := self._next) is not None:
            if seconds is not None and self._begins(packet) >= seconds - self._origin:
                return
            self._output.mux(packet)
            self._next = next(self._packets, None)

    def close(self) -> None:
        self._packets.close()
        self._source.close()

    def _begins(self, packet: av.Packet) -> Fraction:
        return (packet.pts or 0) * packet.time_base

    def _read(self) -> Iterator[av.Packet]:
        """The file's packets that overlap the range; where damage stops the reading, the sound ends."""
        try:
            for packet in self._source.demux(self._input):
                if packet.dts is None:
                    continue
                begin = self._begins(packet)
                if self._until is not None and begin >= self._until:
                    return
                if self._origin and begin + (packet.duration or 0) * packet.time_base <= self._origin:
                    continue
                yield packet
        except FFmpegError as error:
            log.warning("%s: the sound breaks off, the file is damaged there (%s).", self._source.name, error)

    def _copied(self) -> Generator[av.Packet]:
        for packet in self._read():
            shift = round(self._origin / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
            packet.stream = self._stream
            yield packet

    def _encoded(self) -> Generator[av.Packet]:
        layout, rate = self._stream.layout.name, self._stream.rate
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate, frame_size=1024)
        for packet in self._read():
            try:
                frames = packet.decode()
            except FFmpegError:
                continue
            for frame in frames:
                if frame.pts is not None:
                    frame.pts -= round(self._origin / frame.time_base)
                for piece in resampler.resample(frame):
                    yield from self._stream.encode(piece)
        for piece in resampler.resample(None):
            yield from self._stream.encode(piece)
        yield from self._stream.encode(None)
