"""What a container cuts off its pictures is cut off, as FFmpeg's command does."""

import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gfla.animate import VideoReader
from gfla.animate.video.picture.crop import Crop, declared_crop

MakeVideo = Callable[..., Path]
CROP = Crop(left=8, top=4, right=16, bottom=12)
EXACT = {"pts": range(3), "pixels": "yuv444p", "options": {"crf": "0"}}


def with_pixel_crop(path: Path, crop: Crop) -> Path:
    """The Matroska file with a crop; the empty space at its beginning makes room."""
    data, names = bytearray(path.read_bytes()), (0x54CC, 0x54BB, 0x54DD, 0x54AA)
    more = b"".join(struct.pack(">HBB", name, 0x81, cut) for name, cut in zip(names, crop, strict=True))
    found = re.search(rb"\xe0[\x81-\xbf]\xb0\x81", data)
    assert found
    video = found.start()
    tracks = data.rindex(b"\x16\x54\xae\x6b", 0, video)
    entry = data.rindex(b"\xae\x01\0\0", tracks, video)
    space = data.index(b"\xec\x01\0\0")
    data[video + 1] += len(more)
    for at, size, change in ((entry + 1, 8, 16), (tracks + 4, 2, 16), (space + 1, 8, -16)):
        data[at : at + size] = (int.from_bytes(data[at : at + size], "big") + change).to_bytes(size, "big")
    data[video + 2 : video + 2] = more
    del data[space + 9 : space + 25]
    path.write_bytes(data)
    return path


def with_clean_aperture(path: Path, crop: Crop, size: tuple[int, int]) -> Path:
    """The MP4 file, whose index lies at its end, with a clean aperture."""
    data = bytearray(path.read_bytes())
    wide, high = size[0] - crop.left - crop.right, size[1] - crop.top - crop.bottom
    right, down = crop.left - crop.right, crop.top - crop.bottom
    box = struct.pack(">I4s8i", 40, b"clap", wide, 1, high, 1, right, 2, down, 2)
    names = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1")
    place = 0
    for name in names:
        at = data.index(name, data.rindex(b"moov")) - 4
        data[at : at + 4] = struct.pack(">I", struct.unpack_from(">I", data, at)[0] + len(box))
        place = at + 8 + 78
    data[place:place] = box
    path.write_bytes(data)
    return path


def by_ffmpeg(path: Path, size: tuple[int, int]) -> np.ndarray:
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    command = [ffmpeg, "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0], 3)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_declared_crop_is_obeyed(make_video: MakeVideo, name: str):
    with VideoReader(make_video(name, **EXACT)) as reader:
        whole = [frame.image for frame in reader]
    path = make_video(name, **EXACT)
    path = with_pixel_crop(path, CROP) if name == "a.mkv" else with_clean_aperture(path, CROP, (96, 64))
    assert declared_crop(path, 0, (96, 64)) == CROP
    assert declared_crop(path, 1, (96, 64)) == Crop()
    assert declared_crop(path, 0, (24, 64)) == Crop(), "nothing would be left"
    with VideoReader(path) as reader:
        assert reader.size == (72, 48)
        cut = [frame.image for frame in reader]
    assert len(cut) == 3
    for before, after in zip(whole, cut, strict=True):
        assert np.array_equal(after, before[4:52, 8:80])
    assert np.abs(by_ffmpeg(path, (72, 48)).astype(int) - cut).mean() < 2


def test_turned_and_with_wide_pixels(make_video: MakeVideo):
    """The crop counts in coded pixels, before they are squared and turned."""
    turned = make_video("turned.mp4", rotation=90, **EXACT)
    with VideoReader(with_clean_aperture(turned, CROP, (96, 64))) as reader:
        assert reader.size == (48, 72)
    wide = make_video("wide.mkv", pixel=2, **EXACT)
    with VideoReader(with_pixel_crop(wide, CROP)) as reader:
        assert reader.size == (144, 48)


def test_damaged_headers_are_no_crop(make_video: MakeVideo):
    for name in ("a.mkv", "a.mp4"):
        path = make_video(name, **EXACT)
        data = path.read_bytes()
        for length in (4, 9, 40, 300):
            path.write_bytes(data[:length])
            assert declared_crop(path, 0, (96, 64)) == Crop()
    path.write_bytes(b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xf0")  # a length beyond any file
    assert declared_crop(path, 0, (96, 64)) == Crop()
