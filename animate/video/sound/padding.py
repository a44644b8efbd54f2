"""Samples that an encoder adds at both ends, told to Matroska, which keeps them beside the packets.

An mp4 has them in its edit list. FFmpeg's libraries copy the packets alone, and PyAV cannot set a delay.
"""

from io import BytesIO
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import PacketSideData, packet_sidedata_type_from_literal

from ..ebml import CLUSTER, MAGIC, SEGMENT, TRACK, TRACKS, children, make_element

_HEADER, _DELAY, _TIME = int.from_bytes(MAGIC), 0x56AA, 0xE7
_NANO = 10**9
_MATROSKA = ("matroska", "webm")


def add_copied_stream(output: OutputContainer, source: av.AudioStream, padding: int) -> av.AudioStream:
    """A stream of `output` for packets of `source`, of whose first samples `padding` are not heard."""
    if not padding or source.codec_context.delay or output.format.name not in _MATROSKA:
        return output.add_stream_from_template(source)
    with _delayed(source, padding) as template:
        return output.add_stream_from_template(template.streams.audio[0])


def _delayed(source: av.AudioStream, padding: int) -> InputContainer:
    """A file without packets that describes the track `source` and its delay, in samples."""
    made = BytesIO()
    with av.open(made, "w", format="matroska", options={"write_crc32": "0"}) as header:
        header.add_stream_from_template(source)
        header.start_encoding()
    parts = dict(children(made.getvalue()))
    track = dict(children(dict(children(parts[SEGMENT]))[TRACKS]))[TRACK]
    delay = make_element(_DELAY, round(padding * _NANO / source.rate).to_bytes(8))
    tracks = make_element(TRACKS, make_element(TRACK, track + delay))
    segment = make_element(SEGMENT, tracks + make_element(CLUSTER, make_element(_TIME, b"\0")))
    opened = av.open(BytesIO(make_element(_HEADER, parts[_HEADER]) + segment))
    assert isinstance(opened, InputContainer)
    return opened


def leave_out(packet: av.Packet, *, before: int = 0, after: int = 0) -> None:
    """Let nothing be heard of a packet's first samples, and of its last."""
    make: Any = PacketSideData  # its stub knows no arguments
    said = make(packet_sidedata_type_from_literal("skip_samples"), 10)
    said.update(before.to_bytes(4, "little") + after.to_bytes(4, "little") + bytes(2))
    packet.set_sidedata(said)
