"""What phones, recorders, broadcasts and editors write: times, rates, mirrors and damage are told right."""

import itertools
import os
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from containers import content, ffmpeg
from gfla.animate import VideoReader, VideoWriter
from gfla.animate.errors import InputError, InputWarning
from gfla.animate.io.timecode import Span
from gfla.animate.video import Encoding
from gfla.animate.video.probe import read_media
from gfla.animate.video.sound.copied import CopiedTrack

MakeVideo = Callable[..., Path]
VARIABLE = ("-vf", "select='not(mod(n,3))+eq(mod(n,7),1)'", "-fps_mode", "vfr")
HALF = ("-vf", "select='not(mod(n,2))'", "-fps_mode", "vfr", "-enc_time_base", "1/2000", "-c:v", "libx264")


def convert(source: Path, target: Path, *options: str, before: tuple[str, ...] = ()) -> Path:
    """By FFmpeg's binary."""
    command = [ffmpeg(), "-v", "error", "-y", *before, "-i", source, *options, target]
    subprocess.run(command, check=True, capture_output=True)
    return target


def twice(path: Path) -> Path:
    """The recording glued to itself."""
    path.write_bytes(path.read_bytes() * 2)
    return path


def through(source: Path | str, target: Path) -> tuple[list[Fraction], list[str]]:
    """Times written and what was said, for reader and writer alone."""
    warnings: list[InputWarning] = []
    times = []
    with (
        VideoReader(source) as reader,
        VideoWriter(
            target, reader.size, reader.rate, reader.time_base, audio_from=reader, warn=warnings.append
        ) as writer,
    ):
        for frame in reader:
            times.append(frame.seconds - reader.origin)
            writer.write(frame)
    return times, [warning.reason for warning in warnings]


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".ts", ("-c:v", "libx264", "-c:a", "aac")),
        (".mpg", ("-c:v", "mpeg2video", "-c:a", "mp2")),
        (".mkv", ("-c:v", "libx264", "-c:a", "libmp3lame")),
    ],
)
@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "out.webm"])
def test_recordings_glued_together_play_one_after_another(
    tmp_path: Path, talking: Path, suffix: str, options: tuple[str, ...], target: str
):
    whole = convert(talking, tmp_path / f"in{suffix}", "-t", "0.6", *options)
    once = content(whole)
    times, said = through(twice(whole), tmp_path / target)
    assert len(times) == 2 * len(once.times) == 30
    steps = {round(1000 * (b - a)) for a, b in itertools.pairwise(times)}
    assert steps == {40}
    assert ["goes on where its clock steps back" in reason for reason in said].count(True) == 1
    made = content(tmp_path / target)
    assert abs(len(made.samples) / made.rate - 2 * len(once.samples) / once.rate) < 0.1


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "out.webm"])
def test_sound_packets_of_the_same_time_are_kept_in_order(tmp_path: Path, talking: Path, target: str):
    """Every third packet says the time of the one before it."""
    source = tmp_path / "repeated.mkv"
    with av.open(str(talking)) as given, av.open(str(source), "w") as made:
        streams = {stream.index: made.add_stream_from_template(stream) for stream in given.streams}
        last, count = 0, 0
        for packet in given.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                count += 1
                packet.pts = packet.dts = last if count % 3 == 0 else packet.dts
                last = packet.dts
            packet.stream = streams[packet.stream.index]
            made.mux(packet)
    times, _ = through(source, tmp_path / target)
    before, after = content(source), content(tmp_path / target)
    assert len(times) == len(after.times) == 50
    if target == "out.webm":
        assert abs(len(after.samples) - len(before.samples)) < 2048
        assert np.abs(after.samples[4800:86400]).reshape(-1, 480).max(1).min() > 0.2  # and no hole
    else:
        assert np.array_equal(after.samples, before.samples)


@pytest.mark.parametrize("suffix", [".flv", ".mkv"])
def test_clocks_that_begin_below_zero(tmp_path: Path, talking: Path, suffix: str):
    """An FLV's overflows there and leaps by 24 days; Matroska loses the times of its first pictures."""
    options = ("-c", "copy", "-output_ts_offset", "-0.3", "-avoid_negative_ts", "disabled")
    source = convert(talking, tmp_path / f"in{suffix}", *options)
    times, _ = through(source, tmp_path / "out.mp4")
    assert len(times) == 50
    assert content(tmp_path / "out.mp4").times == content(source).times
    assert times[-1] < Fraction(21, 10)


def test_sound_that_cannot_be_written_leaves_the_pictures(
    tmp_path: Path, talking: Path, monkeypatch: pytest.MonkeyPatch
):
    made = CopiedTrack.packets

    def packets(self: CopiedTrack, packet: av.Packet):
        if packet.pts is not None and packet.pts > 48000:
            raise av.error.ArgumentError(22, "Invalid argument")
        yield from made(self, packet)

    monkeypatch.setattr(CopiedTrack, "packets", packets)
    times, said = through(talking, tmp_path / "out.mp4")
    assert len(content(tmp_path / "out.mp4").times) == len(times) == 50
    (reason,) = said
    assert reason.startswith("its sound from 0:01.0")
    assert "cannot be written" in reason


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
    ],
)
def test_the_rate_is_that_of_the_frames(tmp_path: Path, talking: Path, name, options, rate, count):
    source = convert(talking, tmp_path / name, *options)
    with VideoReader(source) as reader:
        assert reader.rate == rate or (rate is None and 12 < reader.rate < 13)
        assert reader.frames is not None
        assert abs(reader.frames - count) <= 1
        assert abs(len(list(reader)) - count) <= 1


def test_a_true_high_rate_is_believed(make_video: MakeVideo, tmp_path: Path):
    fast = make_video("fast.mp4", pts=range(48), time_base=Fraction(1, 480), rate=Fraction(480))
    with VideoReader(fast) as reader:
        assert reader.rate == 480
        target, options = tmp_path / "out.mp4", {"encoding": Encoding("av1")}
        with VideoWriter(target, reader.size, reader.rate, reader.time_base, **options) as writer:
            for frame in reader:
                writer.write(frame)
    with VideoReader(tmp_path / "out.mp4") as again:
        assert [frame.seconds for frame in again] == [Fraction(n, 480) for n in range(48)]


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


PIPED = """
import sys
from fractions import Fraction
import numpy as np
from gfla.animate.errors import InputError
from gfla.animate.video import Encoding, Frame, VideoWriter
count, rate, codec = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
try:
    with VideoWriter("-", (64, 64), Fraction(rate), Fraction(1, rate), encoding=Encoding(codec)) as writer:
        for number in range(count):
            writer.write(Frame(np.roll(noise, number, 1), number, Fraction(1, rate)))
            print(number + 1, file=sys.stderr, flush=True)
            sys.stdin.readline()
except InputError as error:
    sys.exit(f"{error}")
"""


def piped(count: int, rate: int, codec: str, **streams) -> subprocess.Popen:
    """A process that writes frames to standard output, one for each line that it gets."""
    command = ["python", "-c", PIPED, str(count), str(rate), codec]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, **streams)


@pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
def test_the_first_fragment_leaves_within_a_second(codec: str):
    with piped(25, 25, codec, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        os.set_blocking(process.stdout.fileno(), False)
        data = b""
        for number in range(1, 26):
            assert process.stderr
            while process.stderr.readline().strip() != b"%d" % number:
                pass
            data += process.stdout.read() or b""
            if b"moof" in data:
                break
            process.stdin.write(b"\n")
            process.stdin.flush()
        assert data.index(b"ftyp") < data.index(b"moov") < data.index(b"moof")
        assert number <= 20
        process.kill()


@pytest.mark.parametrize("count", [2, 20])
def test_standard_output_that_is_full_is_a_sentence(count: int):
    """A short video is written when it ends, by FFmpeg's last flush."""
    with open("/dev/full", "wb") as full, piped(count, 25, "h264", stdout=full) as process:
        _, said = process.communicate(b"\n" * count)
    assert process.returncode == 1
    assert said.decode().splitlines()[-1] == "standard output: cannot be written: No space left on device."


def test_standard_output_that_is_closed_is_a_sentence():
    with piped(30, 25, "h264", stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stdin
        assert process.stderr
        process.stdin.write(b"\n" * 30)
        process.stdin.close()
        said = process.stderr.read()
    assert said.decode().splitlines()[-1] == "standard output: cannot be written: Broken pipe."
