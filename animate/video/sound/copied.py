"""A sound track whose packets are copied: in order, without those that are not to be heard."""

from collections.abc import Callable, Iterator
from fractions import Fraction

import av
from av.container import OutputContainer

from .range import LEAD, SoundRange

_JITTER = Fraction(1, 50)  # seconds by which packets may overlap unsaid: containers round their times


class CopiedTrack:
    """Copies the packets of `source` that overlap `within` and a little before it, which settles the decoder.

    The container's edit list cuts inside a packet. Times that stand still or step back are moved on, and
    `tell` is called with the time, seconds of the output, and what happens there.

    Attributes:
        stream: of the output. written: seconds of the output up to which packets were made.
    """

    def __init__(
        self,
        source: av.AudioStream,
        output: OutputContainer,
        within: SoundRange,
        tell: Callable[[Fraction, str], object],
    ):
        self.stream = output.add_stream_from_template(source)
        self.written = Fraction(0)
        self._within, self._tell = within, tell
        self._step = Fraction(1, source.rate or 48000)
        self._last: int | None = None  # decoding time of the last packet, ticks of the input
        self._heard = False

    def packets(self, packet: av.Packet) -> Iterator[av.Packet]:
        """What one packet of the source becomes, if anything."""
        within, tick = self._within, packet.time_base
        if packet.pts is None and packet.dts is None:
            return
        packet.pts = packet.dts if packet.pts is None else packet.pts
        packet.dts = packet.pts if packet.dts is None else packet.dts
        begin, length = packet.pts * tick, (packet.duration or 0) * tick
        wanted_from = within.origin - LEAD if within.cut_start or packet.is_discard else None
        if packet.is_discard and self._heard:
            return
        if wanted_from is not None and begin + length <= wanted_from:
            return
        if within.until is not None:
            if begin >= within.until:
                return
            if begin + length > within.until:
                packet.duration = max(1, round((within.until - begin) / tick))
        self._heard = self._heard or not packet.is_discard
        shift = round(within.origin / tick)
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        self._order(packet)
        packet.stream = self.stream
        yield packet

    def rest(self) -> Iterator[av.Packet]:
        """Nothing: every packet has been given out."""
        return iter(())

    def _order(self, packet: av.Packet) -> None:
        """Let the decoding time be later than the last packet's, as every container wants it."""
        assert packet.dts is not None
        assert packet.pts is not None
        at = packet.dts * packet.time_base
        if self._last is not None and packet.dts <= self._last:
            packet.dts = self._last + max(1, -int(-self._step // packet.time_base))
            packet.pts = max(packet.pts, packet.dts)
        if self._last is not None and self.written - at > _JITTER:
            self._tell(at, "overlaps what is before it; its packets are kept one after another")
        self._last = packet.dts
        self.written = max(self.written, at + (packet.duration or 0) * packet.time_base)
