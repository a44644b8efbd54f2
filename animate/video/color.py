"""Decoded pictures to upright RGB with square pixels, and RGB to what an encoder takes: tags are obeyed here.

Ten and more bits become eight by rounding; HDR (PQ and HLG) is mapped to the tones and primaries of BT.709.
"""

import logging
from fractions import Fraction

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from .frame import Frame

log = logging.getLogger(__name__)

_BT709 = 1  # ITU-T H.273: primaries, transfer and matrix all call it 1
_UNSPECIFIED = 2
HDR = {16: "PQ", 18: "HLG"}
_LIKELY = (Fraction(1, 8), Fraction(8))  # a stranger pixel shape than that is damage, not intent
_HD_ROWS = 720  # without a tag, players take the matrix of BT.709 from here on


class Upright:
    """Makes pictures of decoded frames: upright, pixels squared, 8-bit RGB; the first sets the size."""

    def __init__(self, name: str, pixel: Fraction | None):
        """name: of the file, for what is said. pixel: its width over its height, or None."""
        self._name = name
        wide = pixel if pixel and _LIKELY[0] <= pixel <= _LIKELY[1] else Fraction(1)
        self._pixel = wide
        self._size: tuple[int, int] | None = None
        self._said: set[str] = set()
        self._reformatter = VideoReformatter()

    def __call__(self, decoded: av.VideoFrame) -> tuple[np.ndarray, np.ndarray | None]:
        """RGB (H, W, 3) uint8 and alpha (H, W) uint8, or None where all is opaque."""
        if self._size is None:  # never smaller than what is coded
            wide, high = decoded.width, decoded.height
            wide = round(wide * self._pixel) if self._pixel > 1 else wide
            high = round(high / self._pixel) if self._pixel < 1 else high
            self._size = (max(wide, 1), max(high, 1))
        may_be_clear = decoded.format.has_palette or any(part.is_alpha for part in decoded.format.components)
        picture = self._colours(decoded, "rgba" if may_be_clear else "rgb24")
        if turns := decoded.rotation // 90 % 4:
            picture = np.rot90(picture, k=turns)
        if not may_be_clear:
            return np.ascontiguousarray(picture), None
        alpha = np.ascontiguousarray(picture[..., 3])
        return np.ascontiguousarray(picture[..., :3]), alpha if alpha.min() < 255 else None

    def _colours(self, decoded: av.VideoFrame, to: str) -> np.ndarray:
        assert self._size is not None
        matrix = None
        if decoded.colorspace == _UNSPECIFIED and not decoded.format.is_rgb:
            matrix = Colorspace.ITU709 if decoded.height >= _HD_ROWS else Colorspace.ITU601
        size = {"width": self._size[0], "height": self._size[1]}
        if hdr := HDR.get(decoded.color_trc):
            self._say("%s: its HDR tones (%s) are mapped to those of an ordinary screen.", hdr)
            try:
                return self._reformatter.reformat(
                    decoded,
                    **size,
                    format=to,
                    src_colorspace=matrix,
                    dst_color_trc=ColorTrc.BT709,
                    dst_color_primaries=ColorPrimaries.BT709,
                    threads=1,
                ).to_ndarray()
            except FFmpegError:
                self._say("%s: its HDR tags (%s) make no sense and are ignored.", hdr)
        elif decoded.format.components[0].bits > 8:
            self._say("%s: %s bits a colour are reduced to 8.", decoded.format.components[0].bits)
        return self._reformatter.reformat(
            decoded, **size, format=to, src_colorspace=matrix, threads=1
        ).to_ndarray()

    def _say(self, words: str, what: object) -> None:
        if words not in self._said:
            self._said.add(words)
            log.info(words, self._name, what)


def tag_bt709(context: av.VideoCodecContext, *, full: bool) -> None:
    """Say in the stream what `coded` makes of the colours."""
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = ColorRange.JPEG if full else ColorRange.MPEG


def coded(frame: Frame, size: tuple[int, int], to: str, *, full: bool) -> av.VideoFrame:
    """The left upper (width, height) of a frame in the encoder's pixel format `to`, with its time.

    YCbCr is BT.709, `full` (0..255) or limited range (16..235): tags without this conversion would shift
    colours by 15 levels. A format without transparency gets the picture on white.
    """
    clear = av.VideoFormat(to)
    if any(part.is_alpha for part in clear.components):
        picture, given = frame.rgba(), "rgba"
    else:
        picture, given = frame.on_white(), "rgb24"
    picture = np.ascontiguousarray(picture[: size[1], : size[0]])
    made = av.VideoFrame.from_ndarray(picture, format=given)
    if not clear.is_rgb:
        made = made.reformat(
            format=to,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            threads=1,
        )
    elif to != given:
        made = made.reformat(format=to, threads=1)
    made.pts, made.time_base = frame.pts, frame.time_base
    return made
