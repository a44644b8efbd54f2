"""Random access into a compressed clip: frames are decoded from the keyframe before them when they are asked
for.

T frames of a clip, H W its pictures. A cache keeps the clip's packets and the last decoded groups of frames.
A group begins at a keyframe. Its first look decodes the frames asked for and what these refer to: about a
third of a group of a dozen, since encoders let no picture refer to most B-frames. Another look decodes the
whole group, for then the clip is likely to be asked for again.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from ....animate.errors import InputError
from .cache import Cache

Pictures = NDArray[np.uint8]

_LONGEST = 250  # frames of a group: a clip without keyframes is kept in such parts
_PADDING = 64  # zero bytes that FFmpeg asks for behind a packet (AV_INPUT_BUFFER_PADDING_SIZE)
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
        coded, asked = self._coded(), np.atleast_1d(numbers).tolist()
        parts: dict[int, list[int]] = {}
        for n in asked:
            parts.setdefault(bisect_right(coded.parts, n) - 1, []).append(n)
        convert = VideoReformatter()  # kept for all of them, for it takes a while to set up
        found: dict[int, Pictures] = {}
        for part, frames in parts.items():
            group = self._group(coded, part, frozenset(frames))
            found |= {n: group.picture(n, convert) for n in frames}
        return np.stack([found[n] for n in asked]) if np.ndim(numbers) else found[asked[0]]

    def _coded(self) -> _Coded:
        def read() -> tuple[_Coded, int]:
            coded = _read(self.source, self.name)
            if len(coded.order) != self.count:
                reason = f"{len(coded.order)} frames, but landmarks of {self.count}"
                raise InputError(self.name, reason, "make the clip again")
            return coded, sum(len(packet.data) for packet in coded.packets)

        return self.cache.get((self.name, "packets"), read)

    def _group(self, coded: _Coded, part: int, asked: frozenset[int]) -> _Group:
        """The frames `asked` for, at least, of a group."""
        kept: _Group | None = self.cache.find((self.name, part))
        if kept and asked <= kept.places.keys():
            return kept
        group = self._whole(coded, part) if kept else None
        group = group or coded.decode(sorted(asked), self.name)
        return self.cache.keep((self.name, part), group, group.pixels.nbytes)

    def _whole(self, coded: _Coded, part: int) -> _Group | None:
        """A whole group, or None where a frame of it is broken: those asked for may not be, and what can be
        read must not depend on what is in the cache."""
        end = coded.parts[part + 1] if part + 1 < len(coded.parts) else self.count
        try:
            return coded.decode(range(coded.parts[part], end), self.name)
        except InputError:
            return None


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
    """Decoded frames. places: of frames in `pixels`: (N, 3 H / 2, W) planes of YUV with `colours` (matrix,
    range), or (N, H, W, 3) RGB where colours is None."""

    places: dict[int, int]
    pixels: Pictures
    colours: tuple[Any, Any] | None

    def picture(self, number: int, convert: VideoReformatter) -> Pictures:
        pixels = self.pixels[self.places[number]]
        if self.colours is None:
            return pixels
        frame = av.VideoFrame.from_ndarray(pixels, format=_PLANES)
        frame.colorspace, frame.color_range = self.colours
        return np.asarray(convert.reformat(frame, format="rgb24", threads=1).to_ndarray(), np.uint8)


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

    def decode(self, numbers: Sequence[int], name: str) -> _Group:
        """The frames `numbers`, ascending, of one group."""
        wanted = {self.order[n]: n for n in numbers}
        first = self.order[self.parts[bisect_right(self.parts, numbers[0]) - 1]]
        begin = max((i for i, p in enumerate(self.packets) if p.key and p.time <= first), default=0)
        decoder = av.CodecContext.create(self.codec, "r")
        assert isinstance(decoder, av.VideoCodecContext)
        decoder.extradata, decoder.thread_count = self.extradata, 1
        found: dict[int, av.VideoFrame] = {}
        sent = 0
        try:
            for packet in self.packets[begin:]:
                decoder.skip_frame = "DEFAULT" if packet.time in wanted else "NONREF"
                found |= _wanted(decoder.decode(_packet(packet)), wanted)
                sent += packet.time in wanted
                if sent == len(wanted):
                    break
            if len(found) < len(wanted):
                found |= _wanted(decoder.decode(None), wanted)
        except (FFmpegError, ValueError) as error:
            raise _broken(name, error) from None
        if lost := set(numbers) - found.keys():
            raise _broken(name, f"frame {min(lost)} is missing")
        return _group({n: found[n] for n in numbers})


def _wanted(frames: list[av.VideoFrame], wanted: dict[int, int]) -> dict[int, av.VideoFrame]:
    return {wanted[frame.pts]: frame for frame in frames if frame.pts in wanted}


def _group(found: dict[int, av.VideoFrame]) -> _Group:
    frames, places = list(found.values()), {n: place for place, n in enumerate(found)}
    kinds = {(f.format.name, f.width % 2, f.height % 2) for f in frames}
    if kinds != {(_PLANES, 0, 0)}:
        return _Group(places, np.stack([f.to_ndarray(format="rgb24") for f in frames]).astype(np.uint8), None)
    pixels = np.stack([f.to_ndarray() for f in frames]).astype(np.uint8)
    return _Group(places, pixels, (frames[0].colorspace, frames[0].color_range))


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
    padded = memoryview(coded.data + bytes(_PADDING))  # decoders read on past the end of what PyAV passes
    packet = av.Packet(padded[: len(coded.data)])  # type: ignore[arg-type]  # any buffer will do
    packet.pts, packet.is_keyframe = coded.time, coded.key
    return packet


def _broken(name: str, reason: object) -> InputError:
    return InputError(name, f"cannot be decoded ({reason})", "make the clip again")
