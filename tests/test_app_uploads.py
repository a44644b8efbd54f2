"""What visitors send is refused in a sentence before anything else opens it."""

import numpy as np
import pytest
from conftest import write_video
from gfla.animate import InputError
from gfla.demos.app.limits import Limits
from gfla.demos.app.uploads import check_driving, check_portrait
from PIL import Image

LIMITS = Limits(bytes=2**20, seconds=1.5, side=200)


def picture(path, size=(64, 64)):
    Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8)).save(path)
    return path


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "tiff"])
def test_pictures_pass(tmp_path, ending):
    path = picture(tmp_path / f"a.{ending}")
    assert check_portrait(path, LIMITS) == path


def test_no_picture_and_too_large_ones(tmp_path):
    text = tmp_path / "notes.png"
    text.write_text("not a picture")
    with pytest.raises(InputError, match=r"notes.png: this is not a picture.*send a JPEG or PNG"):
        check_portrait(text, LIMITS)
    with pytest.raises(InputError, match=r"300 x 64 is too large; send one of at most 200 pixels"):
        check_portrait(picture(tmp_path / "wide.png", (300, 64)), LIMITS)
    heavy = tmp_path / "heavy.png"
    heavy.write_bytes(b"\x89PNG" + bytes(2**20))
    with pytest.raises(InputError, match=r"at most 1 MB"):
        check_portrait(heavy, LIMITS)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi", "a.ts"])
def test_videos_pass(tmp_path, name):
    path = write_video(tmp_path / name, pts=tuple(range(10)))
    assert check_driving(path, LIMITS) == path


def test_no_video_and_too_long_ones(tmp_path, bad_videos):
    long = write_video(tmp_path / "long.mp4", pts=tuple(range(100)))
    with pytest.raises(InputError, match=r"this video is 0:04 long and at most 0:01"):
        check_driving(long, LIMITS)
    for name, said in {
        "text": "this is not a video that we can read",
        "cut": "this video is damaged",
        "sound": "only sound",
        "empty": "empty",
    }.items():
        with pytest.raises(InputError, match=said):
            check_driving(bad_videos[name], LIMITS)


def test_a_playlist_is_refused_unopened(tmp_path):
    """FFmpeg would read whatever file or address it names."""
    path = tmp_path / "innocent.mp4"
    path.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match="not a video that we can read"):
        check_driving(path, LIMITS)
