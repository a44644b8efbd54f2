"""What phones, recorders, broadcasts and editors write: times, rates, mirrors and damage are told right."""

import os
import signal
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from containers import content, convert, edited, ffmpeg, through
from gfla.animate import VideoReader, VideoWriter
from gfla.animate.errors import InputError
from gfla.animate.io.atomic import commit_part
from gfla.animate.io.timecode import Span
from gfla.animate.video import Encoding, Frame
from gfla.animate.video.inputs import Input

MakeVideo = Callable[..., Path]
VARIABLE = ("-vf", "select='not(mod(n,3))+eq(mod(n,7),1)'", "-fps_mode", "vfr")
HALF = ("-vf", "select='not(mod(n,2))'", "-fps_mode", "vfr", "-enc_time_base", "1/2000", "-c:v", "libx264")


@pytest.mark.parametrize("suffix", [".flv", ".mkv"])
def test_clocks_that_begin_below_zero(tmp_path: Path, talking: Path, suffix: str):
    """An FLV's overflows there and leaps by 24 days; Matroska loses the times of its first pictures."""
    options = ("-c", "copy", "-output_ts_offset", "-0.3", "-avoid_negative_ts", "disabled")
    source = convert(talking, tmp_path / f"in{suffix}", *options)
    with VideoReader(source) as reader:
        assert reader.frames is not None
        assert abs(reader.frames - 50) <= 2
    times, _ = through(source, tmp_path / "out.mp4")
    assert len(times) == 50
    assert content(tmp_path / "out.mp4").times == content(source).times
    assert times[-1] < Fraction(21, 10)


def test_a_name_that_cannot_be_given_keeps_the_video(tmp_path: Path, talking: Path):
    target = tmp_path / "out.mp4"

    def write() -> None:
        with (
            VideoReader(talking) as reader,
            VideoWriter(target, reader.size, reader.rate, reader.time_base, audio_from=reader) as writer,
        ):
            for frame in reader:
                writer.write(frame)
            target.mkdir()

    with pytest.raises(InputError, match="cannot get its name: Is a directory") as caught:
        write()
    kept = Path(caught.value.remedy.removeprefix("the whole video is in "))
    assert len(content(kept).times) == 50


def test_fragments_of_a_stream_that_has_been_on_for_hours(tmp_path: Path, talking: Path):
    """They say when they are, and the header's length counts from the beginning of the stream."""
    whole = tmp_path / "fragments.mp4"
    convert(talking, whole, "-c", "copy", "-movflags", "frag_keyframe+empty_moov+default_base_moof+dash")
    with VideoReader(whole) as reader:
        wanted = [frame.seconds for frame in reader]
    data, at = bytearray(whole.read_bytes()), -1
    with av.open(str(whole)) as container:
        ticks = {number + 1: stream.time_base for number, stream in enumerate(container.streams)}
    while (at := data.find(b"tfdt", at + 1)) >= 0:
        track = data.rfind(b"tfhd", 0, at)
        tick = ticks[int.from_bytes(data[track + 8 : track + 12])]
        assert tick
        moved = int.from_bytes(data[at + 8 : at + 16]) + round(7200 / tick)
        data[at + 8 : at + 16] = moved.to_bytes(8)
    late = tmp_path / "late.mp4"
    late.write_bytes(data)
    times, said = through(late, tmp_path / "out.mp4")
    assert (times, said) == (wanted, [])
    with VideoReader(late) as reader:
        assert reader.frames is not None
        assert abs(reader.frames - len(list(reader))) <= 3
        assert (reader.zero, reader.lost) == (7200, ())


def test_a_disk_that_is_full_at_the_last_step_keeps_what_plays(tmp_path: Path):
    """The encoder holds all frames until then; Matroska needs no index to be played."""
    resource = pytest.importorskip("resource")
    before, noise = resource.getrlimit(resource.RLIMIT_FSIZE), np.random.default_rng(0)

    def fill() -> None:
        with VideoWriter(tmp_path / "out.mkv", (128, 128), Fraction(25), Fraction(1, 25)) as writer:
            for pts in range(12):
                writer.write(Frame(noise.integers(0, 256, (128, 128, 3), np.uint8), pts, Fraction(1, 25)))

    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(
            InputError, match=r"out\.mkv: cannot be written: .*; what could be written is in"
        ) as caught:
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    kept = Path(caught.value.remedy.removeprefix("what could be written is in "))
    with VideoReader(kept) as reader:
        assert 1 <= len(list(reader)) < 12
    assert list(tmp_path.iterdir()) == [kept]


@pytest.mark.parametrize(
    ("name", "codec", "rate", "options"),
    [
        ("in.asf", "libx264", 25, ("-bf", "2")),
        ("in.avi", "libx264", 50, ("-bf", "3", "-x264-params", "b-pyramid=none")),
        ("in.avi", "mjpeg", 25, ("-pix_fmt", "yuvj420p")),
        ("in.wmv", "wmv2", 25, ()),
        ("in.wmv", "wmv2", 0, ()),
        ("in.avi", "mpeg4", 30, ("-bf", "2")),
    ],
)
def test_what_carries_no_time_of_presentation(
    tmp_path: Path, talking: Path, name: str, codec: str, rate: int, options: tuple[str, ...]
):
    """Encoded into another container and copied, as editors do: all of it decodes, so nothing is lost."""
    chosen = ("-r", str(rate)) if rate else VARIABLE
    between = "first.mp4" if codec == "libx264" else "first.mkv"
    first = convert(talking, tmp_path / between, "-an", "-c:v", codec, *chosen, *options)
    source = convert(first, tmp_path / name, "-an", "-c", "copy")
    with VideoReader(source) as reader:
        times = [frame.seconds - reader.origin for frame in reader]
        assert reader.lost == ()
        near = rate or len(times) / 2
        assert abs(reader.rate / near - 1) < 0.1
        assert reader.frames is not None
        assert abs(reader.frames - len(times)) <= 3
    command = [ffmpeg(), "-v", "error", "-i", source, "-fps_mode", "passthrough", "-enc_time_base", "demux"]
    said = subprocess.run(
        [*command, "-f", "framehash", "-"], capture_output=True, text=True, check=True
    ).stdout
    tick = Fraction(*map(int, said.split("#tb 0: ")[1].split()[0].split("/")))
    wanted = [int(line.split(",")[2]) * tick for line in said.splitlines() if line[:1].isdigit()]
    assert times == wanted


def test_packed_b_frames(tmp_path: Path, talking: Path):
    """As DivX wrote them: a frame and the B-frame before it in one packet, then an empty one."""
    first = convert(talking, tmp_path / "first.avi", "-an", "-c:v", "mpeg4", "-bf", "1", "-q:v", "2")
    source = tmp_path / "packed.avi"
    with av.open(str(first)) as given, av.open(str(source), "w") as made:
        data = [bytes(packet) for packet in given.demux(video=0) if packet.size][:25]
        at = data[0].index(b"\0\0\1\xb6")
        packed = [data[0][:at] + b"\0\0\1\xb2DivX503b1393p\0" + data[0][at:]]
        for frame, earlier in zip(data[1::2], data[2::2], strict=True):
            packed += [frame + earlier, b"\0\0\1\xb6\x50\x40\x7f"]
        stream = made.add_stream_from_template(given.streams.video[0])
        for number, content_ in enumerate(packed):
            packet = av.Packet(content_)
            packet.pts = packet.dts = number
            packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 25), stream, number == 0
            made.mux(packet)
    with VideoReader(source) as reader:
        frames = list(reader)
        assert reader.lost == ()
    assert [frame.seconds - frames[0].seconds for frame in frames] == [Fraction(n, 25) for n in range(25)]
    numbers = [frame.image[..., 2].mean() for frame in frames]  # blue tells the frame's number
    assert all(a < b for a, b in zip(numbers, numbers[2:], strict=False))


@pytest.mark.parametrize(
    ("name", "options", "rate", "count"),
    [
        ("in.dv", ("-target", "ntsc-dv"), Fraction(30000, 1001), 60),
        ("in.avi", ("-an", "-c", "copy"), Fraction(25), 50),
        ("in.ts", HALF, None, 25),
        ("in.gxf", ("-target", "pal-dvd", "-c:a", "pcm_s16le", "-ac", "1", "-f", "gxf"), Fraction(25), 50),
        ("in.mpg", ("-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-c:a", "mp2"), Fraction(25), 50),
    ],
)
def test_the_rate_is_that_of_the_frames(tmp_path: Path, talking: Path, name, options, rate, count):
    source = convert(talking, tmp_path / name, *options)
    with VideoReader(source) as reader:
        assert reader.rate == rate or (rate is None and 12 < reader.rate < 13)
        assert reader.frames is not None
        assert abs(reader.frames - count) <= 1
        assert abs(len(list(reader)) - count) <= 1


@pytest.mark.parametrize(("name", "times"), [("in.mp4", 1), ("in.mkv", 1), ("in.ts", 2)])
def test_only_what_may_be_glued_together_is_opened_twice(
    tmp_path: Path, talking: Path, monkeypatch, name, times
):
    source = convert(talking, tmp_path / name, "-c", "copy")
    opened, once = [], Input.open
    monkeypatch.setattr(Input, "open", lambda given: opened.append(given) or once(given))
    with VideoReader(source) as reader:
        assert reader.frames == 50
    assert len(opened) == times


def test_a_true_high_rate_is_believed(make_video: MakeVideo, tmp_path: Path):
    fast = make_video("fast.mp4", pts=range(48), time_base=Fraction(1, 480), rate=Fraction(480))
    with VideoReader(fast) as reader:
        assert reader.rate == 480
        target, encoding = tmp_path / "out.mp4", Encoding("av1")
        with VideoWriter(target, reader.size, reader.rate, reader.time_base, encoding=encoding) as writer:
            for frame in reader:
                writer.write(frame)
    with VideoReader(tmp_path / "out.mp4") as again:
        assert [frame.seconds for frame in again] == [Fraction(n, 480) for n in range(48)]


def test_an_edit_list_may_go_on_after_the_last_picture(tmp_path: Path, talking: Path):
    source = convert(talking, tmp_path / "whole.mp4", "-t", "1", "-an", "-c:v", "libx264", "-bf", "2")
    source.write_bytes(edited(source.read_bytes(), [(0.2, 0.3), (3, 1)]))
    with VideoReader(source) as reader:
        frames = list(reader)
        assert 8 <= len(frames) <= 9
        assert reader.lost == ()


def test_asf_counts_its_length_from_zero(tmp_path: Path, talking: Path):
    late = ("-t", "1", "-c:v", "wmv2", "-c:a", "wmav2", "-output_ts_offset", "7200")
    with VideoReader(convert(talking, tmp_path / "late.wmv", *late)) as reader:
        assert reader.frames is not None
        assert abs(reader.frames - 25) <= 2
        assert len(list(reader)) == 25
        assert reader.lost == ()


def test_damage_in_avi_is_still_named(tmp_path: Path, talking: Path):
    source = convert(talking, tmp_path / "in.avi", "-an", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p")
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        spots = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size][20:25]
    for at, size in spots:
        assert at is not None
        data[at : at + size] = bytes(size)
    source.write_bytes(data)
    with VideoReader(source) as reader:
        assert len(list(reader)) == 45
        assert reader.lost == (Span(Fraction(20, 25), Fraction(1)),)
    source.write_bytes(source.read_bytes()[: len(data) * 6 // 10])
    with VideoReader(source) as reader:
        assert len(list(reader)) < 40
        assert reader.lost[-1].end == 2


@pytest.mark.parametrize(("cut", "whole"), [(False, True), (True, False)])
def test_a_signal_while_the_video_is_closed(
    tmp_path: Path, talking: Path, monkeypatch: pytest.MonkeyPatch, cut: bool, whole: bool
):
    """Of a whole video nothing is lost; of one that was stopped before, nothing is left."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
    kept = signal.getsignal(signal.SIGINT)

    def commit(part: Path, path: Path) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        commit_part(part, path)

    monkeypatch.setattr("gfla.animate.video.container.commit_part", commit)

    def copy() -> None:
        with VideoReader(talking) as reader:
            arguments = (reader.size, reader.rate, reader.time_base)
            with VideoWriter(tmp_path / "out.mp4", *arguments, audio_from=reader) as writer:
                seconds = Fraction(0)
                for frame in reader:
                    writer.write(frame)
                    seconds = frame.seconds
                if cut:
                    writer.cut(seconds)

    if whole:
        copy()
    else:
        with pytest.raises(KeyboardInterrupt):
            copy()
    assert [path.name for path in tmp_path.glob("*out*")] == (["out.mp4"] if whole else [])
    assert [path.name for path in tmp_path.glob(".*")] == []
    assert signal.getsignal(signal.SIGINT) is kept
