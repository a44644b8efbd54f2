"""Alpha of a cut-out portrait: it moves with the face."""

import numpy as np
from numpy.typing import NDArray

from ..face.crop import FaceSquare, crop, paste
from .detail import Canvas, Drawing, carry, moved_square

Image = NDArray[np.uint8]


def moved_alpha(
    alpha: Image, square: FaceSquare, canvas: Canvas, drawing: Drawing | None, *, alone: bool
) -> Image:
    """The alpha of an animated frame, warped by the drawing's flow like the source's own pixels.

    alpha: (H, W) uint8 of the photograph; square, canvas: of the portrait. Returns (H, W) uint8, or (S, S) of
    the crop if `alone`.
    """
    whole = np.repeat(alpha[..., None], 3, axis=2)
    if alone:
        small = crop(whole, square, len(canvas.small))
        return np.ascontiguousarray((small if drawing is None else carry(small, drawing.flow))[..., 0])
    if drawing is None:
        return alpha
    moved = moved_square(crop(whole, square, square.side), drawing, canvas)
    return np.ascontiguousarray(paste(whole, moved, square)[..., 0])
