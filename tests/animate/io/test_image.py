"""Pictures of every kind become upright RGB bytes, and a bad one is one sentence."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gfla.animate import InputError, read_image
from gfla.animate.io.image import write_image
from PIL import ExifTags, Image

Picture = Callable[..., np.ndarray]
PICTURE = np.add.outer(np.arange(30) * 4, np.add.outer(np.arange(40) * 3, [0, 9, 18])).astype(np.uint8)


@pytest.mark.parametrize("mode", ["RGB.png", "RGB.jpg", "RGB.webp", "L.png", "CMYK.jpg", "I;16.png", "P.png"])
def test_pictures_become_rgb(tmp_path: Path, mode: str):
    kind, suffix = mode.split(".")
    path = tmp_path / f"picture.{suffix}"
    if kind == "I;16":
        Image.fromarray(PICTURE[..., 0].astype(np.uint16) * 257).save(path)
    else:
        picture = Image.fromarray(PICTURE)
        picture = picture.quantize(256) if kind == "P" else picture.convert(kind)
        picture.save(path, quality=95)
    image, alpha = read_image(path)
    grey = kind in ("L", "I;16")
    truth = {"L": np.asarray(Image.fromarray(PICTURE).convert("L")), "I;16": PICTURE[..., 0]}.get(kind)
    wanted = np.repeat(truth[..., None], 3, axis=2) if truth is not None else PICTURE
    assert image.shape == (30, 40, 3)
    assert image.dtype == np.uint8
    assert alpha is None
    assert np.abs(image.astype(int) - wanted).mean() < (0.1 if grey else 12 if kind == "P" else 6)


def test_transparency_comes_apart_and_exif_turns(tmp_path: Path):
    rgba = np.dstack([PICTURE, np.arange(30 * 40).reshape(30, 40) % 256]).astype(np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    image, alpha = read_image(tmp_path / "a.png")
    assert np.array_equal(image, PICTURE)
    assert alpha is not None
    assert np.array_equal(alpha, rgba[..., 3])
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    Image.fromarray(PICTURE).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "turned.png")[0], np.rot90(PICTURE, k=-1))


def test_a_bad_picture_is_one_sentence(tmp_path: Path, moving_picture: Picture):
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(InputError, match="not a picture"):
        read_image(tmp_path / "text.jpg")
    Image.fromarray(moving_picture(1, 200, 200)).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:-200])
    with pytest.raises(InputError, match="damaged"):
        read_image(tmp_path / "cut.png")
    with pytest.raises(InputError, match="no such file"):
        read_image(tmp_path / "none.png")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_a_picture_says_what_it_is(tmp_path: Path, name: str):
    write_image(PICTURE, tmp_path / name, "Synthetic; weights: naïve")
    with Image.open(tmp_path / name) as picture:
        if name == "a.webp":
            assert picture.getexif()[ExifTags.Base.ImageDescription].startswith("Synthetic; weights: na")
        else:
            comment = picture.info.get("Comment") or picture.info["comment"].decode()
            assert comment == "Synthetic; weights: naïve"
    assert [path.name for path in tmp_path.iterdir()] == [name]
