"""Animated WebP, read with Pillow because FFmpeg can only write it."""

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import InputError
from .frame import Frame

DEFAULT_MS = 100
"""How long a frame without a duration is shown."""


def is_webp(path: Path) -> bool:
    """Whether the file is a WebP image, whatever its name."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


class AnimatedWebp:
    """The frames of a WebP file; InputError if it cannot be decoded.

    time_base: milliseconds. count: frames. duration: seconds, unknown (None) before they are read. rate: from
    the first frame's duration.
    """

    time_base = Fraction(1, 1000)
    duration: Fraction | None = None

    def __init__(self, path: Path):
        try:
            self._picture = Image.open(path)
            self._picture.load()
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            raise InputError(path, "a damaged WebP picture", "give a whole file") from None
        self.count: int = getattr(self._picture, "n_frames", 1)
        self.rate = Fraction(1000, self._milliseconds())

    def frames(self) -> Generator[Frame]:
        """All frames in order; a damaged file gives those before the damage."""
        at = 0
        with self._picture as picture:
            for index in range(self.count):
                try:
                    picture.seek(index)
                    rgba = np.asarray(picture.convert("RGBA"))
                except (OSError, EOFError, SyntaxError, ValueError):
                    return
                transparent = rgba[..., 3].min() < 255
                alpha = np.ascontiguousarray(rgba[..., 3]) if transparent else None
                yield Frame(np.ascontiguousarray(rgba[..., :3]), at, self.time_base, alpha)
                at += self._milliseconds()

    def _milliseconds(self) -> int:
        return max(1, int(self._picture.info.get("duration") or DEFAULT_MS))
