"""What each output name means: container, codecs, which sound and transparency it holds. Nothing is opened.

The first codec of a container is its default; `--codec` chooses another of them.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from ..io.paths import is_pattern, is_url, new_file, plain_scheme
from ..options import Quality


class Codec(NamedTuple):
    """How FFmpeg encodes.

    encoder: FFmpeg's name. pixels: pixel format; alpha_pixels: the one with transparency, None if there is
    none. even: takes only even sizes. options: the encoder's; live: more of them for low latency; prompt:
    those with which no frame waits for later ones, at the same quality. tag: FourCC. full: YCbCr in all 256
    levels, which smooth dark images need, where every player knows the tag. gpu: the same by an NVIDIA GPU.
    fastest: frames a second that it takes at most, None if it does not mind. qualities: more
    options by quality, of which `options` has "high"; empty where the codec knows one quality only.
    """

    encoder: str
    pixels: str
    alpha_pixels: str | None
    even: bool
    options: dict[str, str]
    tag: str | None = None
    full: bool = False
    live: dict[str, str] | None = None
    prompt: dict[str, str] | None = None
    gpu: "Codec | None" = None
    fastest: int | None = None
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

    def without_delay(self) -> "Codec":
        """The same codec with its `prompt` options."""
        return self._replace(options=self.options | (self.prompt or {}))


_LOSSLESS = ("png",)  # always


def _steps(
    option: str, low: int, medium: int, high: int, lossless: dict[str, str]
) -> dict[str, dict[str, str]]:
    """The options of each quality, one of which says how coarse it is."""
    coarse = {"low": low, "medium": medium, "high": high}
    return {name: {option: str(value)} for name, value in coarse.items()} | {"lossless": lossless}


_STEADY = {"mbtree": "0", "x264-params": "trellis=0:deadzone-inter=6:deadzone-intra=6"}
"""Frames get the bits that they need themselves, whatever refers to them later: a segment of a batch is then
encoded much as in one piece. And what is fine is not rounded away: a face with stubble keeps .99 of its
sharpness instead of .91, at crf 17 in a third to three fifths more bytes than at 16 without."""
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
        prompt={"tune": "zerolatency"},
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
        qualities=_steps("crf", 24, 17, 6, {"crf": "0"}) | {"medium": {"crf": "17"} | _STEADY},
    ),
    "h265": Codec(
        "libx265",
        "yuv420p",
        None,
        True,
        {"crf": "14", "preset": "faster", "x265-params": "log-level=error"},
        "hvc1",
        live=_LIVE,
        prompt={"tune": "zerolatency"},
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
        prompt={"svtav1-params": "pred-struct=1:lookahead=0"},
        fastest=240,
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
    """muxer: FFmpeg's name. codecs: names in CODECS. sound: the encoder for sound that it does not hold;
    None: no sound. refuses: beginnings of the names of sound codecs that it holds but players do not play.
    copies: sound codecs that it holds; None: what FFmpeg writes. trims: an edit list can cut sound inside a
    packet. live: low latency."""

    muxer: str
    codecs: tuple[str, ...]
    sound: str | None = None
    refuses: tuple[str, ...] = ()
    copies: frozenset[str] | None = None
    trims: bool = False
    live: bool = False
    options: tuple[tuple[str, str], ...] = ()


_FRAGMENTED = (
    ("movflags", "frag_keyframe+empty_moov+delay_moov+default_base_moof"),
    ("frag_duration", "500000"),  # microseconds: whoever reads the pipe has the first within a second
    ("max_interleave_delta", "500000"),  # nor does it wait for sound that begins late
)
_INDEX_FIRST = (("movflags", "faststart"),)
_MP4 = Container("mp4", ("h264", "h265", "av1"), "aac", refuses=("pcm_",), trims=True, options=_INDEX_FIRST)
FILES = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": Container("mov", ("prores", "h264", "h265"), "aac", trims=True, options=_INDEX_FIRST),
    ".webm": Container("webm", ("vp9", "av1"), "libopus"),
    ".mkv": Container("matroska", ("h264", "h265", "av1", "vp9"), "aac"),
    ".gif": Container("gif", ("gif",)),
    ".webp": Container("webp", ("webp",), options=(("loop", "0"),)),
    ".png": Container("image2", ("png",)),
}
_PIPE = _MP4._replace(options=_FRAGMENTED)
_STREAMS = {
    "udp": Container("mpegts", ("h264", "h265"), "aac", copies=frozenset({"aac", "mp3", "ac3"}), live=True),
    "rtmp": Container("flv", ("h264",), "aac", copies=frozenset({"aac", "mp3"}), live=True),
}
_STREAMS |= {"srt": _STREAMS["udp"], "tcp": _STREAMS["udp"], "rtmps": _STREAMS["rtmp"]}


@dataclass(frozen=True)
class Encoding:
    """What may be asked of a video that is written.

    codec: one of the container's, None for its first. alpha: the frames have transparency; on white where
    the format holds none. gpu: encode on an NVIDIA GPU if one can. comment: the container's comment tag, or
    each PNG's; GIF and WebP hold none. quality: of a file; what is sent live has its own. key_frames: most
    frames from one key frame to the next, None for the encoder's own choice. threads: of the encoder, None
    for its own choice; with one, equal frames give equal bytes.
    """

    codec: str | None = None
    alpha: bool = False
    gpu: bool = False
    comment: str | None = None
    quality: Quality = "high"
    key_frames: int | None = None
    threads: int | None = None


class Output(NamedTuple):
    """Where a video goes.

    name: for messages. url: for FFmpeg. path: the file or pattern, None for pipes and addresses.
    """

    name: str
    url: str
    path: Path | None
    container: Container
    codec: Codec

    def check_sidecar(self, overwrite: bool) -> None:
        """InputError if a sidecar cannot be written beside this output."""
        if self.path is None or self.numbered:
            raise InputError(self.name, "--sidecar goes beside one file", "give the output such a name")
        sidecar = f"{self.path}.json"
        if not overwrite and os.path.exists(sidecar):
            raise InputError(sidecar, "the file exists", "pass --overwrite to replace it")

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
            prompt = _codec(given, _PIPE, codec, quality).without_delay()
            return cls("standard output", "pipe:1", None, _PIPE, prompt)
        if is_url(given):
            address = plain_scheme(given)
            scheme = address.split(":", 1)[0]
            if scheme not in _STREAMS:
                known = ", ".join(f"{name}://" for name in _STREAMS)
                raise InputError(given, "video is not sent that way", f"take one of {known}")
            container = _STREAMS[scheme]
            url = f"{address}?pkt_size=1316" if scheme == "udp" and "?" not in address else address
            return cls(str(given), url, None, container, _codec(given, container, codec, quality))
        path = new_file(given, overwrite)
        container = FILES[path.suffix.lower()]
        return cls(str(path), f"file:{path}", path, container, _codec(path, container, codec, quality))

    @property
    def is_pipe(self) -> bool:
        """Whether it is standard output."""
        return self.url == "pipe:1"

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
