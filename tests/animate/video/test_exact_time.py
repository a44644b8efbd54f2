"""What goes in comes out at its own time: a table of clocks and sounds, judged by another's reader."""

import re
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from gfla.animate import VideoReader, VideoWriter
from gfla.animate.errors import InputWarning

MakeVideo = Callable[..., Path]
NTSC = Fraction(30000, 1001)
VARIABLE = (0, 33, 66, 100, 300, 333, 900, 1000, 1033)


def ffmpeg() -> str:
    return pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()


def shown(path: Path) -> list[Fraction]:
    """The time of every picture, as ffmpeg tells it."""
    command = [ffmpeg(), "-v", "error", "-copyts", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough"]
    command += ["-enc_time_base", "demux", "-f", "framehash", "-hash", "adler32", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"#tb 0: (\d+)/(\d+)", said)
    assert found
    tick = Fraction(int(found[1]), int(found[2]))
    rows = [line.split(",") for line in said.splitlines() if not line.startswith("#")]
    return [int(row[2]) * tick for row in rows]


def heard(path: Path) -> np.ndarray:
    """The sound from time 0 on, int16 mono, silence before it begins, as ffmpeg plays it."""
    command = [ffmpeg(), "-v", "error", "-copyts", "-i", path, "-map", "0:a:0", "-ac", "1", "-ar", "48000"]
    command += ["-af", "aresample=async=1:first_pts=0:min_hard_comp=0.000001", "-f", "s16le", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.int16)


def pass_through(source: Path, target: Path, start=None, end=None) -> list[InputWarning]:
    warnings: list[InputWarning] = []
    with (
        VideoReader(source, start, end) as reader,
        VideoWriter(
            target, reader.size, reader.rate, reader.time_base, audio_from=reader, warn=warnings.append
        ) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    return warnings


def clip(rate: Fraction, seconds: Fraction = Fraction(6, 5), start: int = 0, **more) -> dict:
    tick = 1 / rate if rate.denominator == 1 else Fraction(1, rate.numerator)
    step = 1 if rate.denominator == 1 else rate.denominator
    return {
        "pts": range(start * step, (start + int(seconds * rate)) * step, step),
        "time_base": tick,
        "rate": rate,
        **more,
    }


TABLE = {
    "23.976": clip(Fraction(24000, 1001)),
    "25": clip(Fraction(25)),
    "29.97": clip(NTSC),
    "30": clip(Fraction(30)),
    "59.94": clip(Fraction(60000, 1001)),
    "variable": {"pts": VARIABLE, "time_base": Fraction(1, 1000), "rate": Fraction(30)},
    "starts late": clip(Fraction(25), start=40),
    "turned": clip(Fraction(25), rotation=90),
    "4:3 in wide pixels": clip(Fraction(25), pixel=Fraction(4, 3)),
    "odd size": clip(Fraction(25), size=(97, 65), pixels="yuv444p"),
    "10 bits": clip(Fraction(25), pixels="yuv420p10le"),
    "B-frames": clip(NTSC, options={"bf": "3", "g": "12", "preset": "medium", "crf": "12"}),
    "sound longer": clip(Fraction(25), sound_seconds=2.5),
    "sound shorter": clip(Fraction(25), sound_seconds=0.7),
    "sound starts late": clip(Fraction(25), sound_from=0.31),
    "44.1 kHz": clip(Fraction(25), sound_rate=44100),
    "mp3": clip(NTSC, sound="libmp3lame"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE)
def test_count_times_and_sound_agree(tmp_path: Path, make_video: MakeVideo, name: str):
    source = make_video("in.mp4", **{"sound": "aac", **TABLE[name]})
    pass_through(source, tmp_path / "out.mp4")
    with VideoReader(source) as reader:
        begin, sounds = reader.zero, reader.began  # the output's clock begins where the content does
        assert (begin > 0) == (name == "starts late")
    assert shown(tmp_path / "out.mp4") == [at - begin for at in shown(source)]
    assert len(shown(source)) == len(TABLE[name]["pts"])
    before, after = heard(source), heard(tmp_path / "out.mp4")
    assert np.array_equal(before[round(sounds * 48000) :][: len(after)], after)
    assert after.any()


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mov"])
def test_from_other_containers(tmp_path: Path, make_video: MakeVideo, suffix: str):
    """Their clocks are coarser than the frames': what they say is kept; they may begin anywhere."""
    source = make_video(f"in{suffix}", sound="aac", **clip(NTSC))
    pass_through(source, tmp_path / "out.mp4")
    with VideoReader(source) as reader:
        zero = reader.origin
        assert (zero > 0) == (suffix == ".ts")
    assert shown(tmp_path / "out.mp4") == [at - zero for at in shown(source)]


@pytest.mark.slow
@pytest.mark.parametrize("sound", ["aac", "libmp3lame", "ac3"])
@pytest.mark.parametrize("rate", [Fraction(25), NTSC])
def test_a_cut_is_exact_in_pictures_and_sound(
    tmp_path: Path, make_video: MakeVideo, rate: Fraction, sound: str
):
    """Inside a sound packet the packet is kept and an edit list trims it: to the sample."""
    source = make_video("in.mp4", **clip(rate, Fraction(2), sound=sound))
    start, end = Fraction("0.52"), Fraction("1.4937")
    assert pass_through(source, tmp_path / "out.mp4", start, end) == []
    wanted = [at for at in shown(source) if start <= at < end]
    assert shown(tmp_path / "out.mp4") == [at - wanted[0] for at in wanted]
    first, last = (round(at * 48000) for at in (wanted[0], end))
    whole, part = heard(source)[first:last], heard(tmp_path / "out.mp4")
    assert abs(len(part) - len(whole)) <= 1
    count = min(len(part), len(whole))
    noise = 4 if sound == "ac3" else 2  # what its decoder's dither makes of the same packets
    assert np.abs(part[:count].astype(int) - whole[:count]).max() <= noise
    with av.open(str(source)) as a, av.open(str(tmp_path / "out.mp4")) as b:
        packets = {bytes(packet) for packet in a.demux(audio=0) if packet.size}
        assert all(bytes(packet) in packets for packet in b.demux(audio=0) if packet.size)


@pytest.mark.parametrize("target", ["out.webm", "out.mp4"])
def test_where_no_edit_list_can_cut_the_sound_is_encoded_again_with_a_warning(
    tmp_path: Path, make_video: MakeVideo, target: str
):
    source = make_video("in.mkv", **clip(Fraction(25), Fraction(2), sound="libopus"))
    start, end = Fraction("0.52"), Fraction("1.4937")
    (warning,) = pass_through(source, tmp_path / target, start, end)
    into = "opus" if target == "out.webm" else "aac"
    done = f"turned into {into}" if into == "aac" else "encoded again"
    assert f"cannot cut opus sound, so it is {done}" in warning.reason
    part = heard(tmp_path / target)
    assert abs(len(part) / 48000 - float(end - Fraction(13, 25))) < 0.001 or target == "out.webm"
    peak = np.argmax(np.abs(np.fft.rfft(part[4800 : 4800 + 24000].astype(float)))) * 2
    assert peak == 440


def test_anamorphic_pixels_are_squared(make_video: MakeVideo, moving_picture):
    with VideoReader(make_video("in.mp4", pixel=Fraction(4, 3), pts=range(2))) as reader:
        assert reader.size == (128, 64)
        image = next(iter(reader)).image
    assert image.shape == (64, 128, 3)
    assert np.abs(image[:, ::4].astype(int) - moving_picture(0)[:, ::3]).mean() < 6
    with VideoReader(make_video("tall.mp4", pixel=Fraction(2, 3), pts=range(2))) as reader:
        assert reader.size == (96, 96)


COLOURS = np.array([(200, 30, 40), (20, 180, 60), (30, 50, 210), (180, 170, 90), (255, 255, 255), (8, 8, 8)])


def bars(index: int, width: int, height: int) -> np.ndarray:
    return np.repeat(np.repeat(COLOURS[None], width // 6, axis=1), height, axis=0).astype(np.uint8)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("matrix", [1, 5, 9])
def test_matrix_and_range_tags_are_read(make_video: MakeVideo, matrix: int, wide: bool):
    """BT.709, BT.601 and BT.2020, limited and full range: the same colours, whatever the tags say."""
    path = make_video("in.mp4", picture=bars, pts=range(2), matrix=matrix, full_range=wide)
    with VideoReader(path) as reader:
        middle = next(iter(reader)).image[32, 8::16].astype(int)
    assert np.abs(middle - COLOURS).max() <= 5


@pytest.mark.slow
def test_hdr_becomes_ordinary_with_a_warning(make_video: MakeVideo):
    """A PQ grey of 203 nits, HDR's paper white, is bright and not the dull grey that its code looks like."""
    code = round(0.58 * 255)  # PQ of 203 cd/m2
    grey = np.full((64, 96, 3), code, np.uint8)
    tags = {"matrix": 9, "transfer": 16, "primaries": 9, "pixels": "yuv420p10le"}
    path = make_video("in.mp4", picture=lambda *_: grey, pts=range(2), **tags)
    warnings: list[InputWarning] = []
    with VideoReader(path, warn=warnings.append) as reader:
        image = next(iter(reader)).image
    assert image.mean() > code + 25
    assert np.ptp(image.reshape(-1, 3).mean(0)) < 3
    ten = make_video("ten.mp4", pixels="yuv420p10le", pts=range(3))
    with VideoReader(ten, warn=warnings.append) as reader:
        list(reader)
    assert [warning.reason for warning in warnings] == [
        "its HDR tones (PQ) are mapped to those of an ordinary screen",
        "10 bits a colour are reduced to 8",
    ]
