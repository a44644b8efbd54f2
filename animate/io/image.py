"""Pictures in and out: what Pillow reads, as upright RGB bytes; portraits come from phones and scanners."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from ..errors import InputError
from .atomic import part_file
from .paths import existing_file


def read_image(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a jpg, png or webp picture, turned upright as its EXIF tag says.

    Returns RGB (H, W, 3) uint8 and alpha (H, W) uint8, or None where the file has no transparency.
    16-bit grey is scaled to 8 bits, palettes and CMYK become RGB; of an animation the first picture is taken.
    InputError if there is no such file or Pillow cannot decode it.
    """
    path = existing_file(path)
    try:
        with Image.open(path) as image:
            image.load()
            upright = ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        raise InputError(f"{path}: not a picture; give a portrait as jpg, png or webp.") from None
    except Image.DecompressionBombError:
        raise InputError(f"{path}: the picture is too large; scale it down first.") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: the picture is damaged and cannot be decoded ({error}).") from None
    return _to_rgb(upright)


def write_image(image: np.ndarray, path: Path, comment: str | None = None) -> None:
    """Write RGB (H, W, 3) or RGBA (H, W, 4) uint8 as a picture of the kind that `path` ends in, under its
    name once whole. comment: what its metadata say, in PNG, JPEG or WebP."""
    part = part_file(path)
    try:
        Image.fromarray(image).save(part, **said(part, comment))
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}.") from None
    finally:
        part.unlink(missing_ok=True)


def said(path: Path, comment: str | None) -> dict[str, Any]:
    """What Pillow's `save` is given for a picture to say `comment`: a PNG as text, a JPEG as a comment, any
    other in EXIF as its description."""
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
