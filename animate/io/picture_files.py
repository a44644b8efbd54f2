"""Picture files recognised and opened: what Pillow reads, HEIC where its extra is installed, float TIFF."""

import logging
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ..errors import InputError, InputWarning, Warn

_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
_AVIF = {b"avif", b"avis"}
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ANIMATION = "an animation, of which the first picture is taken; a video, such as mp4, is taken whole"
_SEVERAL: dict[str, str] = dict.fromkeys(("GIF", "PNG", "WEBP", "AVIF"), _ANIMATION)
_SEVERAL |= {"TIFF": "it has several pages, of which the first is taken"}
_END_OF_JPEG = b"\xff\xd9"
_PLANAR = 284  # the tag
_LIGHT = 16  # floats up to this are of 0..1, with highlights above; of 0..255 they would be all black


def open_picture(path: Path, formats: tuple[str, ...] | None = None) -> Image.Image:
    """The picture by Pillow, its pixels not yet read; for `with`. formats: Pillow's names of those allowed.

    InputError for HEIC without pillow-heif, and for too many pixels; otherwise Pillow's errors.
    """
    if is_heic(path):
        if find_spec("pillow_heif") is None:
            reason = "a HEIC photograph, for which pillow-heif is needed"
            raise InputError(path, reason, "install it with: pip install 'gfla[heic]'")
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False)
    if formats is not None:  # Pillow fails on a name that nobody has registered
        Image.init()
        formats = tuple(name for name in formats if name in Image.OPEN)
    try:
        with _quiet_decoders():
            return Image.open(path, formats=formats)
    except Image.DecompressionBombError:
        raise InputError(path, "the picture is too large", "scale it down first") from None


def read_upright(path: Path, warn: Warn) -> tuple[Image.Image, Image.Image]:
    """The whole picture turned as its EXIF tag says, and as it was opened, with its headers.

    warn: told of a JPEG whose last bytes are missing, and of an animation or pages: the first is read.
    InputError if it is none or cannot be decoded.
    """
    try:
        with _quiet_decoders(), open_picture(path) as opened:
            if _has_more(opened):
                warn(InputWarning(path.name, _SEVERAL[opened.format or ""]))
            try:
                opened.load()
            except OSError:
                if opened.format not in ("JPEG", "MPO"):
                    raise
                opened = _read_cut_jpeg(path)
                reason = "the end of the file is missing; the bottom of the picture may be grey"
                warn(InputWarning(path.name, reason))
            return ImageOps.exif_transpose(opened), opened
    except UnidentifiedImageError:
        picture = _read_float_tiff(path)
        return picture, picture
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError, TypeError) as error:
        why = " ".join(str(error).split())  # some are lines
        raise InputError(path, f"the picture is damaged and cannot be decoded ({why})") from None


def is_picture(path: Path) -> bool:
    """Whether the file is a picture by its beginning, even a damaged one or one that cannot be read here."""
    if is_heic(path):
        return True
    try:
        with open_picture(path):
            return True
    except UnidentifiedImageError:
        with open(path, "rb") as file:
            return file.read(4) in _TIFF
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError):
        return True


def is_heic(path: Path) -> bool:
    """Whether the file is an HEIF picture of HEVC, as phones write, whatever its name."""
    with open(path, "rb") as file:
        head = file.read(64)
    if head[4:8] != b"ftyp":
        return False
    box = head[8 : min(int.from_bytes(head[:4], "big"), 64)]
    brands = {box[at : at + 4] for at in range(0, len(box), 4) if at != 4}
    return bool(brands & _HEIC) or (b"mif1" in brands and not brands & _AVIF)


def _has_more(opened: Image.Image) -> bool:
    """Whether it is the first of several pictures that belong together, and not a gain map or a preview."""
    if opened.format not in _SEVERAL:
        return False
    try:
        return getattr(opened, "is_animated", False)
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error):  # a damaged second one
        return True


@contextmanager
def _quiet_decoders() -> Iterator[None]:
    """Damage is told in one sentence of ours; a photograph of 100 million pixels is no attack."""
    log: Any = cv2.utils.logging
    logger, before = logging.getLogger("PIL"), log.getLogLevel()
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        log.setLogLevel(before)


def _read_cut_jpeg(path: Path) -> Image.Image:
    """A JPEG without its end, which libjpeg fills with grey."""
    opened = Image.open(BytesIO(path.read_bytes() + _END_OF_JPEG), formats=("JPEG",))
    opened.load()
    return opened


def _read_float_tiff(path: Path) -> Image.Image:
    """A TIFF of three float channels, which Pillow does not know."""
    with open(path, "rb") as file:
        is_tiff = file.read(4) in _TIFF
    values = None
    if is_tiff:
        content = path.read_bytes()
        if _is_planar(content):
            remedy = "save it with its channels interleaved"
            raise InputError(path, "a float TIFF with one plane for each colour", remedy) from None
        data = np.frombuffer(content, np.uint8)
        with suppress(cv2.error), _quiet_decoders():
            values = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if values is None or values.ndim != 3 or values.shape[2] not in (3, 4):
        reason = "a TIFF of an unknown kind" if is_tiff else "not a picture"
        raise InputError(path, reason, "give a portrait as jpg, png or webp") from None
    bytes_ = to_bytes(values)
    order = cv2.COLOR_BGR2RGB if values.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return Image.fromarray(cv2.cvtColor(bytes_, order))


def _is_planar(content: bytes) -> bool:
    """Whether a TIFF stores colour by colour, which OpenCV takes for pixel by pixel."""
    try:
        tags = ImageFileDirectory_v2(content[:8])
        file = BytesIO(content)
        file.seek(tags.next)
        tags.load(file)
        return tags.get(_PLANAR) == 2
    except (SyntaxError, ValueError, OSError, struct.error):
        return False


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Integers of 8, 16 or 32 bits or floats of 0..1 or 0..255, of any shape, as uint8 of the same shape."""
    if values.dtype == np.uint8:
        return values
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=1.0, neginf=0.0)
    highest = numbers.max(initial=0)
    if np.issubdtype(values.dtype, np.floating) and highest <= 255:
        scale = 255 if highest <= _LIGHT else 1
    else:
        scale = 255 / (65535 if highest <= 65535 else 2**31 - 1)
    return np.rint(numbers * scale).clip(0, 255).astype(np.uint8)
