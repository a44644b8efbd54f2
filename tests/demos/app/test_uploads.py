"""What visitors send is refused in a sentence before anything else opens it."""

from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
from conftest import write_video
from containers import convert
from gfla.animate import InputError, VideoReader
from gfla.animate.io.image import read_image
from gfla.demos.app.visitors.limits import Limits
from gfla.demos.app.visitors.pictures import crop_picture, crop_video, fit_picture
from gfla.demos.app.visitors.session import Visit
from gfla.demos.app.visitors.uploads import check_driving, check_length, check_portrait
from PIL import Image

LIMITS = Limits(bytes=2**20, seconds=1.5, side=200, most_side=800)


def check(path, part=(None, None)):
    """A driver's length, if it may be used."""
    length = check_driving(path, LIMITS)
    check_length(path, length, part, LIMITS)
    return length


def picture(path, size=(64, 64)):
    made = Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8))
    if path.suffix == ".heic":
        pytest.importorskip("pillow_heif").from_pillow(made).save(path)
    else:
        made.save(path)
    return path


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "tiff", "avif", "heic"])
def test_pictures_pass(tmp_path, ending):
    path = picture(tmp_path / f"a.{ending}")
    assert check_portrait(path, LIMITS) == 64


def test_no_picture_and_too_large_ones(tmp_path):
    text = tmp_path / "notes.png"
    text.write_text("not a picture")
    with pytest.raises(InputError, match=r"notes.png: this is not a picture.*send a JPEG or PNG"):
        check_portrait(text, LIMITS)
    assert check_portrait(picture(tmp_path / "wide.png", (300, 64)), LIMITS) == 300, "it is shrunk later"
    with pytest.raises(InputError, match=r"900 x 64 is too large; send one of at most 800 pixels"):
        check_portrait(picture(tmp_path / "wider.png", (900, 64)), LIMITS)
    heavy = tmp_path / "heavy.png"
    heavy.write_bytes(b"\x89PNG" + bytes(2**20))
    with pytest.raises(InputError, match=r"at most 1 MB"):
        check_portrait(heavy, LIMITS)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi", "a.ts", "a.wmv"])
def test_videos_pass(tmp_path, name):
    path = write_video(tmp_path / name, pts=tuple(range(10)))
    assert check(path) == pytest.approx(0.4, abs=0.1)


def test_a_camera_s_m2ts_passes(tmp_path):
    """Its packets have four bytes more than those of a .ts."""
    options = {"mpegts_m2ts_mode": "1"}
    path = write_video(tmp_path / "a.m2ts", pts=tuple(range(10)), format_options=options)
    assert path.read_bytes()[4:200:192] == b"\x47\x47"
    assert check(path) == pytest.approx(0.4, abs=0.1)


def test_no_video_and_too_long_ones(tmp_path, bad_videos):
    long = write_video(tmp_path / "long.mp4", pts=tuple(range(100)))
    with pytest.raises(InputError, match=r"this video is 0:04 long, and at most 0:01"):
        check(long)
    assert check(long, (1.0, 2.0)) == 4
    with pytest.raises(InputError, match=r"this part is 0:03 long, and at most 0:01 is allowed; choose"):
        check(long, (1.0, None))
    for name, said in {
        "text": "this is not a video that we can read",
        "cut": "this video is damaged",
        "sound": "only sound",
        "empty": "empty",
    }.items():
        with pytest.raises(InputError, match=said):
            check_driving(bad_videos[name], LIMITS)


def test_a_recording_that_does_not_say_its_length_is_measured(tmp_path):
    """As a browser's recordings do not."""
    for frames in (25, 100):
        path = write_video(tmp_path / f"{frames}.mkv", pts=range(frames), format_options={"live": "1"})
        with av.open(str(path)) as container:
            assert container.duration is None
    assert check(tmp_path / "25.mkv") == pytest.approx(1, abs=0.1)
    with pytest.raises(InputError, match=r"100.mkv: this video is 0:03 long, and at most 0:01"):
        check(tmp_path / "100.mkv")


@pytest.mark.parametrize("ending", ["mkv", "webm", "flv", "ts"])
def test_a_clock_that_begins_late_is_no_length(tmp_path, ending):
    """A second of video, at ten hours of its clock."""
    codec = "libvpx-vp9" if ending == "webm" else "libx264"
    picture_, options = "color=red:size=64x64:rate=25:duration=1", ("-output_ts_offset", "36000")
    target = tmp_path / f"late.{ending}"
    convert(picture_, target, "-c:v", codec, *options, before=("-f", "lavfi"))
    assert check(target) == pytest.approx(1, abs=0.1)
    with VideoReader(target) as reader:
        assert reader.frames is not None
        assert abs(reader.frames - 25) <= 2


def test_a_webp_has_the_same_limits(tmp_path):
    def webp(name, pictures, milliseconds, size=(64, 48)):
        first, *rest = [Image.new("RGB", size, (10 * index, 0, 0)) for index in range(pictures)]
        first.save(tmp_path / name, save_all=True, append_images=rest, duration=milliseconds)
        return tmp_path / name

    short = webp("short.webp", 3, 500)
    assert check(short) == 1.5
    assert check(picture(tmp_path / "still.webp")) == 0
    with pytest.raises(InputError, match=r"long.webp: this video is 0:04 long, and at most 0:01"):
        check(webp("long.webp", 4, 1000))
    with pytest.raises(InputError, match="300 x 64 is too large"):
        check_driving(webp("wide.webp", 2, 100, (300, 64)), LIMITS)
    rubbish = tmp_path / "rubbish.webp"
    rubbish.write_bytes(b"RIFF\x10\x00\x00\x00WEBP" + bytes(200))
    with pytest.raises(InputError, match=r"rubbish.webp: this WebP picture is damaged"):
        check_driving(rubbish, LIMITS)


def test_a_playlist_is_refused_unopened(tmp_path):
    """FFmpeg would read whatever file or address it names."""
    path = tmp_path / "innocent.mp4"
    path.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match="not a video that we can read"):
        check_driving(path, LIMITS)
    path.write_text("Good is what begins with the byte of an MPEG-TS\n" * 40)
    with pytest.raises(InputError, match="not a video that we can read"):
        check_driving(path, LIMITS)


def test_a_large_picture_is_shrunk_and_a_part_is_cut(tmp_path):
    visit = Visit(tmp_path / "visit", tmp_path / "cache")
    visit.folder.mkdir()
    made = np.zeros((100, 400, 3), np.uint8)
    made[:, 300:] = 255
    Image.fromarray(made).save(tmp_path / "wide.png")
    small = fit_picture(visit, tmp_path / "wide.png", 200)
    assert (read_image(small)[0].shape, small.name) == ((50, 200, 3), "wide.png")
    part = crop_picture(visit, tmp_path / "wide.png", (0.75, 0, 1, 1))
    assert read_image(part)[0].shape == (100, 100, 3)
    assert read_image(part)[0].min() == 255
    with pytest.raises(InputError, match=r"this part of it is too small; choose at least 64 pixels"):
        crop_picture(visit, tmp_path / "wide.png", (0, 0, 0.1, 1))


def test_a_part_of_a_video_is_cut_in_space_and_time(tmp_path, make_video):
    """Its times begin at 0 and its sound comes along."""
    visit = Visit(tmp_path / "visit", tmp_path / "cache")
    visit.folder.mkdir()

    def halves(index: int, width: int, height: int) -> np.ndarray:
        made = np.zeros((height, width, 3), np.uint8)
        made[:, width // 2 :] = 200
        return made

    path = make_video("wide.mp4", picture=halves, size=(256, 128), sound="aac", pts=range(50))
    part = crop_video(visit, path, (0.5, 0, 1, 0.75), 1, 1.6)
    assert part == crop_video(visit, path, (0.5, 0, 1, 0.75), 1, 1.6)
    with VideoReader(part) as reader:
        assert (reader.size, part.name, len(reader.sounds)) == ((128, 96), "wide.mp4", 1)
        frames = list(reader)
        assert [round(float(frame.seconds - reader.zero), 2) for frame in frames] == [
            round(0.04 * index, 2) for index in range(15)
        ]
    assert np.abs(frames[3].image.astype(int) - 200).max() <= 4
    with pytest.raises(InputError, match=r"this part of it is too small; choose at least 64 pixels"):
        crop_video(visit, path, (0, 0, 0.1, 1))


def test_two_events_at_once_shrink_a_picture_once(tmp_path):
    visit = Visit(tmp_path / "visit", tmp_path / "cache")
    visit.folder.mkdir()
    Image.fromarray(np.zeros((300, 400, 3), np.uint8)).save(tmp_path / "wide.png")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: fit_picture(visit, tmp_path / "wide.png", 200), range(16)))
    assert len(set(made)) == 1
    assert read_image(made[0])[0].shape == (150, 200, 3)
