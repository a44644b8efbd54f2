"""Random access into a compressed clip: frames are decoded from the keyframe before them when they are asked
for.

T frames of a clip, H W its pictures. A cache keeps the clip's packets and the last decoded groups of frames;
a group begins at a keyframe, so a clip with a keyframe every half second costs a dozen decoded frames a look.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from ....animate.errors import InputError
from .cache import Cache

Pictures = NDArray[np.uint8]

_LONGEST = 250  # frames of a group: a clip without keyframes is kept in such parts
_PLANES = "yuv420p"  # kept as it is, in half the memory of RGB


@dataclass(frozen=True)
class CompressedFrames:
    """The frames (T, H, W, 3) uint8 RGB of a clip, indexed like an array by its first axis.

    source: its file, or the file's bytes. name: for errors. count: T, which the file must have. cache: where
    decoded frames are kept. InputError, when a frame is read, if the clip cannot be decoded or has another
    number of frames.
    """

    source: Path | bytes
    name: str
    count: int
    cache: Cache

    def __len__(self) -> int:
        return self.count

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, H, W, 3)."""
        coded = self._coded()
        return (self.count, coded.height, coded.width, 3)

    def __getitem__(self, index: int | slice | NDArray[np.integer]) -> Pictures:
        numbers = np.arange(self.count)[index]
        coded = self._coded()
        pictures = [self._group(coded, n).picture(n) for n in np.atleast_1d(numbers).tolist()]
        return np.stack(pictures) if np.ndim(numbers) else pictures[0]

    def _coded(self) -> _Coded:
        def read() -> tuple[_Coded, int]:
            coded = _read(self.source, self.name)
            if len(coded.order) != self.count:
                reason = f"{len(coded.order)} frames, but landmarks of {self.count}"
                raise InputError(self.name, reason, "make the clip again")
            return coded, sum(len(packet.data) for packet in coded.packets)

        return self.cache.get((self.name, "packets"), read)

    def _group(self, coded: _Coded, number: int) -> _Group:
        part = bisect_right(coded.parts, number) - 1

        def decode() -> tuple[_Group, int]:
            end = coded.parts[part + 1] if part + 1 < len(coded.parts) else self.count
            group = coded.decode(coded.parts[part], end, self.name)
            return group, group.pixels.nbytes

        return self.cache.get((self.name, part), decode)


@dataclass(frozen=True)
class MadeFrames:
    """`count` pictures (H, W) uint8, each made when it is asked for and kept in `cache` under `key`."""

    count: int
    make: Callable[[int], Pictures]
    key: Hashable
    cache: Cache

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Pictures:
        def made() -> tuple[Pictures, int]:
            picture = self.make(int(number))
            return picture, picture.nbytes

        return self.cache.get((self.key, int(number)), made)


@dataclass(frozen=True)
class _Group:
    """Decoded frames from `first` on: `pixels` (N, 3 H / 2, W) planes of YUV with `colours` (matrix, range),
    or (N, H, W, 3) RGB where colours is None."""

    first: int
    pixels: Pictures
    colours: tuple[Any, Any] | None

    def picture(self, number: int) -> Pictures:
        pixels = self.pixels[number - self.first]
        if self.colours is None:
            return pixels
        frame = av.VideoFrame.from_ndarray(pixels, format=_PLANES)
        frame.colorspace, frame.color_range = self.colours
        return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


@dataclass(frozen=True)
class _Packet:
    data: bytes
    time: int
    key: bool


@dataclass(frozen=True)
class _Coded:
    """A clip's packets in the order of decoding; order: the times of its frames, ascending; parts: the frames
    at which groups begin."""

    codec: str
    extradata: bytes | None
    width: int
    height: int
    packets: list[_Packet]
    order: list[int]
    parts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        keys = sorted({bisect_right(self.order, p.time) - 1 for p in self.packets if p.key} | {0})
        parts = [n for a, b in pairwise([*keys, len(self.order)]) for n in range(a, b, _LONGEST)]
        object.__setattr__(self, "parts", parts)

    def decode(self, first: int, end: int, name: str) -> _Group:
        """Frames `first` to `end - 1`."""
        wanted = {time: n for n, time in enumerate(self.order[first:end])}
        begin = max(
            (i for i, p in enumerate(self.packets) if p.key and p.time <= self.order[first]), default=0
        )
        decoder = av.CodecContext.create(self.codec, "r")
        assert isinstance(decoder, av.VideoCodecContext)
        decoder.extradata, decoder.thread_count = self.extradata, 1
        found: dict[int, av.VideoFrame] = {}
        try:
            for packet in [*self.packets[begin:], None]:
                frames = decoder.decode(None if packet is None else _packet(packet))
                found |= {wanted[f.pts]: f for f in frames if f.pts in wanted}  # pyright: ignore
                if len(found) == len(wanted):
                    break
        except (FFmpegError, ValueError) as error:
            raise _broken(name, error) from None
        if len(found) < len(wanted):
            raise _broken(name, f"frame {first + min(set(range(end - first)) - set(found))} is missing")
        return _group(first, [found[n] for n in range(end - first)])


def _group(first: int, frames: list[av.VideoFrame]) -> _Group:
    kinds = {(f.format.name, f.width % 2, f.height % 2) for f in frames}
    if kinds != {(_PLANES, 0, 0)}:
        return _Group(first, np.stack([f.to_ndarray(format="rgb24") for f in frames]).astype(np.uint8), None)
    return _Group(
        first,
        np.stack([f.to_ndarray() for f in frames]).astype(np.uint8),
        (frames[0].colorspace, frames[0].color_range),
    )


def _read(source: Path | bytes, name: str) -> _Coded:
    try:
        with av.open(io.BytesIO(source) if isinstance(source, bytes) else str(source), "r") as container:
            stream = container.streams.video[0]
            found = [p for p in container.demux(stream) if p.size and not p.is_discard]
            packets = [_Packet(bytes(p), _time(p, name), p.is_keyframe) for p in found]
            context = stream.codec_context
            order = sorted({packet.time for packet in packets})
            if not packets:
                raise _broken(name, "no frames")
            return _Coded(
                context.codec.name, context.extradata, context.width, context.height, packets, order
            )
    except (FFmpegError, IndexError, OSError) as error:
        raise _broken(name, error) from None


def _time(packet: av.Packet, name: str) -> int:
    time = packet.dts if packet.pts is None else packet.pts
    if time is None:
        raise _broken(name, "its frames have no times")
    return time


def _packet(coded: _Packet) -> av.Packet:
    packet = av.Packet(coded.data)
    packet.pts, packet.is_keyframe = coded.time, coded.key
    return packet


def _broken(name: str, reason: object) -> InputError:
    return InputError(name, f"cannot be decoded ({reason})", "make the clip again")
