"""Display matrices: turned and mirrored pictures come upright, as FFmpeg shows them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from containers import convert, ffmpeg, through
from gfla.animate import VideoReader
from gfla.animate.video.picture.orientation import Orientation
from gfla.animate.video.probe import read_media

MakeVideo = Callable[..., Path]


def first_picture(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """What FFmpeg shows of a file, RGB, as signed numbers."""
    command = [ffmpeg(), "-v", "error", "-i", path, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    done = subprocess.run([*command, "-"], capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(shape).astype(int)


@pytest.mark.parametrize("angle", [None, "90", "180", "270", "89.6", "90.4"])
@pytest.mark.parametrize("flips", [(), ("-display_hflip",), ("-display_vflip",)])
def test_display_matrices_are_followed_as_ffmpeg_does(
    tmp_path: Path, make_video: MakeVideo, angle: str | None, flips: tuple[str, ...]
):
    plain = make_video("plain.mp4", pts=range(2))
    turn = ("-display_rotation", angle) if angle else ()
    source = convert(plain, tmp_path / "in.mp4", "-c", "copy", before=(*turn, *flips))
    with VideoReader(source) as reader:
        size, image = reader.size, next(iter(reader)).image
    assert size == ((64, 96) if angle in ("90", "270", "89.6", "90.4") else (96, 64))
    assert np.abs(first_picture(source, image.shape) - image).max() <= 2
    assert read_media(source).mirrored == bool(flips)


def test_a_display_matrix_far_from_a_quarter_turn_is_turned_all_the_way(
    tmp_path: Path, make_video: MakeVideo
):
    square = make_video("plain.mp4", pts=range(2), size=(64, 64))
    source = convert(square, tmp_path / "in.mp4", "-c", "copy", before=("-display_rotation", "75"))
    with VideoReader(source) as reader:
        image = next(iter(reader)).image
    inside = (slice(20, 44), slice(20, 44))
    assert np.abs(first_picture(source, image.shape) - image)[inside].mean() < 3


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_rotation_is_applied(
    tmp_path: Path, rotation: int, make_video: MakeVideo, moving_picture: Callable[..., np.ndarray]
):
    source = make_video("in.mp4", rotation=rotation, pts=range(4))
    with VideoReader(source) as reader:
        upright = next(iter(reader)).image
        assert reader.size == ((96, 64) if rotation == 180 else (64, 96))
    truth = np.rot90(moving_picture(0), k=rotation // 90)
    assert upright.flags.c_contiguous
    assert np.abs(upright.astype(int) - truth).mean() < 4
    through(source, tmp_path / "out.mp4")
    with VideoReader(tmp_path / "out.mp4") as reader:
        assert np.abs(next(iter(reader)).image.astype(int) - truth).mean() < 5


def test_beside_a_frame_lies_what_pyav_does_not_know():
    """Then the angle alone is known."""

    class Decoded:
        rotation = -90

        @property
        def side_data(self):
            raise ValueError("31 is not a valid Type")

    orientation = Orientation.of(Decoded(), "hevc")  # type: ignore[arg-type]
    assert (orientation.rotation, orientation.mirrored) == (90, False)
