"""Image files in and out by Pillow: upright 8-bit RGB, laid on white where they are transparent."""

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from ..errors import InputError
from .atomic import atomic_file
from .paths import existing_file


def read_image(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a jpg, png or webp file, rotated as its EXIF tag says.

    Returns RGB (H, W, 3) uint8 and alpha (H, W) uint8, or None where the file has no transparency.
    16-bit grey is scaled to 8 bits, palettes and CMYK become RGB; an animation gives its first frame.
    InputError if there is no such file or Pillow cannot decode it.
    """
    path = existing_file(path)
    try:
        with Image.open(path) as image:
            image.load()
            upright = ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        raise InputError(path, "not a picture", "give a portrait as jpg, png or webp") from None
    except Image.DecompressionBombError:
        raise InputError(path, "the picture is too large", "scale it down first") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(path, f"the picture is damaged and cannot be decoded ({error})") from None
    return _to_rgb(upright)


def shrink(image: np.ndarray, most: int | None) -> np.ndarray:
    """A picture (H, W) or (H, W, C) uint8 whose longer side has at most `most` pixels, its own shape kept."""
    height, width = image.shape[:2]
    if most is None or max(height, width) <= most:
        return image
    size = tuple(max(round(side * most / max(height, width)), 1) for side in (width, height))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def write_image(image: np.ndarray, path: Path, comment: str | None = None) -> None:
    """Write RGB (H, W, 3) or RGBA (H, W, 4) uint8, whole or not at all; the suffix of `path` is the format.

    comment: goes into the metadata of PNG, JPEG and WebP. InputError if it cannot be written.
    """
    try:
        with atomic_file(path) as part:
            Image.fromarray(image).save(part, **comment_options(part, comment))
    except OSError as error:
        raise InputError(path, f"cannot be written: {error.strerror or error}") from None


def comment_options(path: Path, comment: str | None) -> dict[str, Any]:
    """Keyword arguments for Pillow's `save` that store `comment`: as text in a PNG, as a comment in a JPEG,
    else as the EXIF description."""
    if comment is None:
        return {}
    if path.suffix.lower() == ".png":
        text = PngInfo()
        text.add_text("Comment", comment)
        return {"pnginfo": text}
    if path.suffix.lower() in (".jpg", ".jpeg"):
        return {"comment": comment}
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = comment
    return {"exif": exif}


def on_white(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """RGB (H, W, 3) uint8 laid on white through `alpha` (H, W) uint8, straight alpha."""
    opacity = alpha[..., None].astype(np.float32) / 255
    return np.rint(image * opacity + 255 * (1 - opacity)).astype(np.uint8)


def off_white(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Undo `on_white`: the colours themselves, white where nothing can be seen."""
    opacity = np.maximum(alpha, 1)[..., None].astype(np.float32) / 255
    return np.rint((image - 255 * (1 - opacity)) / opacity).clip(0, 255).astype(np.uint8)


def _to_rgb(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):  # Pillow would clip, not scale
        grey = np.asarray(image).astype(np.float64)
        if image.mode != "F" or grey.max(initial=0) > 255:
            grey = grey / 257
        grey = np.rint(grey).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2), None
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        return np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3])
    return np.array(image.convert("RGB")), None
