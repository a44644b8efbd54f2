"""A sound track whose packets are copied: in order, without those that are not to be heard."""

import re
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
from av.container import OutputContainer

from ..packets.clock import packet_ticks
from .padding import add_copied_stream, leave_out
from .range import LEAD, Edits, SoundRange

_JITTER = Fraction(1, 50)  # seconds by which packets may overlap unsaid: containers round their times
_WHOLE_FRAMES = {"aac", "mp3", "mp2", "ac3", "eac3", "opus"}  # decoded to as many samples at the end too


class CopiedTrack:
    """Copies the packets of `source` that overlap `within` and a little before it, which settles the decoder.

    The container's edit list cuts inside a packet. Times are those of samples again where the source's
    container rounded them; those that stand still or step back are moved on, and `tell` is called with the
    time, seconds of the output, and what happens there.

    Attributes:
        stream: of the output. written: seconds of the output up to which packets were made.
    """

    def __init__(
        self,
        source: av.AudioStream,
        output: OutputContainer,
        within: SoundRange,
        edits: Edits,
        tell: Callable[[Fraction, str], object],
    ):
        self.stream = add_copied_stream(output, source, edits.padding)
        self._within, self._edits, self._tell = within, edits, tell
        self._rate, self._context = source.rate or 48000, source.codec_context
        bits = re.fullmatch(r"pcm_[fsu](\d+)[lb]e", self._context.codec.canonical_name)
        self._whole = self._context.codec.canonical_name in _WHOLE_FRAMES
        self._pcm_bits = int(bits[1]) * source.channels if bits else 0
        self._full = 0  # samples of the last packet
        self._last: int | None = None  # where the last packet begins, in samples of the output
        self._end: int | None = None  # and where it ends
        self._heard = False

    @property
    def written(self) -> Fraction:
        return Fraction(max(self._end or 0, 0), self._rate)

    def packets(self, packet: av.Packet) -> Iterator[av.Packet]:
        """What one packet of the source becomes, if anything."""
        within, tick = self._within, packet.time_base
        pts = packet.dts if packet.pts is None else packet.pts
        if pts is None or (packet.is_discard and self._heard):
            return
        begin, (skipped, cut) = pts * tick, _trimming(packet)
        count = self._samples(packet, cut)
        full = max(count, self._context.frame_size) if pts == self._edits.last else count
        wanted_from = within.origin - LEAD if within.cut_start or packet.is_discard else None
        if wanted_from is not None and begin + Fraction(count, self._rate) <= wanted_from:
            return
        at = self._place(begin, tick, skipped)
        if within.until is not None:
            if begin >= within.until:
                return
            count = min(count, max(1, round((within.until - within.origin) * self._rate) - at))
        if self._whole and count < full and not cut:
            leave_out(packet, after=full - count)
        self._heard = self._heard or not packet.is_discard
        if self._last is not None and self._end is not None:
            if Fraction(self._end - at, self._rate) > _JITTER:
                reason = "overlaps what is before it; its packets are kept one after another"
                self._tell(Fraction(at, self._rate), reason)
            at = max(at, self._last + 1)  # as every container wants it
        self._last, self._end = at, at + count
        packet.time_base, packet.pts, packet.dts = Fraction(1, self._rate), at, at
        packet.duration, packet.stream = count, self.stream
        yield packet

    def rest(self) -> Iterator[av.Packet]:
        """Nothing: every packet has been given out."""
        return iter(())

    def _place(self, begin: Fraction, tick: Fraction, skipped: int) -> int:
        """The sample of the output at which a packet begins whose time was rounded to a `tick`."""
        exact = (begin - self._within.origin) * self._rate
        likely = -skipped if self._end is None else self._end
        return likely if abs(exact - likely) <= tick * self._rate else round(exact)

    def _samples(self, packet: av.Packet, cut: int) -> int:
        """How many of a packet are heard, of which `cut` are left out at the end."""
        said = round(packet_ticks(packet) * packet.time_base * self._rate)
        if packet.time_base == Fraction(1, self._rate) and said:
            return said
        if self._pcm_bits:
            return packet.size * 8 // self._pcm_bits
        full = self._context.frame_size or (self._full if cut else said)
        self._full = full
        return max(1, full - cut)


def _trimming(packet: av.Packet) -> tuple[int, int]:
    """How many samples a decoder is to leave out at a packet's beginning and at its end."""
    for data in packet.iter_sidedata():
        if data.data_type == "skip_samples":
            said = bytes(data)
            return int.from_bytes(said[:4], "little"), int.from_bytes(said[4:8], "little")
    return 0, 0
