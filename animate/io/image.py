"""Image files in and out by Pillow: upright 8-bit sRGB, laid on white where they are transparent."""

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from ..errors import InputError, Warn, ignore
from .atomic import atomic_file
from .color_profile import to_srgb
from .paths import existing_file
from .picture_files import read_upright, to_bytes


def read_image(path: str | os.PathLike, warn: Warn = ignore) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a jpg, png, webp, avif, tiff or, with its extra, heic file, rotated as its EXIF tag says.

    Returns RGB (H, W, 3) uint8 and alpha (H, W) uint8, or None where the file has no transparency.
    Colours become sRGB by the file's profile or tags; 16 bits and floats are scaled to 8 bits, palettes and
    CMYK become RGB; an animation gives its first frame. warn: told of a JPEG without its end.
    InputError if there is no such file or it cannot be decoded.
    """
    path = existing_file(path)
    upright, opened = read_upright(path, warn)
    colors, alpha = _apart(upright)
    return to_srgb(colors, opened, path), alpha


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


def _apart(image: Image.Image) -> tuple[Image.Image, np.ndarray | None]:
    """Colours of mode L, RGB, CMYK or LAB, and alpha (H, W) uint8."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):  # Pillow would clip, not scale
        return Image.fromarray(to_bytes(np.asarray(image))), None
    alpha = None
    if image.has_transparency_data:
        alpha = np.array(image.convert("RGBA").getchannel("A"))
        image = image.convert("RGBA") if image.mode not in ("L", "LA") else image.convert("LA")
        image = image.convert("L" if image.mode == "LA" else "RGB")
    if image.mode == "1":
        image = image.convert("L")
    return image if image.mode in ("L", "RGB", "CMYK", "LAB") else image.convert("RGB"), alpha
