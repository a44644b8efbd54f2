"""A portrait as a stream needs it: read and laid on white, its face cut out and encoded once."""

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..models import Reference
from .align import FaceSquare
from .closeups import CloseupReferences
from .detail import Canvas
from .errors import InputError
from .image import read_image
from .motion import Person

Image = NDArray[np.uint8]
Source = str | os.PathLike | Image


@dataclass(frozen=True, eq=False)
class Portrait:
    """A source, prepared once per stream.

    image: RGB (H, W, 3) uint8. square: where its face is. canvas: where drawings of it are finished.
    face: the crop, (S, S, 3) uint8. places: (70, 2) float32, points and irises, pixels of the crop.
    reference: the crop encoded. closeups: mouth and eyes encoded, None where nothing draws them.
    Of a source video's frame, pose: the person from whom the motion departs, where it is not the first
    frame's. anew: whether its square is another than the frame's before. alpha: (H, W) uint8, None where
    opaque.
    """

    image: Image
    square: FaceSquare
    canvas: Canvas
    face: Image
    places: NDArray[np.float32]
    reference: Reference
    closeups: CloseupReferences | None = None
    pose: Person | None = None
    anew: bool = False
    alpha: Image | None = None

    @property
    def points(self) -> NDArray[np.float32]:
        """(68, 2), `places` without the irises."""
        return self.places[:68]


def read_source(source: Source) -> tuple[Image, Image | None, str]:
    """The picture on white where it is transparent, its alpha, what to call it; InputError if it is none."""
    if isinstance(source, np.ndarray):
        if source.ndim != 3 or source.shape[2] != 3 or source.dtype != np.uint8:
            raise InputError(f"a source array is RGB (H, W, 3) uint8, not {source.shape} {source.dtype}.")
        return source, None, "source"
    image, alpha = read_image(source)
    if alpha is not None:
        share = alpha[..., None].astype(np.float32) / 255
        image = np.rint(image * share + 255 * (1 - share)).astype(np.uint8)
    return image, alpha, str(source)
