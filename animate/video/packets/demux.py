"""The packets of some streams, from files in which further streams may appear on the way."""

from collections.abc import Iterator, Sequence

import av
from av.container import InputContainer
from av.stream import Stream


def demux(container: InputContainer, streams: Stream | Sequence[Stream]) -> Iterator[av.Packet]:
    """All packets of `streams`, in the file's order, then an empty one for each, which flushes its decoder.

    FFmpeg's errors are raised.
    """
    try:
        yield from container.demux(streams)
    except IndexError:  # at the end PyAV 18 flushes streams too that came after it had counted them
        return
