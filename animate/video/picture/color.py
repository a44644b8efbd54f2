"""Decoded frames to upright RGB with square pixels, and RGB to what an encoder takes, as the color tags say.

Ten and more bits become eight by rounding; HDR (PQ and HLG) is mapped to the tones and primaries of BT.709,
and other video of wide primaries (Display P3, DCI-P3, BT.2020) to those of BT.709.
"""

import os
from fractions import Fraction

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from ...errors import InputWarning, Warn
from ...io.primaries import HDR, WIDE, to_bt709, transfer_curves
from ..frame import Frame
from .crop import Crop
from .orientation import Orientation

_WHOLE = Crop()
_BT709 = 1  # ITU-T H.273: primaries, transfer and matrix all call it 1
_UNSPECIFIED = 2
_MATRICES = {0, 1, _UNSPECIFIED, 4, 5, 6, 7, 9}  # those that FFmpeg's scaler knows
_RANGES = {0, 1, 2}
_BT2020, _CONSTANT_LUMINANCE = 9, 10
_ASPECTS = (Fraction(1, 8), Fraction(8))  # a pixel shape beyond these is damage, not intent
_WORTH_A_THREAD = 1 << 19  # pixels
_HD_ROWS = 720  # without a tag, players take the matrix of BT.709 from here on


class RgbConverter:
    """Converts decoded frames to upright 8-bit RGB with square pixels; the first sets the size of all.

    has_alpha: whether the last frame's format has transparency.
    """

    def __init__(self, name: str, pixel: Fraction | None, warn: Warn, crop: Crop = _WHOLE, codec: str = ""):
        """name: of the file, for warnings. pixel: width over height of one, or None. crop: what is cut off
        the coded pictures. codec: FFmpeg's name of it."""
        self._name, self._warn, self._crop, self._codec = name, warn, crop, codec
        self._pixel = pixel if pixel and _ASPECTS[0] <= pixel <= _ASPECTS[1] else Fraction(1)
        self._size: tuple[int, int] | None = None
        self._told: set[str] = set()
        self._reformatter = VideoReformatter()
        self._orientation: Orientation | None = None
        self._rotation = 0
        self.has_alpha = False

    def __call__(self, decoded: av.VideoFrame) -> tuple[np.ndarray, np.ndarray | None]:
        """RGB (H, W, 3) uint8 and alpha (H, W) uint8, None where all is opaque."""
        if self._size is None:  # never smaller than the coded frame
            wide, high = decoded.width, decoded.height
            wide = round(wide * self._pixel) if self._pixel > 1 else wide
            high = round(high / self._pixel) if self._pixel < 1 else high
            self._size = (max(wide, 1), max(high, 1))
        given = decoded.format
        self.has_alpha = given.has_palette or any(part.is_alpha for part in given.components)
        pixels = self._convert(decoded, "rgba" if self.has_alpha else "rgb24")
        if decoded.color_primaries in WIDE and decoded.color_trc not in HDR:
            curves = transfer_curves(decoded.color_trc, "bt709")
            narrow = to_bt709(pixels[..., :3], WIDE[decoded.color_primaries], *curves)
            pixels = np.dstack([narrow, pixels[..., 3]]) if self.has_alpha else narrow
        if any(self._crop):
            pixels = self._cropped(pixels, decoded.width, decoded.height)
        pixels = self._orient(decoded).apply(pixels)
        if not self.has_alpha:
            return np.ascontiguousarray(pixels), None
        alpha = np.ascontiguousarray(pixels[..., 3])
        return np.ascontiguousarray(pixels[..., :3]), alpha if alpha.min() < 255 else None

    def _convert(self, decoded: av.VideoFrame, to: str) -> np.ndarray:
        assert self._size is not None
        self._make_known(decoded)
        matrix = None
        if decoded.colorspace == _UNSPECIFIED and not decoded.format.is_rgb:
            matrix = Colorspace.ITU709 if decoded.height >= _HD_ROWS else Colorspace.ITU601
        size = {"width": self._size[0], "height": self._size[1]}
        if hdr := HDR.get(decoded.color_trc):
            self._warn_once(f"its HDR tones ({hdr}) are mapped to those of an ordinary screen")
            try:
                return self._reformatter.reformat(
                    decoded,
                    **size,
                    format=to,
                    src_colorspace=matrix,
                    dst_color_trc=ColorTrc.BT709,
                    dst_color_primaries=ColorPrimaries.BT709,
                    threads=threads_for(self._size),
                ).to_ndarray()
            except FFmpegError:
                self._warn_once(f"its HDR tags ({hdr}) make no sense and are ignored")
        elif decoded.format.components[0].bits > 8:
            self._warn_once(f"{decoded.format.components[0].bits} bits a colour are reduced to 8")
        return self._reformatter.reformat(
            decoded, **size, format=to, src_colorspace=matrix, threads=threads_for(self._size)
        ).to_ndarray()

    def _orient(self, decoded: av.VideoFrame) -> Orientation:
        """The frame's orientation, asked for again where its angle changes: a frame that was asked stays in
        memory until the garbage collector comes by. Sides never change places: the first frame's hold."""
        if self._orientation is None or decoded.rotation != self._rotation:
            self._rotation, given = decoded.rotation, Orientation.of(decoded, self._codec)
            if self._orientation is None or given.lying == self._orientation.lying:
                self._orientation = given
        return self._orientation

    def _make_known(self, decoded: av.VideoFrame) -> None:
        """Replace tags that the scaler refuses."""
        if decoded.colorspace not in _MATRICES:
            close = decoded.colorspace == _CONSTANT_LUMINANCE
            reason = f"its colours are coded by matrix {int(decoded.colorspace)} of ITU-T H.273"
            self._warn_once(f"{reason}, which is read as {'BT.2020' if close else 'an ordinary one'}")
            decoded.colorspace = _BT2020 if close else _UNSPECIFIED
        if decoded.color_range not in _RANGES:
            decoded.color_range = 0

    def _cropped(self, pixels: np.ndarray, width: int, height: int) -> np.ndarray:
        """pixels: of a picture coded as `width` by `height`, with its pixels squared."""
        high, wide = pixels.shape[:2]
        left, right = (round(cut * wide / width) for cut in (self._crop.left, self._crop.right))
        top, bottom = (round(cut * high / height) for cut in (self._crop.top, self._crop.bottom))
        return pixels[top : max(high - bottom, top + 1), left : max(wide - right, left + 1)]

    def _warn_once(self, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            self._warn(InputWarning(self._name, reason))


def threads_for(size: tuple[int, int]) -> int:
    """How many threads convert a picture of (width, height): one for each part worth waking one for."""
    return max(1, min(size[0] * size[1] // _WORTH_A_THREAD, os.cpu_count() or 1, 4))


def tag_bt709(context: av.VideoCodecContext, *, full: bool) -> None:
    """Tag the stream with the colours that `encoder_frame` makes."""
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = ColorRange.JPEG if full else ColorRange.MPEG


def encoder_frame(
    frame: Frame,
    size: tuple[int, int],
    to: str,
    *,
    full: bool,
    reformatter: VideoReformatter | None = None,
) -> av.VideoFrame:
    """The upper left (width, height) of a frame in the encoder's pixel format `to`, with its time.

    reformatter: kept between the frames of a stream, for it takes a while to set up. YCbCr is BT.709, `full`
    (0..255) or limited range (16..235): tags without this conversion would shift
    colours by 15 levels. A format without transparency gets the frame on white.
    """
    target = av.VideoFormat(to)
    if any(part.is_alpha for part in target.components):
        pixels, given = frame.rgba(), "rgba"
    else:
        pixels, given = frame.on_white(), "rgb24"
    pixels = np.ascontiguousarray(pixels[: size[1], : size[0]])
    made = av.VideoFrame.from_ndarray(pixels, format=given)
    reformatter, threads = reformatter or VideoReformatter(), threads_for(size)
    if not target.is_rgb:
        made = reformatter.reformat(
            made,
            format=to,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            threads=threads,
        )
    elif to != given:
        made = reformatter.reformat(made, format=to, threads=threads)
    made.pts, made.time_base = frame.pts, frame.time_base
    return made
