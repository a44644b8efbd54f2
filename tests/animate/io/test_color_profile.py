"""Colours as a file declares them become sRGB: what ImageCms or the definition says, not the bare numbers."""

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from color_profiles import cmyk_profile, grey_profile, rgb_profile
from gfla.animate import read_image
from gfla.animate.io.primaries import ADOBE_RGB, BT709, WIDE, Primaries, to_bt709
from PIL import ExifTags, Image, ImageCms

RELATIVE = ImageCms.Intent.RELATIVE_COLORIMETRIC
P3 = WIDE[12]
PRO_PHOTO = Primaries((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), (0.3457, 0.3585))
_Y, _X = np.mgrid[0:48, 0:64]
PICTURE = np.stack([60 + 2 * _X, 90 + 3 * _Y, 200 - _X - _Y], 2).clip(0, 255).astype(np.uint8)


def error(image: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(image.astype(int) - wanted).mean())


def by_image_cms(picture: Image.Image, profile: bytes) -> np.ndarray:
    given, srgb = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(picture, given, srgb, renderingIntent=RELATIVE, outputMode="RGB")
    assert converted is not None
    return np.asarray(converted)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif", "a.avif"])
@pytest.mark.parametrize(("primaries", "gamma"), [(P3, 2.4), (ADOBE_RGB, 2.2), (PRO_PHOTO, 1.8)])
def test_profiles_are_converted(tmp_path: Path, name: str, primaries: Primaries, gamma: float):
    profile = rgb_profile(primaries, gamma)
    exact: dict[str, dict[str, Any]] = {
        "a.webp": {"lossless": True},
        "a.jpg": {"quality": 100, "subsampling": 0},
        "a.avif": {},
    }
    Image.fromarray(PICTURE).save(tmp_path / name, icc_profile=profile, **exact.get(name, {}))
    stored = Image.open(tmp_path / name).convert("RGB")
    wanted = by_image_cms(stored, profile)
    assert error(wanted, np.asarray(stored)) > 3
    assert error(read_image(tmp_path / name)[0], wanted) < 0.6


def test_a_profile_of_srgb_itself_changes_nothing(tmp_path: Path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(PICTURE).save(tmp_path / "a.png", icc_profile=profile)
    assert np.array_equal(read_image(tmp_path / "a.png")[0], PICTURE)
    Image.fromarray(PICTURE).save(tmp_path / "b.png", icc_profile=b"no profile" * 20)
    assert np.array_equal(read_image(tmp_path / "b.png")[0], PICTURE)


def test_alpha_and_palettes_keep_their_profile(tmp_path: Path):
    profile = rgb_profile(P3, 2.2)
    alpha = np.broadcast_to(np.arange(64, dtype=np.uint8) * 4, (48, 64))
    Image.fromarray(np.dstack([PICTURE, alpha])).save(tmp_path / "a.png", icc_profile=profile)
    image, found = read_image(tmp_path / "a.png")
    assert found is not None
    assert np.array_equal(found, alpha)
    assert error(image, by_image_cms(Image.fromarray(PICTURE), profile)) < 0.6
    small = Image.fromarray(PICTURE).quantize(64)
    small.save(tmp_path / "p.png", icc_profile=profile)
    assert error(read_image(tmp_path / "p.png")[0], by_image_cms(small.convert("RGB"), profile)) < 0.6


def test_greys_follow_their_profile(tmp_path: Path):
    grey = Image.fromarray(PICTURE[..., 0])
    wanted = by_image_cms(grey, grey_profile(1.0))
    grey.save(tmp_path / "a.png", icc_profile=grey_profile(1.0))
    assert error(wanted, np.asarray(grey.convert("RGB"))) > 30
    assert error(read_image(tmp_path / "a.png")[0], wanted) < 0.6
    deep = Image.fromarray(PICTURE[..., 0].astype(np.uint16) * 257)
    deep.save(tmp_path / "b.png", icc_profile=grey_profile(1.0))
    assert error(read_image(tmp_path / "b.png")[0], wanted) < 0.6
    grey.save(tmp_path / "c.jpg", icc_profile=rgb_profile(P3, 1.0), quality=100)
    assert error(read_image(tmp_path / "c.jpg")[0], wanted) < 2  # an RGB profile of the same gamma


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_follows_its_profile(tmp_path: Path, name: str):
    lab = {}
    for mixture in np.ndindex(2, 2, 2, 2):
        cyan, magenta, yellow, black = mixture
        lightness = max(95 - 30 * cyan - 35 * magenta - 6 * yellow - 70 * black, 4)
        lab[mixture] = (lightness, 60 * magenta - 30 * cyan, 80 * yellow - 40 * cyan)
    profile = cmyk_profile(lab)
    inks = Image.fromarray(np.dstack([PICTURE, PICTURE[..., 0] // 3]), mode="CMYK")
    inks.save(tmp_path / name, icc_profile=profile, quality=100)
    stored = Image.open(tmp_path / name)
    wanted = by_image_cms(stored, profile)
    assert error(wanted, np.asarray(stored.convert("RGB"))) > 10
    assert error(read_image(tmp_path / name)[0], wanted) < 0.6


def test_lab_is_converted(tmp_path: Path):
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    picture = ImageCms.profileToProfile(Image.fromarray(PICTURE), srgb, lab, outputMode="LAB")
    assert picture is not None
    picture.save(tmp_path / "a.tif")
    assert error(read_image(tmp_path / "a.tif")[0], PICTURE) < 2


def with_chunk(path: Path, kind: bytes, data: bytes) -> None:
    """Put a chunk behind a PNG's header."""
    whole = path.read_bytes()
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(whole[:33] + chunk + whole[33:])


@pytest.mark.slow
def test_a_png_says_its_colours_in_chunks(tmp_path: Path):
    """cICP, gAMA and cHRM; sRGB beside gAMA wins over it, cICP over all."""
    path, wide = tmp_path / "a.png", to_bt709(PICTURE, P3, "srgb")
    assert error(wide, PICTURE) > 3

    def read(*chunks: tuple[bytes, bytes]) -> np.ndarray:
        Image.fromarray(PICTURE).save(path)
        for kind, data in chunks:
            with_chunk(path, kind, data)
        return read_image(path)[0]

    p3 = (b"cICP", bytes([12, 13, 0, 1]))
    points = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
    chrm = (b"cHRM", struct.pack(">8I", *(round(v * 100000) for v in points)))
    linear, usual = (b"gAMA", struct.pack(">I", 100000)), (b"gAMA", struct.pack(">I", 45455))
    assert error(read(p3), wide) == 0
    assert error(read(p3, (b"sRGB", b"\0")), wide) == 0
    assert error(read(usual, chrm), wide) == 0
    assert error(read(usual), PICTURE) == 0
    light = PICTURE / 255
    brighter = 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    assert error(read(linear), np.rint(brighter)) < 0.1
    assert error(read(linear, (b"sRGB", b"\0")), PICTURE) == 0
    assert error(read((b"cICP", bytes([9, 16, 0, 1]))), PICTURE) > 10  # HDR: mapped to other tones


def test_avif_without_a_profile_says_its_colours_by_numbers(tmp_path: Path):
    Image.fromarray(PICTURE).save(tmp_path / "a.avif", quality=100, subsampling="4:4:4")
    before = read_image(tmp_path / "a.avif")[0]
    data = (tmp_path / "a.avif").read_bytes()
    at = data.index(b"colrnclx") + 8
    (tmp_path / "b.avif").write_bytes(data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :])
    assert error(read_image(tmp_path / "b.avif")[0], to_bt709(before, P3, "srgb")) < 0.1


def test_a_camera_may_say_adobe_rgb_by_exif_alone(tmp_path: Path):
    exif = Image.Exif()
    exif[ExifTags.IFD.Exif] = {0xA001: 0xFFFF, ExifTags.IFD.Interop: {1: "R03"}}
    Image.fromarray(PICTURE).save(tmp_path / "a.jpg", exif=exif, quality=100, subsampling=0)
    with Image.open(tmp_path / "a.jpg") as stored:
        assert stored.getexif().get_ifd(ExifTags.IFD.Interop)[1] == "R03"
        wanted = by_image_cms(stored.convert("RGB"), rgb_profile(ADOBE_RGB, 2.19921875))
    assert error(read_image(tmp_path / "a.jpg")[0], wanted) < 0.6


def test_the_primaries_of_bt709_are_left_alone():
    assert np.abs(to_bt709(PICTURE, BT709, "srgb").astype(int) - PICTURE).max() == 0
    assert np.abs(to_bt709(PICTURE, BT709, "bt709", "bt709").astype(int) - PICTURE).max() == 0
