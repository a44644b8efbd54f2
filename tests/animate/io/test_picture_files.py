"""HEIC with and without its extra, pictures without their end, floats: read, or one sentence that helps."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from color_profiles import rgb_profile
from gfla.animate import InputError, read_image
from gfla.animate.errors import InputWarning
from gfla.animate.io import picture_files
from gfla.animate.io.primaries import WIDE
from gfla.animate.source_video import is_video
from PIL import ExifTags, Image

_Y, _X = np.mgrid[0:64, 0:96]
PICTURE = np.stack([60 + 2 * _X, 40 + 3 * _Y, 220 - _X - _Y], 2).clip(0, 255).astype(np.uint8)


def write_heic(path: Path, picture: Image.Image, **more) -> Path:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.from_pillow(picture).save(path, quality=-1, chroma=444, **more)
    return path


def test_heic_is_read_with_its_orientation_and_colours(tmp_path: Path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # shown turned by 90 degrees clockwise
    path = write_heic(tmp_path / "a.heic", Image.fromarray(PICTURE), exif=exif.tobytes())
    assert not is_video(path)
    image, alpha = read_image(path)
    assert alpha is None
    assert image.shape == (96, 64, 3)
    assert np.abs(image.astype(int) - np.rot90(PICTURE, k=-1)).mean() < 2
    picture = Image.fromarray(PICTURE)
    picture.info["icc_profile"] = rgb_profile(WIDE[12], 2.2)
    wide = read_image(write_heic(tmp_path / "wide.jpg", picture))[0]  # whatever its name
    Image.fromarray(PICTURE).save(tmp_path / "wide.png", icc_profile=picture.info["icc_profile"])
    assert np.abs(wide.astype(int) - read_image(tmp_path / "wide.png")[0]).mean() < 2


def test_heic_keeps_its_alpha(tmp_path: Path):
    alpha = np.broadcast_to(np.where(np.arange(96) < 48, 255, 0).astype(np.uint8), (64, 96))
    _, found = read_image(write_heic(tmp_path / "a.heif", Image.fromarray(np.dstack([PICTURE, alpha]))))
    assert found is not None
    assert np.abs(found.astype(int) - alpha).mean() < 4


def test_heic_without_its_extra_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_heic(tmp_path / "a.heic", Image.fromarray(PICTURE))
    monkeypatch.setattr(picture_files, "find_spec", lambda _: None)
    assert not is_video(path)
    with pytest.raises(InputError, match=r"a\.heic: .*pip install 'gfla\[heic\]'"):
        read_image(path)


def test_damaged_heic_is_a_sentence(tmp_path: Path):
    path = write_heic(tmp_path / "a.heic", Image.fromarray(PICTURE))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"a\.heic: the picture is damaged") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_a_jpeg_without_its_end_is_read_with_a_warning(tmp_path: Path, options: dict):
    path, told = tmp_path / "a.jpg", list[InputWarning]()
    Image.fromarray(PICTURE).save(path, quality=95, subsampling=0, **options)
    data = path.read_bytes()
    for lost in (1, 2, 40):
        path.write_bytes(data[:-lost])
        image, _ = read_image(path, told.append)
        assert np.abs(image[:48].astype(int) - PICTURE[:48]).mean() < 4
    assert [warning.subject for warning in told] == ["a.jpg"] * 3
    assert "the end of the file is missing" in told[0].reason
    path.write_bytes(data)
    read_image(path, told.append)
    assert len(told) == 3
    path.write_bytes(data[:100])  # not even its size
    with pytest.raises(InputError, match=r"a\.jpg: "):
        read_image(path)


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.avif", "a.tif"])
def test_of_an_animation_the_first_picture_is_read_and_it_is_said(tmp_path: Path, name: str):
    path, told = tmp_path / name, list[InputWarning]()
    colours = ((200, 0, 0), (0, 200, 0), (0, 0, 200))
    pictures = [Image.new("RGB", (32, 32), colour) for colour in colours]
    pictures[0].save(path)
    read_image(path, told.append)
    assert told == []
    pictures[0].save(path, save_all=True, append_images=pictures[1:])
    image, _ = read_image(path, told.append)
    assert np.abs(image.astype(int) - colours[0]).max() < 8
    assert ["the first" in warning.reason for warning in told] == [True]


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_an_animation_that_is_cut_off_anywhere(tmp_path: Path, name: str):
    """Pillow finds no byte, or half a number, where it looks for the second picture."""
    path = tmp_path / name
    pictures = [Image.new("RGB", (8, 8), colour) for colour in ((200, 0, 0), (0, 200, 0))]
    pictures[0].save(path, save_all=True, append_images=pictures[1:])
    data, read = path.read_bytes(), 0
    for end in range(1, len(data)):
        path.write_bytes(data[:end])
        try:
            read_image(path)
            read += 1
        except InputError:
            pass
    assert read > 0 or name == "a.webp"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_tiff(tmp_path: Path, dtype: type):
    """Floats of 0..1, with highlights above and values that are none; of 0..255; grey and in colour."""
    grey = PICTURE[..., 0].astype(dtype) / 255
    grey[0, :3] = 1.2, np.nan, -0.5
    wanted = PICTURE[..., 0].copy()
    wanted[0, :3] = 255, 0, 0
    if dtype is np.float32:
        Image.fromarray(grey).save(tmp_path / "grey.tif")
        assert np.array_equal(read_image(tmp_path / "grey.tif")[0], np.repeat(wanted[..., None], 3, axis=2))
        Image.fromarray(PICTURE[..., 0].astype(dtype)).save(tmp_path / "255.tif")
        assert np.array_equal(read_image(tmp_path / "255.tif")[0][..., 1], PICTURE[..., 0])
    assert cv2.imwrite(str(tmp_path / "rgb.tif"), (PICTURE[..., ::-1] / 255).astype(dtype))
    assert not is_video(tmp_path / "rgb.tif")
    assert np.array_equal(read_image(tmp_path / "rgb.tif")[0], PICTURE)


def test_a_float_tiff_colour_by_colour_is_a_sentence(tmp_path: Path):
    """OpenCV reads its planes as if they were pixels."""
    path = tmp_path / "planes.tif"
    assert cv2.imwrite(str(path), (PICTURE[..., ::-1] / 255).astype(np.float32))
    data = path.read_bytes()
    entry = struct.pack("<HHI", 284, 3, 1)  # the tag of how planes are stored: one number of 16 bits
    assert data.count(entry + b"\1\0") == 1
    path.write_bytes(data.replace(entry + b"\1\0", entry + b"\2\0"))
    with pytest.raises(InputError, match=r"planes\.tif: a float TIFF with one plane for each colour"):
        read_image(path)


def test_whole_numbers_of_32_bits(tmp_path: Path):
    Image.fromarray(PICTURE[..., 0].astype(np.int32) * 257).save(tmp_path / "16.tif")
    assert np.array_equal(read_image(tmp_path / "16.tif")[0][..., 0], PICTURE[..., 0])
    Image.fromarray(PICTURE[..., 0].astype(np.int32) << 23).save(tmp_path / "32.tif")
    assert np.abs(read_image(tmp_path / "32.tif")[0][..., 0].astype(int) - PICTURE[..., 0]).max() <= 1


def test_a_tiff_whose_places_are_no_whole_numbers_is_a_sentence(tmp_path: Path):
    path = tmp_path / "a.tif"
    Image.fromarray(PICTURE).save(path)
    content = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        if struct.unpack_from("<H", content, entry)[0] == 273:  # where the strips are
            struct.pack_into("<HIf", content, entry + 2, 11, 1, 8.5)  # a float
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged and cannot be decoded"):
        read_image(path)
