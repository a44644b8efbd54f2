"""Odd inputs: titles in old codes, streams without a decoder, pipes, devices, servers that are not there."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from containers import content, ffmpeg, through
from gfla.animate.errors import InputError
from gfla.animate.streaming.live import Newest
from gfla.animate.video import Camera, Encoding, Frame, VideoReader, VideoWriter
from gfla.animate.video.inputs import Input
from gfla.animate.video.packets.demux import demux
from gfla.animate.video.probe import read_media

MakeVideo = Callable[..., Path]


def exchange(path: Path, old: bytes, new: bytes) -> Path:
    """The file with some of its bytes exchanged."""
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


def copy(source: Path, target: Path | str, **options) -> int:
    """Through reader and writer; returns how many frames were written."""
    with (
        VideoReader(source) as reader,
        VideoWriter(target, reader.size, reader.rate, reader.time_base, audio_from=reader, **options) as out,
    ):
        frames = list(reader)
        for frame in frames:
            out.write(frame)
    return len(frames)


def packets_of_sound(path: Path) -> int:
    with av.open(str(path), metadata_errors="replace") as container:
        if not container.streams.audio:
            return 0
        return sum(packet.dts is not None for packet in container.demux(audio=0))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_title_in_another_code_than_utf8_is_no_error(tmp_path: Path, make_video: MakeVideo, suffix: str):
    talking = make_video("talking.mp4", pts=range(25), sound="aac")
    copy(talking, tmp_path / f"old{suffix}", encoding=Encoding(comment="caf\xe9"))
    old = exchange(tmp_path / f"old{suffix}", b"caf\xc3\xa9", b"caf\xe9!")
    assert copy(old, tmp_path / f"new{suffix}") == 25
    assert packets_of_sound(tmp_path / f"new{suffix}") == packets_of_sound(old) > 10
    assert read_media(old).sound


def test_pictures_without_a_decoder_are_a_sentence(make_video: MakeVideo):
    unknown = exchange(make_video("unknown.mp4", pts=range(5)), b"avc1", b"zzzz")
    for read in (VideoReader, read_media):
        with pytest.raises(InputError, match=r"unknown\.mp4: FFmpeg has no decoder"):
            read(unknown)


def test_sound_without_a_decoder_is_left_out(tmp_path: Path, make_video: MakeVideo):
    unknown = exchange(make_video("unknown.mkv", pts=range(5), sound="aac"), b"A_AAC", b"A_ZZZ")
    assert copy(unknown, tmp_path / "out.mp4") == 5
    assert not packets_of_sound(tmp_path / "out.mp4")
    media = read_media(unknown)
    assert (media.sound, media.tracks) == (None, 1)


def test_a_server_that_is_not_there_is_a_sentence_with_sound_too(make_video: MakeVideo):
    talking = make_video("talking.mp4", pts=range(25), sound="aac")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(InputError, match=rf"^tcp://127.0.0.1:{port}: cannot be written"):
        copy(talking, f"tcp://127.0.0.1:{port}")


@pytest.mark.slow
def test_of_what_is_read_once_sound_that_nobody_takes_is_not_kept(
    tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
):
    talking = make_video("talking.mp4", pts=range(25), sound="aac")
    monkeypatch.setattr(Input, "of", lambda given: Input(str(given), f"file:{given}"))
    readers = []

    def opened() -> VideoReader:
        readers.append(VideoReader(talking))
        return readers[-1]

    with opened() as kept:
        list(kept)
    with (
        opened() as silent,
        VideoWriter(
            tmp_path / "out.gif", silent.size, silent.rate, silent.time_base, audio_from=silent
        ) as out,
    ):
        for frame in silent:
            out.write(frame)
    newest = Newest(opened)
    assert list(newest)
    newest.close()
    counts = [len(reader.sound_packets) for reader in readers]
    assert counts[0] > 10
    assert counts[1:] == [0, 0]


def test_a_full_disk_is_one_sentence_for_pictures_too(tmp_path: Path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)

    def fill() -> None:
        with VideoWriter(tmp_path / "%d.png", (128, 128), Fraction(25), Fraction(1, 25)) as writer:
            writer.write(Frame(noise, 0, Fraction(1, 25)))

    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(InputError, match=r"%d\.png: cannot be written: "):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_strange_files_are_one_sentence(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(InputError, match="a pipe, not a file"):
        VideoReader(tmp_path / "pipe.mp4")
    with pytest.raises(InputError, match="a device, not a file"):
        VideoReader("/dev/null")
    with pytest.raises(InputError, match="cannot be opened: File name too long"):
        VideoReader(tmp_path / ("x" * 300))
    with pytest.raises(InputError, match=r"camera 77: there is none \(/dev/video77 does not exist\)"):
        VideoReader(Camera(77))


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="this system tells no thread's policy")
def test_an_encoder_leaves_the_thread_its_priority(tmp_path: Path):
    before = os.sched_getscheduler(0)
    with VideoWriter(
        tmp_path / "a.mp4", (96, 64), Fraction(25), Fraction(1, 25), encoding=Encoding("av1")
    ) as writer:
        writer.write(Frame(np.zeros((64, 96, 3), np.uint8), 0, Fraction(1, 25)))
        assert os.sched_getscheduler(0) == before
    assert os.sched_getscheduler(0) == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of memory that holds at once")
def test_a_limit_of_memory_is_not_blamed_on_the_video(make_video: MakeVideo):
    """FFmpeg's threads then cannot start, which it tells by another number than that of memory."""
    code = """
import resource, sys
from pathlib import Path
from gfla.animate import VideoReader
with VideoReader(sys.argv[1]) as reader:
    assert len(list(reader)) == 8
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (4096 * pages + 20_000_000, -1))
try:
    with VideoReader(sys.argv[1]) as reader:
        print(len(list(reader)))
except MemoryError:
    print("memory")
"""
    source = make_video("a.mp4", pts=range(8))
    done = subprocess.run(
        [sys.executable, "-c", code, source], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) in (("memory\n", ""), ("8\n", ""))


@pytest.mark.parametrize("late", ["sound", "picture"])
def test_a_stream_that_begins_after_all_that_ffmpeg_looks_at(tmp_path: Path, late: str):
    """A broadcast's sound of 7 seconds later, or its picture; FFmpeg knows neither rate nor size."""
    path = tmp_path / "late.ts"
    delay = {late: ("-itsoffset", "7")}
    command = [ffmpeg(), "-v", "error", *delay.get("picture", ())]
    command += ["-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=8", *delay.get("sound", ())]
    command += ["-f", "lavfi", "-i", "sine=d=8", "-c:v", "mpeg2video", "-c:a", "mp2", path]
    subprocess.run(command, check=True)
    times, told = through(path, tmp_path / "out.mp4")
    after = content(tmp_path / "out.mp4")
    assert told == []
    assert len(after.times) == len(times) == 200
    assert abs(after.heard - after.times[0] - {"sound": 7, "picture": -7}[late]) < 0.05


def test_a_stream_that_appears_on_the_way(tmp_path: Path):
    """PyAV flushes it at the end though nobody asked for it, and fails."""

    class Container:
        def demux(self, streams):
            yield from (1, 2)
            raise IndexError("list index out of range")

    assert list(demux(Container(), [])) == [1, 2]  # type: ignore[arg-type]
