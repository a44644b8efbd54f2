"""Videos of wide primaries that are not HDR: converted to those of BT.709, by what their tags say."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from color_profiles import rgb_profile
from gfla.animate import VideoReader
from gfla.animate.errors import InputWarning
from gfla.animate.io.primaries import BT709, WIDE, Curve, to_bt709
from gfla.animate.video.picture.color import RgbConverter
from PIL import Image, ImageCms

MakeVideo = Callable[..., Path]
RELATIVE = ImageCms.Intent.RELATIVE_COLORIMETRIC
SMOOTH = np.stack(
    [70 + np.mgrid[0:64, 0:96][1], 90 + np.mgrid[0:64, 0:96][0], np.full((64, 96), 120)], 2
).astype(np.uint8)


def read(path: Path) -> np.ndarray:
    with VideoReader(path) as reader:
        return next(iter(reader)).image


@pytest.mark.parametrize("primaries", [9, 11, 12])
@pytest.mark.parametrize(("transfer", "curves"), [(1, ("bt709", "bt709")), (13, ("srgb", "srgb"))])
def test_wide_primaries_become_those_of_bt709(
    make_video: MakeVideo, primaries: int, transfer: int, curves: tuple[Curve, Curve]
):
    tags = {"matrix": 1, "pixels": "yuv444p", "options": {"crf": "0"}, "picture": lambda *_: SMOOTH}
    narrow = read(make_video("a.mp4", pts=range(2), primaries=1, transfer=transfer, **tags))
    wide = read(make_video("b.mp4", pts=range(2), primaries=primaries, transfer=transfer, **tags))
    wanted = to_bt709(narrow, WIDE[primaries], *curves)
    assert np.abs(wanted.astype(int) - narrow).mean() > 2
    assert np.array_equal(wide, wanted)


def test_the_matrix_is_that_of_a_colour_profile():
    """Against ImageCms, by a profile with the same primaries and a plain gamma."""
    for number in (9, 12):
        given = rgb_profile(WIDE[number], 2.2)
        picture = Image.fromarray(SMOOTH)
        target = rgb_profile(BT709, 2.2)
        converted = ImageCms.profileToProfile(
            picture,
            *(ImageCms.ImageCmsProfile(BytesIO(p)) for p in (given, target)),
            renderingIntent=RELATIVE,
        )
        ours = to_bt709(SMOOTH, WIDE[number], 2.2, 2.2)
        assert np.abs(ours.astype(int) - np.asarray(converted)).mean() < 0.6


def test_others_are_left_alone(make_video: MakeVideo):
    tags = {"matrix": 1, "pixels": "yuv444p", "options": {"crf": "0"}, "picture": lambda *_: SMOOTH}
    plain = read(make_video("a.mp4", pts=range(2), primaries=1, transfer=1, **tags))
    for primaries in (2, 5, 6):
        other = make_video("b.mp4", pts=range(2), primaries=primaries, transfer=1, **tags)
        assert np.array_equal(read(other), plain)


@pytest.mark.parametrize(("matrix", "like"), [(10, 9), (8, 2), (14, 2)])
def test_matrices_that_the_scaler_does_not_know(matrix: int, like: int):
    """Constant luminance, YCgCo, ICtCp: read with a warning, where FFmpeg's command gives up."""
    told: list[InputWarning] = []
    shown = []
    for number in (like, matrix):
        frame = av.VideoFrame.from_ndarray(SMOOTH, format="rgb24").reformat(format="yuv444p")
        frame.colorspace, frame.color_range = number, 1
        shown.append(RgbConverter("a.mp4", None, told.append)(frame)[0])
    assert np.array_equal(*shown)
    assert [f"matrix {matrix} " in warning.reason for warning in told] == [True]
