"""What each output name means: container, codecs, which sound and transparency it holds. Nothing is opened.

The first codec of a container is its default; `--codec` chooses another of them.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from ..io.paths import is_pattern, is_url, new_file
from ..options import Quality


class Codec(NamedTuple):
    """How FFmpeg encodes.

    encoder: FFmpeg's name. pixels: pixel format; alpha_pixels: the one with transparency, None if there is
    none. even: takes only even sizes. options: the encoder's; live: more of them for low latency. tag:
    FourCC. full: YCbCr in all 256 levels, which smooth dark images need, where every player knows the tag.
    gpu: the same by an NVIDIA GPU. qualities: more options by quality, of which `options` has "high"; empty
    where the codec knows one quality only.
    """

    encoder: str
    pixels: str
    alpha_pixels: str | None
    even: bool
    options: dict[str, str]
    tag: str | None = None
    full: bool = False
    live: dict[str, str] | None = None
    gpu: "Codec | None" = None
    qualities: dict[str, dict[str, str]] = {}  # noqa: RUF012  # never changed

    def at(self, quality: Quality) -> "Codec | None":
        """The same codec at that quality, None if it is lossless and the codec cannot be."""
        if quality not in self.qualities:
            return None if quality == "lossless" and self.encoder not in _LOSSLESS else self
        gpu = self.gpu.at(quality) if self.gpu else None
        return self._replace(options=self.options | self.qualities[quality], gpu=gpu)

    def low_latency(self) -> "Codec":
        """The same codec with its `live` options."""
        gpu = self.gpu.low_latency() if self.gpu else None
        return self._replace(options=self.options | (self.live or {}), gpu=gpu)


_LOSSLESS = ("png",)  # always


def _steps(
    option: str, low: int, medium: int, high: int, lossless: dict[str, str]
) -> dict[str, dict[str, str]]:
    """The options of each quality, one of which says how coarse it is."""
    coarse = {"low": low, "medium": medium, "high": high}
    return {name: {option: str(value)} for name, value in coarse.items()} | {"lossless": lossless}


_LIVE = {"tune": "zerolatency", "crf": "20", "preset": "veryfast"}
_GPU = {"preset": "p5", "rc": "constqp", "bf": "0"}  # no B-frames: packets keep the frames' times
_GPU_LIVE = {"preset": "p3", "tune": "ull", "zerolatency": "1", "delay": "0", "qp": "22"}
CODECS = {
    "h264": Codec(
        "libx264",
        "yuv420p",
        None,
        True,
        {"crf": "6", "preset": "faster"},
        full=True,
        live=_LIVE,
        gpu=Codec(
            "h264_nvenc",
            "yuv420p",
            None,
            True,
            _GPU | {"qp": "8"},
            full=True,
            live=_GPU_LIVE,
            qualities=_steps("qp", 27, 19, 8, {"qp": "0", "tune": "lossless"}),
        ),
        qualities=_steps("crf", 24, 17, 6, {"crf": "0"}),
    ),
    "h265": Codec(
        "libx265",
        "yuv420p",
        None,
        True,
        {"crf": "14", "preset": "faster", "x265-params": "log-level=error"},
        "hvc1",
        live=_LIVE,
        gpu=Codec(
            "hevc_nvenc",
            "yuv420p",
            None,
            True,
            _GPU | {"qp": "14"},
            "hvc1",
            live=_GPU_LIVE,
            qualities=_steps("qp", 29, 22, 14, {"qp": "0", "tune": "lossless"}),
        ),
        qualities=_steps("crf", 26, 19, 14, {"x265-params": "log-level=error:lossless=1"}),
    ),
    "av1": Codec(
        "libsvtav1",
        "yuv420p",
        None,
        True,
        {"crf": "20", "preset": "8"},
        qualities={"low": {"crf": "38"}, "medium": {"crf": "26"}, "high": {"crf": "20"}},
    ),
    "prores": Codec("prores_ks", "yuv444p10le", "yuva444p10le", False, {"profile": "4444"}),
    "vp9": Codec(
        "libvpx-vp9",
        "yuv420p",
        "yuva420p",
        True,
        {"crf": "16", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1", "auto-alt-ref": "0"},
        qualities=_steps("crf", 36, 24, 16, {"lossless": "1"}),
    ),
    "gif": Codec("gif", "pal8", "pal8", False, {}),
    "webp": Codec(
        "libwebp_anim",
        "bgra",
        "bgra",
        False,
        {"quality": "92"},
        qualities=_steps("quality", 75, 85, 92, {"lossless": "1"}),
    ),
    "png": Codec("png", "rgb24", "rgba", False, {}),
}


class Container(NamedTuple):
    """muxer: FFmpeg's name. codecs: names in CODECS. copies: sound codecs that it holds. sound: the encoder
    for all others; None: no sound. trims: an edit list can cut sound inside a packet. live: low latency."""

    muxer: str
    codecs: tuple[str, ...]
    copies: frozenset[str] = frozenset()
    sound: str | None = None
    trims: bool = False
    live: bool = False
    options: tuple[tuple[str, str], ...] = ()


_MP4_SOUND = frozenset({"aac", "mp3", "opus", "ac3", "eac3", "alac", "flac"})  # browsers do not play pcm
_MOV_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le", "pcm_s16be"})
_FRAGMENTED = ("movflags", "frag_keyframe+empty_moov+delay_moov+default_base_moof")
_INDEX_FIRST = ("movflags", "faststart")
_MP4 = Container("mp4", ("h264", "h265", "av1"), _MP4_SOUND, "aac", trims=True, options=(_INDEX_FIRST,))
FILES = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": Container(
        "mov", ("prores", "h264", "h265"), _MOV_SOUND, "aac", trims=True, options=(_INDEX_FIRST,)
    ),
    ".webm": Container("webm", ("vp9", "av1"), frozenset({"opus", "vorbis"}), "libopus"),
    ".mkv": Container(
        "matroska", ("h264", "h265", "av1", "vp9"), _MP4_SOUND | {"vorbis", "pcm_s16le"}, "aac"
    ),
    ".gif": Container("gif", ("gif",)),
    ".webp": Container("webp", ("webp",), options=(("loop", "0"),)),
    ".png": Container("image2", ("png",)),
}
_PIPE = Container("mp4", ("h264", "h265", "av1"), _MP4_SOUND, "aac", trims=True, options=(_FRAGMENTED,))
_STREAMS = {
    "udp": Container("mpegts", ("h264", "h265"), frozenset({"aac", "mp3", "ac3"}), "aac", live=True),
    "rtmp": Container("flv", ("h264",), frozenset({"aac", "mp3"}), "aac", live=True),
}
_STREAMS |= {"srt": _STREAMS["udp"], "tcp": _STREAMS["udp"], "rtmps": _STREAMS["rtmp"]}


@dataclass(frozen=True)
class Encoding:
    """What may be asked of a video that is written.

    codec: one of the container's, None for its first. alpha: the frames have transparency; on white where
    the format holds none. gpu: encode on an NVIDIA GPU if one can. comment: the container's comment tag, or
    each PNG's; GIF and WebP hold none. quality: of a file; what is sent live has its own.
    """

    codec: str | None = None
    alpha: bool = False
    gpu: bool = False
    comment: str | None = None
    quality: Quality = "high"


class Output(NamedTuple):
    """Where a video goes.

    name: for messages. url: for FFmpeg. path: the file or pattern, None for pipes and addresses.
    """

    name: str
    url: str
    path: Path | None
    container: Container
    codec: Codec

    @classmethod
    def of(
        cls,
        given: str | os.PathLike,
        codec: str | None = None,
        overwrite: bool = False,
        quality: Quality = "high",
    ) -> "Output":
        """The output named by `given`: a file, frames/%05d.png, "-" (standard output) or an address.

        InputError if it cannot be written, exists and `overwrite` is false, does not hold `codec`, or that
        codec has no such `quality`.
        """
        if given == "-":
            return cls("standard output", "pipe:1", None, _PIPE, _codec(given, _PIPE, codec, quality))
        if is_url(given):
            scheme = str(given).split(":", 1)[0]
            if scheme not in _STREAMS:
                known = ", ".join(f"{name}://" for name in _STREAMS)
                raise InputError(given, "video is not sent that way", f"take one of {known}")
            container = _STREAMS[scheme]
            url = f"{given}?pkt_size=1316" if scheme == "udp" and "?" not in str(given) else str(given)
            return cls(str(given), url, None, container, _codec(given, container, codec, quality))
        path = new_file(given, overwrite)
        container = FILES[path.suffix.lower()]
        return cls(str(path), f"file:{path}", path, container, _codec(path, container, codec, quality))

    @property
    def numbered(self) -> bool:
        """Whether each frame is a file of its own."""
        return self.path is not None and self.container.muxer == "image2" and is_pattern(self.path)


def _codec(name: object, container: Container, asked: str | None, quality: Quality) -> Codec:
    if asked is not None and asked not in container.codecs:
        choice = " or ".join(container.codecs)
        raise InputError(name, f"--codec {asked} does not go into it", f"take {choice}, or another ending")
    which = asked or container.codecs[0]
    if container.live:
        return CODECS[which].low_latency()
    codec = CODECS[which].at(quality)
    if codec is None:
        raise InputError(
            name, f"--quality lossless: {which} cannot be", "take high, or another codec or ending"
        )
    return codec
