"""The contact sheet shows the right frames: a row a video, the same times in each."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from gfla.demos.contact_sheet import contact_sheet, main


@pytest.fixture
def ramps(tmp_path):
    """Two videos whose grey tells the time: frame i has grey 8 i; the second is larger, at half the rate."""
    paths = []
    for name, step, side in (("one.mp4", 1, 64), ("two.mp4", 2, 128)):
        paths.append(tmp_path / name)
        with av.open(str(paths[-1]), "w") as out:
            video = out.add_stream("libx264", rate=Fraction(25, step), options={"crf": "5"})
            video.width = video.height = side
            video.pix_fmt = "yuv420p"
            for i in range(0, 30, step):
                picture = np.full((side, side, 3), 8 * i, np.uint8)
                out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            out.mux(video.encode(None))
    return paths


def test_rows_show_the_same_times(ramps):
    sheet = contact_sheet(ramps, columns=4, height=32)
    assert sheet.shape == (64, 128, 3)
    grey = sheet[16::32, 16::32].mean(-1)
    np.testing.assert_allclose(grey[0], [0, 80, 152, 232], atol=4)
    np.testing.assert_allclose(
        grey[1], [0, 80, 160, 224], atol=4
    )  # the next frame there is; the last at the end


def test_command_writes_a_picture(ramps, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["contact_sheet.py", *map(str, ramps), "-o", str(tmp_path / "sheet.png")])
    main()
    picture = cv2.imread(str(tmp_path / "sheet.png"))
    assert picture is not None
    assert picture.shape == (512, 8 * 256, 3)
