"""A job's video in segments on disk: what is rendered stays rendered, however the work is cut off.

A folder holds for every segment the encoded frames, a JSON that says it is whole, and the state that it left
to the next. `join_segments` makes one file of them: packets are copied, times are exact, the sound is added.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from ..errors import InputError, Warn, ignore
from ..io.atomic import atomic_file, commit_part
from ..io.timecode import Span
from ..video import VideoReader
from ..video.container import sound_options
from ..video.formats import Output
from ..video.sound import Sound


@dataclass(frozen=True)
class Segment:
    """A finished segment.

    pts: of its frames, in ticks of the driving video. found: frames in which the driver showed a face.
    away: the times without one, seconds from the driving video's beginning.
    """

    pts: tuple[int, ...]
    found: int
    away: tuple[Span, ...]


class Segments:
    """The segments in `folder`, videos of type `suffix`."""

    def __init__(self, folder: Path, suffix: str):
        self.folder, self._suffix = folder, suffix

    def video(self, index: int) -> Path:
        return self.folder / f"segment-{index:06d}{self._suffix}"

    def state(self, index: int) -> Path:
        """What segment `index` left to the next."""
        return self.folder / f"state-{index:06d}.safetensors"

    def read(self, index: int) -> Segment | None:
        """Segment `index` if it is whole."""
        written = _read_json(self._mark(index))
        if written is None or not self.video(index).is_file():
            return None
        return Segment(tuple(written["pts"]), written["found"], _spans(written["away"]))

    def add(self, index: int, segment: Segment) -> None:
        """Mark segment `index` as whole: its video, and its state if it is to have one, are there."""
        _write_json(self._mark(index), {**vars(segment), "away": _words(segment.away)})

    def ended(self) -> tuple[int, tuple[Span, ...]] | None:
        """How many segments there are and what is damaged in the driving video, once that is known."""
        written = _read_json(self.folder / "end.json")
        return None if written is None else (written["segments"], _spans(written["lost"]))

    def end(self, count: int, lost: Iterable[Span]) -> None:
        _write_json(self.folder / "end.json", {"segments": count, "lost": _words(lost)})

    def describe(self, entry: Mapping[str, Any]) -> None:
        """Keep what the sidecar is to say besides: who joins the segments need not track the driver."""
        _write_json(self.folder / "sidecar.json", entry)

    def described(self) -> dict[str, Any]:
        """What `describe` kept, nothing without it."""
        return _read_json(self.folder / "sidecar.json") or {}

    def whole(self) -> list[Segment] | None:
        """All segments in order, None as long as one is missing."""
        ended = self.ended()
        found = [self.read(index) for index in range(ended[0])] if ended else [None]
        segments = [segment for segment in found if segment is not None]
        return segments if len(segments) == len(found) else None

    def _mark(self, index: int) -> Path:
        return self.folder / f"segment-{index:06d}.json"


def in_segments(output: Output) -> bool:
    """Whether segments of such an output can be joined: its pictures do not depend on all that follow."""
    return output.container.muxer in ("mp4", "mov", "webm", "matroska")


def join_segments(
    segments: Segments, reader: VideoReader, target: Output, comment: str, warn: Warn = ignore
) -> None:
    """Write all segments as `target`, with the sound of `reader`'s range; whole or not at all.

    The segments are whole. The part file has one name for a job: after a crash the next attempt replaces it.
    InputError if the disk does not take it.
    """
    whole = segments.whole()
    assert whole, "every segment is there before they are joined"
    output, kind = target.path, target.container
    assert output
    part = output.with_name(f".{output.stem}.joining{output.suffix}")
    options = {**dict(kind.options), **sound_options(kind, reader)}
    try:
        with av.open(f"file:{part}", "w", format=kind.muxer, options=options) as container:
            container.metadata["comment"] = comment
            with av.open(str(segments.video(0))) as first:
                stream = container.add_stream_from_template(first.streams.video[0])
                if first.streams.video[0].metadata.get("alpha_mode") == "1":  # lies beside each packet
                    stream.codec_context.pix_fmt = "yuva420p"
            stream.time_base = reader.time_base
            sound = Sound.of(reader, container, target, warn)
            try:
                shift = round(reader.origin / reader.time_base)
                for packet in _packets(segments, whole, reader.time_base, shift):
                    if sound:
                        sound.copy_until((packet.pts or 0) * reader.time_base + reader.origin)
                    packet.stream = stream
                    container.mux(packet)
                if sound:
                    sound.copy_until(None)
            finally:
                if sound:
                    sound.close()
        commit_part(part, output)
    except (OSError, FFmpegError) as error:
        part.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise InputError(output, f"cannot be written: {reason}") from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _packets(
    segments: Segments, whole: list[Segment], time_base: Fraction, shift: int
) -> Iterator[av.Packet]:
    """The packets of all segments in decoding order, with the driving video's pts less `shift`.

    A packet's pts is known by its turn: containers of segments may round. Decoding times are computed again:
    packet i is decoded when frame i - delay is shown, which rises across segments and never exceeds a pts,
    for no frame is stored more than `delay` places before its turn.
    """
    delay = max(_delay(segments.video(index)) for index in range(len(whole)))
    earlier: list[int] = []  # the last `delay` pts shown
    for index, segment in enumerate(whole):
        with av.open(str(segments.video(index))) as container:
            packets = [p for p in container.demux(video=0) if p.pts is not None]
        shown = [pts - shift for pts in segment.pts]
        turns = sorted(range(len(packets)), key=lambda place: packets[place].pts or 0)
        for packet in packets:
            packet.duration = round((packet.duration or 0) * packet.time_base / time_base)
            packet.time_base = time_base
        for pts, place in zip(shown, turns, strict=True):
            packets[place].pts = pts
        if index == 0:
            lead = shown[min(delay, len(shown) - 1)] - shown[0]
            earlier = [shown[min(i, len(shown) - 1)] - max(lead, delay) for i in range(delay)]
            earlier = [min(at, shown[0] - (delay - i)) for i, at in enumerate(earlier)]
        turn = [*earlier, *shown]
        for place, packet in enumerate(packets):
            packet.dts = turn[place]
            yield packet
        earlier = turn[len(turn) - delay :] if delay else []


def _delay(path: Path) -> int:
    """By how many places, at most, a packet of the video is stored before its turn to be shown."""
    with av.open(str(path)) as container:
        stored = [p.pts for p in container.demux(video=0) if p.pts is not None]
    turn = {pts: place for place, pts in enumerate(sorted(stored))}
    return max(place - turn[pts] for place, pts in enumerate(stored))


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):  # not there, or not whole
        return None


def _write_json(path: Path, content: Any) -> None:
    with atomic_file(path) as part:
        part.write_text(json.dumps(content))


def _words(spans: Iterable[Span]) -> list[list[str]]:
    return [[str(time) for time in span] for span in spans]


def _spans(words: list[list[str]]) -> tuple[Span, ...]:
    return tuple(Span(Fraction(start), Fraction(end)) for start, end in words)
