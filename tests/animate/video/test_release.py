"""What a reader or writer held is gone with it, at once: decoders, their threads, files."""

import gc
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import pytest
from conftest import write_video
from gfla.animate import InputError, VideoReader, VideoWriter

HELD = ("av.container", "av.video.codeccontext", "av.audio.codeccontext", "av.packet", "av.audio.frame")


@contextmanager
def nothing_left() -> Iterator[None]:
    """Inside, objects of FFmpeg and open files come and go without the garbage collector."""

    def held() -> tuple[Counter[str], int, int]:
        kinds = (type(each) for each in gc.get_objects())
        live = Counter(kind.__name__ for kind in kinds if str(kind.__module__).startswith(HELD))
        return live, len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

    gc.collect()
    gc.disable()
    try:
        before = held()
        yield
        assert held() == before
    finally:
        gc.enable()


def read_and_write(path: Path, folder: Path, frames: int) -> None:
    with (
        VideoReader(path) as reader,
        VideoWriter(
            folder / "out.mp4", reader.size, reader.rate, reader.time_base, audio_from=reader, overwrite=True
        ) as writer,
    ):
        for number, frame in enumerate(reader):
            writer.write(frame)
            if number == frames:
                break


pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="looks in /proc")


@pytest.mark.parametrize("frames", [3, 99])
@pytest.mark.parametrize("name", ["a.mp4", "a.ts", "a.avi"])
def test_read_whole_or_in_part(tmp_path: Path, name: str, frames: int):
    path = write_video(tmp_path / name, pts=range(12), sound="aac" if name != "a.avi" else "mp2")
    read_and_write(path, tmp_path, frames)
    with nothing_left():
        read_and_write(path, tmp_path, frames)


def test_frames_do_not_pile_up(tmp_path: Path):
    """What PyAV lists beside a frame refers back to it; only the garbage collector parts them."""
    path = write_video(tmp_path / "a.mp4", pts=range(12))
    gc.collect()
    gc.disable()
    try:
        with VideoReader(path) as reader:
            assert sum(1 for _ in reader) == 12
            assert sum(type(each) is av.VideoFrame for each in gc.get_objects()) <= 2
    finally:
        gc.enable()


def test_a_range_without_a_frame(tmp_path: Path):
    path = write_video(tmp_path / "a.mkv", pts=range(12), sound="aac")
    with nothing_left(), pytest.raises(InputError, match="there is no frame"):
        VideoReader(path, start=Fraction(9))


def test_damage_that_decodes_to_nothing(tmp_path: Path):
    path = write_video(tmp_path / "a.mp4", pts=range(12), sound="aac")
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat") + 4
    data[at : data.index(b"moov") - 4] = bytes(data.index(b"moov") - 4 - at)
    path.write_bytes(data)
    with nothing_left(), pytest.raises(InputError, match="not one picture"):
        VideoReader(path)


def test_sound_of_unknown_rate(tmp_path: Path):
    """No header can be written for it, and PyAV leaves a file open whose header it could not write."""
    path = write_video(tmp_path / "a.ts", pts=range(12), sound="aac")
    content = bytearray(path.read_bytes())
    for at in range(0, len(content), 188):  # what the sound's packets hold
        if content[at + 1] & 31 == 1 and content[at + 2] == 1:
            content[at + 24 : at + 188] = bytes(164)
    path.write_bytes(content)
    told = []
    with nothing_left():
        VideoReader(path, warn=told.append).close()
        read_and_write(path, tmp_path, 99)
    assert [warning.reason for warning in told] == ["its sound cannot be decoded and is left out"]


def test_an_error_while_it_is_written(tmp_path: Path):
    path = write_video(tmp_path / "a.mp4", pts=range(12), sound="aac")

    def fail() -> None:
        with (
            VideoReader(path) as reader,
            VideoWriter(
                tmp_path / "b.mp4", reader.size, reader.rate, reader.time_base, audio_from=reader
            ) as writer,
        ):
            for frame in reader:
                writer.write(frame)
                raise InputError("x", "y")

    with nothing_left(), pytest.raises(InputError):
        fail()
