"""How a decoded frame is to be turned and mirrored for display, as its display matrix says."""

import math
from typing import NamedTuple, Self

import av
import cv2
import numpy as np

_SNAP = 1.0  # degrees off a quarter turn that are a writer's rounding; FFmpeg takes the same

_WITH_EXIF = {"mjpeg", "png", "apng", "tiff", "webp", "jpeg2000", "jpegls", "libjxl", "gif", "bmp"}
"""Codecs of still pictures, beside which FFmpeg leaves the EXIF data. PyAV 18 does not know that type, and a
list of side data that it cannot finish ends the process when it is collected."""


class Orientation(NamedTuple):
    """A display matrix's four numbers: a pixel at (x, y) is shown at (a x + c y, b x + d y), y downwards."""

    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 1.0

    @classmethod
    def of(cls, decoded: av.VideoFrame, codec: str) -> Self:
        """Of a frame of that codec (FFmpeg's name); upright if it does not say, or nonsense."""
        if codec in _WITH_EXIF:
            return cls._quarter(decoded)
        try:
            found = decoded.side_data.get("DISPLAYMATRIX")
        except ValueError:  # beside it lies something that PyAV does not know
            return cls._quarter(decoded)
        if found is None:
            return cls()
        a, b, _, c, d = (value / 65536 for value in np.frombuffer(bytes(found), np.int32)[:5].tolist())
        return cls(a, b, c, d) if abs(a * d - b * c) > 1e-3 else cls()

    @classmethod
    def _quarter(cls, decoded: av.VideoFrame) -> Self:
        """By the angle alone, in quarter turns."""
        cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[decoded.rotation // 90 % 4]
        return cls(cos, -sin, sin, cos)

    @property
    def lying(self) -> bool:
        """Whether rows are shown as columns."""
        return abs(self.b) > abs(self.a)

    @property
    def mirrored(self) -> bool:
        return self.a * self.d - self.b * self.c < 0

    @property
    def rotation(self) -> int:
        """Degrees clockwise, 0 to 359, to turn it for display, before it is mirrored left to right."""
        sign = -1 if self.mirrored else 1
        return round(math.degrees(math.atan2(self.b * sign, self.a * sign))) % 360

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """The picture (H, W, channels) uint8 as it is shown, by quarter turns (W, H, channels); a rest of
        more than a degree is turned too, black where nothing comes to lie."""
        across, down = (self.c, self.b) if self.lying else (self.a, self.d)
        less, more = sorted((abs(self.a), abs(self.b)))
        off = math.degrees(math.atan2(less, more))
        if off > _SNAP:
            return self._warp(pixels)
        pixels = pixels.swapaxes(0, 1) if self.lying else pixels
        return pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]

    def _warp(self, pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        to = (height, width) if self.lying else (width, height)
        turn = np.array([[self.a, self.c], [self.b, self.d]])
        turn /= np.hypot(self.a, self.b)
        move = (np.array(to) - 1) / 2 - turn @ (np.array([width, height]) - 1) / 2
        return cv2.warpAffine(np.ascontiguousarray(pixels), np.c_[turn, move], to, flags=cv2.INTER_LINEAR)
