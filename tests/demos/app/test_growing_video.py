"""A growing video can be watched from its first half second on, and ends whole."""

import asyncio
import io
from fractions import Fraction

import av
import numpy as np
from conftest import moving_picture
from gfla.animate.video import Frame
from gfla.demos.app.render.growing_video import GrowingVideo


def frame(index, size=(96, 64)):
    return Frame(moving_picture(index, *size), 1000 + 512 * index, Fraction(1, 12800))


def times(data):
    with av.open(io.BytesIO(data), "r") as container:
        return [float(picture.time) for picture in container.decode(video=0)]


def test_what_is_there_so_far_plays(tmp_path):
    growing = GrowingVideo(tmp_path / "a.mp4")
    for index in range(40):
        growing.show(frame(index))
    so_far = times(growing.path.read_bytes())
    assert len(so_far) >= 30, "all but the last fragment"
    assert np.allclose(so_far, np.arange(len(so_far)) / 25)
    growing.close()
    assert np.allclose(times(growing.path.read_bytes()), np.arange(40) / 25)


def test_followers_get_all_of_it(tmp_path):
    async def watch():
        growing = GrowingVideo(tmp_path / "a.mp4")
        task = asyncio.ensure_future(collect(growing))
        for index in range(30):
            growing.show(frame(index))
            await asyncio.sleep(0.001)
        growing.close()
        return await task, growing.path.read_bytes()

    async def collect(growing):
        return b"".join([part async for part in growing.follow()])

    got, whole = asyncio.run(watch())
    assert got == whole


def test_large_and_odd_pictures_are_made_to_fit(tmp_path):
    growing = GrowingVideo(tmp_path / "a.mp4")
    growing.show(frame(0, (1301, 977)))
    growing.close()
    with av.open(str(growing.path)) as container:
        picture = next(container.decode(video=0))
        assert (picture.width, picture.height) == (640, 480)


def test_a_video_of_nothing_is_empty(tmp_path):
    growing = GrowingVideo(tmp_path / "a.mp4")
    growing.close()
    assert growing.path.read_bytes() == b""
