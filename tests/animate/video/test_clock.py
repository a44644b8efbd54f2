"""Ranges of what has no index, clocks that jump in one stream alone, lengths that headers do not say."""

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from containers import content, convert, edited, through
from gfla.animate import VideoReader, VideoWriter
from gfla.animate.video.packets.clock import believable_rate
from gfla.animate.video.packets.seek import seek_key_frame

X264 = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "2")
OPEN = ("-c:v", "libx264", "-preset", "veryfast", "-x264-params", "keyint=10:open-gop=1:bframes=3")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("in.ts", (*X264, "-x264-params", "keyint=10")),
        ("one.ts", (*X264, "-g", "1000")),
        ("open.m2ts", OPEN),
        ("in.mpg", ("-c:v", "mpeg2video", "-bf", "2")),
        ("in.wmv", ("-c:v", "wmv2")),
        ("in.ogv", ("-c:v", "libtheora")),
        ("in.h264", X264),
        ("in.mjpeg", ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")),
    ],
)
def test_a_range_has_the_pictures_of_the_whole(
    tmp_path: Path, talking: Path, name: str, options: tuple[str, ...]
):
    """FFmpeg goes to any packet where there is no index; what a decoder makes of such is grey."""
    source = convert(talking, tmp_path / name, "-an", *options)
    with VideoReader(source) as reader:
        whole = [(frame.seconds - reader.zero, frame.image) for frame in reader]
    for start, end in ((0.05, 0.3), (1.1, None), (1.5, 1.7), (1.9, None)):
        until = 10 if end is None else Fraction(str(end))
        wanted = [(at, image) for at, image in whole if Fraction(str(start)) <= at < until]
        with VideoReader(source, start=start, end=end) as reader:
            part = [(frame.seconds - reader.zero, frame.image) for frame in reader]
            assert reader.lost == ()
        assert [at for at, _ in part] == [at for at, _ in wanted]
        assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(part, wanted, strict=True))


@pytest.mark.parametrize("name", ["in.ts", "in.mpg", "in.ogv"])
def test_a_range_of_recordings_glued_together(tmp_path: Path, talking: Path, name: str):
    """A time is that of all of it, from its beginning; FFmpeg goes to the last recording that shows it."""
    codecs = {"in.ts": X264, "in.mpg": ("-c:v", "mpeg2video", "-c:a", "mp2")}
    made = codecs.get(name, ("-c:v", "libtheora", "-c:a", "libvorbis", "-ac", "2"))
    source = convert(talking, tmp_path / name, *made)
    source.write_bytes(source.read_bytes() * 3)
    with VideoReader(source) as reader:
        whole = [(frame.seconds - reader.zero, frame.image) for frame in reader]
        assert reader.frames is not None
        assert abs(reader.frames / len(whole) - 1) < 0.2
    for start, end in ((0.5, 1), (2.5, 2.7), (4.3, None)):
        wanted = [(at, image) for at, image in whole if start <= at < (end or 10)]
        with VideoReader(source, start=start, end=end) as reader:
            part = [(frame.seconds - reader.zero, frame.image) for frame in reader]
        assert [at for at, _ in part] == [at for at, _ in wanted]
        assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(part, wanted, strict=True))


def test_the_sound_of_a_range_of_recordings_glued_together(tmp_path: Path):
    """Each of 2 seconds has a pitch of its own: what is heard is of the one that is seen."""
    source, glued = tmp_path / "one.ts", b""
    for pitch in (300, 900, 1500):
        inputs = ("-f", "lavfi", "-i", f"sine={pitch}:sample_rate=48000", "-f", "lavfi")
        convert("testsrc=s=64x48:r=25:d=2", source, "-shortest", *X264, "-c:a", "mp2", before=inputs)
        glued += source.read_bytes()
    source.write_bytes(glued)
    for start, pitch in ((0.5, 300), (2.5, 900), (4.6, 1500)):
        target = tmp_path / f"{pitch}.mkv"
        with (
            VideoReader(source, start=start, end=start + 1) as reader,
            VideoWriter(target, reader.size, reader.rate, reader.time_base, audio_from=reader) as writer,
        ):
            for frame in reader:
                writer.write(frame)
        heard = content(target).samples
        assert abs(len(heard) / 48000 - 1) < 0.03
        assert abs(np.abs(np.fft.rfft(heard)).argmax() * 48000 / len(heard) - pitch) < 5


def test_a_range_of_what_an_edit_list_puts_together(tmp_path: Path, talking: Path):
    source = convert(talking, tmp_path / "in.mp4", "-an", *X264, "-x264-params", "keyint=10")
    source.write_bytes(edited(source.read_bytes(), [(1.2, 0.6), (0.1, 0.6), (0.7, 0.9)]))
    with VideoReader(source) as reader:
        whole = [(frame.seconds, frame.image) for frame in reader if frame.seconds >= Fraction(3, 2)]
    with VideoReader(source, start=1.5) as reader:
        part = [(frame.seconds, frame.image) for frame in reader]
    assert [at for at, _ in part] == [at for at, _ in whole]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(part, whole, strict=True))


def test_where_a_key_frame_is_known_the_rest_is_not_decoded(tmp_path: Path, talking: Path):
    source = convert(talking, tmp_path / "in.mkv", "-an", *X264, "-x264-params", "keyint=10")
    with VideoReader(source) as reader:
        container, stream = reader.input.open(), reader.picture_index
        with container:
            assert seek_key_frame(container, container.streams[stream], Fraction(3, 2))  # type: ignore[arg-type]
            first = next(container.demux(container.streams[stream]))
            assert first.is_keyframe
            assert first.pts is not None
            assert 1 <= first.pts * first.time_base <= Fraction(3, 2)


@pytest.mark.parametrize(
    ("name", "options"),
    [("in.vob", ("-c:v", "mpeg2video", "-bf", "2", "-c:a", "ac3")), ("in.m2ts", (*X264, "-c:a", "ac3"))],
)
def test_a_packet_that_a_parser_holds_back_over_a_jump(
    tmp_path: Path, talking: Path, name: str, options: tuple[str, ...]
):
    """The last sound of a recording comes after the first picture of the next one: no second is added."""
    whole = convert(talking, tmp_path / name, "-t", "0.6", *options)
    once = content(whole)
    whole.write_bytes(whole.read_bytes() * 3)
    times, _ = through(whole, tmp_path / "out.mp4")
    assert len(times) == 3 * len(once.times) == 45
    assert {round(1000 * (b - a)) for a, b in itertools.pairwise(times)} == {40}


@pytest.mark.slow
def test_ogg_that_begins_late_and_ogg_glued_together(tmp_path: Path, talking: Path):
    """FFmpeg has the Vorbis of the first begin at 0, and gives the second's last packet a negative length."""
    coded = ("-t", "0.6", "-c:v", "libtheora", "-c:a", "libvorbis", "-ac", "2")
    late = convert(talking, tmp_path / "late.ogv", *coded, "-output_ts_offset", "7200")
    times, said = through(late, tmp_path / "late.mp4")
    assert (times, said) == ([Fraction(n, 25) for n in range(15)], [])
    assert abs(content(tmp_path / "late.mp4").heard) < Fraction(1, 50)
    with VideoReader(late) as reader:
        assert len(list(reader)) == 15
        assert reader.lost == ()
    glued = convert(talking, tmp_path / "glued.ogv", *coded)
    glued.write_bytes(glued.read_bytes() * 2)
    times, _ = through(glued, tmp_path / "glued.mp4")
    assert len(times) == 30
    assert abs(len(content(tmp_path / "glued.mp4").samples) / 48000 - 1.2) < 0.1
    with VideoReader(glued) as reader:
        assert len(list(reader)) == 30
        assert reader.lost == ()


@pytest.mark.slow
def test_pictures_that_end_before_the_sound(tmp_path: Path, talking: Path):
    """ASF says of every stream how long the file is; Matroska notes each one's length in its tags."""
    short = ("-filter:v", "trim=end=0.4", "-c:v")
    asf = convert(talking, tmp_path / "in.wmv", *short, "wmv2", "-c:a", "wmav2")
    with VideoReader(asf) as reader:
        assert len(list(reader)) == 10
        assert reader.lost == ()
    asf.write_bytes(asf.read_bytes()[: asf.stat().st_size // 2])
    with VideoReader(asf) as reader:
        assert len(list(reader)) <= 10
    for name, codecs in (("in.mkv", ("libx264", "-c:a", "aac")), ("in.webm", ("libvpx", "-c:a", "libopus"))):
        with VideoReader(convert(talking, tmp_path / name, *short, *codecs)) as reader:
            assert reader.frames == 10


def test_a_late_flv_from_a_pipe_says_no_length(tmp_path: Path, talking: Path):
    """FFmpeg then takes the time of its last packet for it."""
    late = (
        "-t",
        "0.4",
        *X264,
        "-c:a",
        "aac",
        "-output_ts_offset",
        "36000",
        "-flvflags",
        "no_duration_filesize",
    )
    with VideoReader(convert(talking, tmp_path / "in.flv", *late)) as reader:
        assert reader.frames is not None
        assert abs(reader.frames - 10) <= 2
        assert len(list(reader)) == 10


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_rate_of_a_few_pictures(tmp_path: Path, talking: Path, count: int):
    """ASF says 1,000 a second of all."""
    source = convert(talking, tmp_path / "in.wmv", "-an", "-c:v", "wmv2", "-frames:v", str(count))
    with VideoReader(source) as reader:
        assert reader.rate == 25
        assert len(list(reader)) == count


def test_pictures_an_hour_apart_have_a_rate():
    class Stream:
        average_rate = guessed_rate = base_rate = None
        time_base = Fraction(1, 90000)
        codec_context = type("Context", (), {"framerate": None})

    at = [0, 3600 * 90000, 7200 * 90000]
    assert believable_rate(Stream(), at) == Fraction(1, 3600)  # type: ignore[arg-type]
    assert believable_rate(Stream(), at[:2]) == Fraction(1, 3600)  # type: ignore[arg-type]
