"""Where a portrait is clear: its alpha moves along with its face, so that a cut-out stays one."""

import numpy as np
from numpy.typing import NDArray

from ..face.crop import crop, paste
from ..state import Portrait
from .detail import Drawing, carry, moved_square

Image = NDArray[np.uint8]


def moved_alpha(portrait: Portrait, drawing: Drawing | None, *, alone: bool) -> Image | None:
    """The alpha of the frame that `drawing` makes: (H, W) uint8 of the photograph, of the crop if `alone`;
    None where the portrait is opaque. It goes where the flow takes the source's own pixels."""
    if portrait.alpha is None:
        return None
    whole = np.repeat(portrait.alpha[..., None], 3, axis=2)
    if alone:
        square = crop(whole, portrait.square, portrait.face.shape[0])
        return np.ascontiguousarray((square if drawing is None else carry(square, drawing.flow))[..., 0])
    if drawing is None:
        return portrait.alpha
    square = moved_square(crop(whole, portrait.square, portrait.square.side), drawing, portrait.canvas)
    return np.ascontiguousarray(paste(whole, square, portrait.square)[..., 0])


def off_white(image: Image, alpha: Image) -> Image:
    """The colours (H, W, 3) themselves of what lies on white paper through `alpha`: what laying it there
    again undoes; white where nothing can be seen."""
    share = np.maximum(alpha, 1)[..., None].astype(np.float32) / 255
    return np.rint((image - 255 * (1 - share)) / share).clip(0, 255).astype(np.uint8)
