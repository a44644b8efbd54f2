"""Animated WebP, read with Pillow because FFmpeg cannot: it only ever writes them."""

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import InputError
from .frame import Frame

SHOWN = 100
"""Milliseconds of a picture that does not say."""


def is_webp(path: Path) -> bool:
    """Whether the file says it is a WebP picture, whatever its name."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


class MovingWebp:
    """The pictures of a WebP file; InputError if it cannot be decoded.

    time_base: milliseconds. count: pictures. duration: seconds, unknown (None) before they are read. rate: of
    the first picture's time.
    """

    time_base = Fraction(1, 1000)
    duration: Fraction | None = None

    def __init__(self, path: Path):
        self._path = path
        try:
            self._picture = Image.open(path)
            self._picture.load()
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            raise InputError(f"{path}: a damaged WebP picture; give a whole file.") from None
        self.count: int = getattr(self._picture, "n_frames", 1)
        self.rate = Fraction(1000, self._milliseconds())

    def frames(self) -> Generator[Frame]:
        at = 0
        with self._picture as picture:
            for index in range(self.count):
                try:
                    picture.seek(index)
                    rgba = np.asarray(picture.convert("RGBA"))
                except (OSError, EOFError, SyntaxError, ValueError):  # it breaks off: what came is all
                    return
                clear = rgba[..., 3].min() < 255
                alpha = np.ascontiguousarray(rgba[..., 3]) if clear else None
                yield Frame(np.ascontiguousarray(rgba[..., :3]), at, self.time_base, alpha)
                at += self._milliseconds()

    def _milliseconds(self) -> int:
        return max(1, int(self._picture.info.get("duration") or SHOWN))
