"""The colours that a picture's file declares, as sRGB: an ICC profile, or numbers in its headers."""

import re
import struct
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms

from .primaries import ADOBE_RGB, BT709, HDR, WIDE, Curve, Primaries, to_bt709, transfer_curves

_SRGB_GAMMA = 0.45455  # a PNG's gamma this near is meant as sRGB's curve
_SAME = 2  # levels of 255: a profile that changes no colour by more is sRGB itself
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}  # of a profile's colour space
_HEADERS = 1 << 20  # bytes within which an AVIF or HEIC declares its colours
_NEAR = 0.004  # chromaticities this near are the same


def to_srgb(colors: Image.Image, opened: Image.Image, path: Path) -> np.ndarray:
    """The `colors` of a picture, without its alpha, as sRGB (H, W, 3) uint8.

    colors: of mode L, RGB, CMYK or LAB. opened: the picture as Pillow opened it, with its headers. A PNG's
    cICP comes before its profile, that before sRGB, gAMA and cHRM; a profile that makes no sense is ignored.
    """
    codes = _cicp(path) if opened.format == "PNG" else None
    profile = opened.info.get("icc_profile")
    if profile and codes is None and (converted := _by_profile(colors, profile)) is not None:
        return converted
    if colors.mode == "LAB":
        converted = _by_profile(colors, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes())
        assert converted is not None
        return converted
    image = np.array(colors.convert("RGB"))
    if colors.mode == "CMYK":
        return image
    if codes is None and not profile and opened.format in ("AVIF", "HEIF"):
        codes = _nclx(path)
    if codes is not None:
        return _by_codes(image, *codes)
    if profile or "srgb" in opened.info:
        return image
    if opened.format == "PNG":
        return _by_gamma(image, opened.info.get("gamma"), opened.info.get("chromaticity"))
    return to_bt709(image, ADOBE_RGB, 2.19921875) if _is_adobe_rgb(opened) else image


def _by_profile(colors: Image.Image, profile: bytes) -> np.ndarray | None:
    """None if the profile is not for such colours, or broken."""
    try:
        space, transform, same = _transform(profile)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, KeyError):  # a TIFF's may be a number
        return None
    if space == "RGB" and colors.mode == "L":
        colors = colors.convert("RGB")
    if space != colors.mode:
        return None
    if same:
        return np.array(colors)
    converted = ImageCms.applyTransform(colors, transform)
    return None if converted is None else np.array(converted)


@lru_cache(maxsize=8)
def _transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform, bool]:
    """Pillow's mode of the profile's colours, the way from them to sRGB, and whether they are sRGB."""
    given = ImageCms.ImageCmsProfile(BytesIO(profile))
    profile_of: Any = given.profile
    mode = _MODES[profile_of.xcolor_space.strip()]
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    srgb = ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(given, srgb, mode, "RGB", renderingIntent=intent)
    if mode != "RGB":
        return mode, transform, False
    levels = np.linspace(0, 255, 18).round().astype(np.uint8)
    probe = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(18, -1, 3)
    after = ImageCms.applyTransform(Image.fromarray(probe), transform)
    return mode, transform, bool(np.abs(np.asarray(after, int) - probe).max() <= _SAME)


def _by_codes(image: np.ndarray, primaries: int, transfer: int) -> np.ndarray:
    """By the numbers of ITU-T H.273 for primaries and transfer."""
    if transfer in HDR:
        return _by_tone_map(image, primaries, transfer)
    curve, shown = transfer_curves(transfer, "srgb")
    if primaries not in WIDE and curve == shown:
        return image
    return to_bt709(image, WIDE.get(primaries, BT709), curve, shown)


def _by_tone_map(image: np.ndarray, primaries: int, transfer: int) -> np.ndarray:
    """HDR to ordinary tones, as of a video."""
    import av
    from av.video.reformatter import ColorPrimaries, ColorTrc

    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    frame.color_primaries, frame.color_trc = primaries, transfer
    shown = {"dst_color_trc": ColorTrc.BT709, "dst_color_primaries": ColorPrimaries.BT709}
    return frame.reformat(format="rgb24", threads=1, **shown).to_ndarray()


def _by_gamma(image: np.ndarray, gamma: float | None, points: tuple[float, ...] | None) -> np.ndarray:
    """By a PNG's gAMA, the exponent it was encoded with, and cHRM: white, red, green, blue, each x and y."""
    primaries = BT709
    if points and len(points) == 8 and min(points[1::2]) > 0:
        white, red, green, blue = zip(points[::2], points[1::2], strict=True)
        given = Primaries(red, green, blue, white)
        if np.abs(np.subtract(given, BT709)).max() > _NEAR and abs(np.linalg.det(_plane(given))) > 1e-3:
            primaries = given
    curve: Curve = "srgb"
    if gamma and 0.1 < gamma < 10 and abs(gamma / _SRGB_GAMMA - 1) > 0.05:
        curve = 1 / gamma
    if primaries is BT709 and curve == "srgb":
        return image
    return to_bt709(image, primaries, curve)


def _plane(primaries: Primaries) -> np.ndarray:
    """(3, 3), singular where the three primaries lie on a line and span no colours."""
    return np.array([(*point, 1.0) for point in primaries[:3]])


def _cicp(path: Path) -> tuple[int, int] | None:
    """Primaries and transfer of a PNG's cICP."""
    with open(path, "rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8 and head[4:] not in (b"IDAT", b"IEND"):
            length = int.from_bytes(head[:4], "big")
            if head[4:] == b"cICP" and length == 4:
                primaries, transfer = file.read(2)
                return primaries, transfer
            file.seek(length + 4, 1)
    return None


def _nclx(path: Path) -> tuple[int, int] | None:
    """Primaries and transfer of the first colour box of an AVIF or HEIC that has them."""
    with open(path, "rb") as file:
        found = re.search(rb"colrnclx(.{4})", file.read(_HEADERS), re.S)
    return struct.unpack(">HH", found[1]) if found else None


def _is_adobe_rgb(opened: Image.Image) -> bool:
    """Whether a camera says so without a profile, by the rules of DCF."""
    try:
        return opened.getexif().get_ifd(ExifTags.IFD.Interop).get(1) == "R03"
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return False
