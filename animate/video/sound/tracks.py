"""The sound tracks of a reader on their way into an output container, in step with the pictures."""

from collections.abc import Generator, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Self

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import Discard, Disposition

from ...errors import InputWarning, Warn, ignore
from ...io.timecode import clock
from ..formats import Output
from ..packets.clock import SteadyClock
from ..packets.demux import demux
from ..reader import VideoReader
from ..support import holds_sound, is_lossless
from .copied import CopiedTrack
from .encoded import EncodedTrack
from .joins import part_delays
from .range import LEAD, Edits, SoundRange

_TRIMMED = {"aac", "mp3", "ac3", "eac3"}  # demuxers of other codecs ignore an edit within a packet
_KEPT_TAGS = ("language", "title")
_SPREAD = Fraction(2)  # seconds by which packets may be stored after later ones of another track
_STEPS = "goes on where its clock steps back or leaps: recordings glued together, it seems"


class Sound:
    """The sound tracks that a reader keeps.

    The sound in [origin, until), seconds of the input's own clock, is taken, to the sample, and moved by
    -origin. Packets are copied; a cut inside one is left to the container's edit list. Where the container
    cannot hold the codec, or cannot cut it, and where an edit list takes more than one part, the sound is
    re-encoded, with a warning. Sound that cannot be written ends there, with a warning: the pictures go on.
    """

    @classmethod
    def of(
        cls, reader: VideoReader, output: OutputContainer, target: Output, warn: Warn = ignore
    ) -> Self | None:
        """The sound of `reader` as new streams of `output`; None if it has none."""
        return cls(reader, output, target, warn) if reader.sounds else None

    def __init__(self, reader: VideoReader, output: OutputContainer, target: Output, warn: Warn):
        self._reader, self._output, self._warn = reader, output, warn
        self._own: InputContainer | None = None
        sources = reader.sounds
        if reader.input.path:  # open the file again, to read the sound at its own pace
            self._own = reader.input.open()
            sources = [self._own.streams[stream.index] for stream in sources]
        self._told = False
        cut = reader.origin > reader.zero
        self._range = SoundRange(reader.origin if cut else reader.began, reader.until, cut)
        self._tracks: dict[int, CopiedTrack | EncodedTrack] = {}
        for source in sources:
            assert isinstance(source, av.AudioStream)
            self._tracks[source.index] = self._track(source, target, first=not self._tracks)
        self._sought = cut and reader.sought
        if self._own and self._sought:
            start, tick = reader.origin - 2 * LEAD, sources[0].time_base
            assert tick is not None
            with suppress(FFmpegError):  # without an index it is read from the beginning
                self._own.seek(max(0, int(start / tick)), stream=sources[0])
        self._packets = self._arriving()
        self._next: av.Packet | None = None
        self._complete = False  # whether all packets of a reader that is read once have come

    def _track(self, source: av.AudioStream, target: Output, first: bool) -> CopiedTrack | EncodedTrack:
        edits, held = Edits.of(source), self._is_held(source, target)
        reason = self._why_encode(source, target, edits, held)
        track: CopiedTrack | EncodedTrack
        if reason is None:
            end = edits.end if self._own else None
            track = CopiedTrack(source, self._output, self._range.ending(end), edits, self._tell)
        else:
            encoder = target.container.sound
            assert encoder is not None
            codec = source.codec_context.codec.canonical_name
            encoder = codec if held and is_lossless(codec) else encoder
            delays = part_delays(self._reader.input, source) if edits.parts else {}
            within = self._range.ending(edits.end) if delays else self._range
            track = EncodedTrack(source, self._output, encoder, within, delays)
            into = track.codec.removeprefix("lib")
            done = "encoded again" if into == codec else f"turned into {into}"
            mixed = f", {track.mixed}" if track.mixed else ""
            self._warn(InputWarning(self._reader.name, f"{reason}, so it is {done}{mixed}"))
        for tag in _KEPT_TAGS:
            if (text := source.metadata.get(tag)) and text != "und":
                track.stream.metadata[tag] = text
        track.stream.disposition = Disposition.default if first else Disposition(0)
        return track

    def _is_held(self, source: av.AudioStream, target: Output) -> bool:
        """Whether packets of the source's codec can be written to the target as they are."""
        context, container = source.codec_context, target.container
        adts = context.codec.canonical_name == "aac" and not context.extradata
        alone = adts and target.path is None and container.muxer != "mpegts"  # only its packets describe it
        return not alone and holds_sound(container, source)

    def _why_encode(self, source: av.AudioStream, target: Output, edits: Edits, held: bool) -> str | None:
        """Why the packets cannot be copied; None if they can."""
        container, codec = target.container, source.codec_context.codec.canonical_name
        if not held:
            return f"{container.muxer} cannot hold {codec} sound"
        if edits.parts:
            return "its edit list takes the sound apart"
        trimmed = container.trims and codec in _TRIMMED
        cut = self._range.cut_start or self._range.until is not None or edits.cut_start
        return f"{container.muxer} cannot cut {codec} sound" if cut and not trimmed else None

    def copy_until(self, seconds: Fraction | None) -> None:
        """Mux the packets that begin before `seconds` of the input's clock, all that remain for None."""
        self._complete = seconds is None
        while (packet := self._next or next(self._packets, None)) is not None:
            self._next = packet
            if seconds is not None and (packet.pts or 0) * packet.time_base >= seconds:
                return
            self._next = None
            if (track := self._tracks.get(packet.stream.index)) is not None:
                self._mux(packet.stream.index, track.packets(packet))
        if self._complete:
            for index, track in list(self._tracks.items()):
                self._mux(index, track.rest())

    def _mux(self, index: int, made: Iterator[av.Packet]) -> None:
        """Write what a track makes; the track ends if its packets are refused.

        A full disk or a broken line is an OSError and is raised: pictures could not be written either.
        """
        try:
            for packet in made:
                self._output.mux(packet)
        except (FFmpegError, ValueError) as error:
            if isinstance(error, OSError):
                raise
            track = self._tracks.pop(index)
            reason = f"its sound from {clock(track.written)} on cannot be written ({error}), and is left out"
            self._warn(InputWarning(self._reader.name, reason))

    def _tell(self, at: Fraction, reason: str) -> None:
        """Say once of the sound at a time, seconds of the output."""
        if self._told:
            return
        self._told = True
        self._warn(InputWarning(self._reader.name, f"its sound at {clock(max(at, Fraction(0)))} {reason}"))

    def close(self) -> None:
        self._packets.close()
        self._tracks.clear()  # they refer back to it
        if self._own:
            self._own.close()

    def _arriving(self) -> Generator[av.Packet | None]:
        """All packets of the tracks; of what is read once, None where the next has not come yet."""
        if not self._own:
            queue = self._reader.sound_packets
            while queue or not self._complete:
                yield queue.popleft() if queue else None
            return
        until = self._range.until
        try:
            for packet in self._demux(self._own):
                begin = (packet.pts or 0) * packet.time_base
                if until is not None and begin > until + _SPREAD:
                    return
                yield packet
        except FFmpegError as error:
            reason = f"the sound breaks off, the file is damaged there ({error})"
            self._warn(InputWarning(self._reader.name, reason))

    def _demux(self, own: InputContainer) -> Iterator[av.Packet]:
        """The packets of the file's sound, on the clock that the pictures have."""
        clock = SteadyClock(own, lambda at: self._tell(at - self._range.origin, _STEPS), sought=self._sought)
        read = [own.streams[index] for index in self._tracks]
        if clock.active:
            read = [own.streams[self._reader.picture_index], *own.streams.audio]
        else:
            for stream in own.streams:
                if stream not in read:
                    stream.discard = Discard.all  # then they are not even read
        for packet in demux(own, read):
            clock(packet)
            if packet.size and packet.stream.index in self._tracks:
                yield packet
