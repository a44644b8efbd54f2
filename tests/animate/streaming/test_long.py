"""What takes minutes: memory and overlap of whole renders, a soak of the live mode; with short samples."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

pytestmark = pytest.mark.slow

MakeVideo = Callable[..., Path]
STUB = Path(__file__).parents[2] / "stub.py"


def run(*arguments: object) -> dict:
    command = [sys.executable, str(STUB), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def repeated(source: Path, target: Path, times: int) -> Path:
    """`source` that many times over, its packets copied."""
    with av.open(str(target), "w") as output:
        stream, at = None, 0
        for _ in range(times):
            with av.open(str(source)) as container:
                video = container.streams.video[0]
                stream = stream or output.add_stream_from_template(video)
                assert video.duration
                for packet in container.demux(video):
                    if packet.dts is not None:
                        assert packet.pts is not None
                        packet.pts, packet.dts, packet.stream = packet.pts + at, packet.dts + at, stream
                        output.mux(packet)
                at += video.duration
    return target


def soft(index: int, width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 60 + index % 100, np.uint8)


def clip_of(make_video: MakeVideo, tmp_path: Path, size: tuple[int, int], seconds: int, times: int) -> Path:
    options = {"bf": "0", "preset": "ultrafast", "g": "25"}
    first = make_video("first.mp4", picture=soft, size=size, pts=range(25 * seconds), options=options)
    return repeated(first, tmp_path / f"{times}.mp4", times)


def test_memory_does_not_grow_sample(make_video: MakeVideo, tmp_path: Path):
    """Five times the frames: the same memory within 50 MB; a picture a frame would be 70 MB more."""
    peaks = [
        run("render", clip_of(make_video, tmp_path, (320, 180), 4, times), tmp_path / f"out{times}.mp4", 0)
        for times in (1, 5)
    ]
    assert [peak["frames"] for peak in peaks] == [100, 500]
    assert abs(peaks[1]["memory"] - peaks[0]["memory"]) < 50 * 2**20


def test_looking_at_a_driver_keeps_no_picture(make_video: MakeVideo, tmp_path: Path):
    """The walk before the render, five times as long: the same memory; once it kept a picture a frame."""
    before, after = (
        run("look", clip_of(make_video, tmp_path, (320, 180), 4, times))["memory"] for times in (1, 5)
    )
    assert after - before < 20 * 2**20  # 400 pictures have 69 MB


@pytest.mark.long
def test_memory_of_ten_seconds_one_minute_and_ten_minutes(make_video: MakeVideo, tmp_path: Path):
    peaks = {}
    for times in (1, 6, 60):
        clip = clip_of(make_video, tmp_path, (1280, 720), 10, times)
        peaks[times] = run("render", clip, tmp_path / f"out{times}.mp4", 0)
        assert peaks[times]["frames"] == 250 * times
    print({f"{times * 10} s": round(peak["memory"] / 2**20) for times, peak in peaks.items()})
    memory = [peak["memory"] for peak in peaks.values()]
    assert max(memory) - min(memory) < 50 * 2**20


@pytest.mark.long
def test_the_network_sets_the_pace(make_video: MakeVideo, tmp_path: Path):
    """A network that takes 20 ms a frame: all else is hidden behind it, within a tenth. Quiet machine."""
    clip = clip_of(make_video, tmp_path, (320, 180), 10, 2)
    best = min(
        (run("render", clip, tmp_path / f"out{i}.mp4", 20) for i in range(3)), key=lambda r: r["seconds"]
    )
    print(best)
    assert best["seconds"] < 1.1 * best["frames"] * 0.020


def soak(make_video: MakeVideo, tmp_path: Path, seconds: int) -> None:
    program = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    clip = clip_of(make_video, tmp_path, (320, 180), 4, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        address = f"udp://127.0.0.1:{free.getsockname()[1]}"
    listen = [program, "-v", "error", "-copyts", "-i", f"{address}?timeout=10000000&fifo_size=100000", "-an"]
    listen += ["-fps_mode", "passthrough", "-enc_time_base", "demux", "-f", "framehash", "-hash", "adler32"]
    received = tmp_path / "received.txt"
    with subprocess.Popen([*listen, received], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as listener:
        try:
            told = run("live", clip, address, seconds)
            time.sleep(1)  # what is under way arrives
            listener.send_signal(signal.SIGINT)  # it ends its file well
            listener.wait(timeout=60)
        finally:
            listener.kill()
    times = [int(line.split(",")[2]) for line in received.read_text().splitlines() if line[0] != "#"]
    print(told, len(times), "received")
    offered = told["frames"] + told["dropped"]  # whatever the load, the file keeps its own clock
    assert abs(offered - 25 * told["seconds"]) < 25 + 0.001 * 25 * told["seconds"]
    assert len(times) >= 0.98 * told["frames"] - 30  # those before the first key frame are not shown
    assert all(a < b for a, b in pairwise(times))
    lasted = Fraction(times[-1] - times[0], 90_000)
    assert abs(float(lasted) - told["seconds"]) < 2.5  # no drift
    early, late = told["resident"][1], told["resident"][-1]
    assert late - early < 20 * 2**20


def test_live_sample(make_video: MakeVideo, tmp_path: Path):
    soak(make_video, tmp_path, 4)


@pytest.mark.long
def test_live_for_half_an_hour(make_video: MakeVideo, tmp_path: Path):
    soak(make_video, tmp_path, 30 * 60)
