"""Video in and out: clock, sound and colours that came in come out, and a bad file is one sentence."""

import gc
import logging
import re
import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from gfla.animate.errors import InputError
from gfla.animate.io.timecode import Span, clock, parse_time
from gfla.animate.video import Encoding, Frame, VideoReader, VideoWriter

NTSC = Fraction(30000, 1001)
MakeVideo = Callable[..., Path]
Picture = Callable[..., np.ndarray]


def writer_for(reader: VideoReader, target: Path, **options) -> VideoWriter:
    return VideoWriter(target, reader.size, reader.rate, reader.time_base, audio_from=reader, **options)


def copy(source: Path, target: Path, start=None, end=None, **options) -> list[Fraction]:
    """Through reader and writer, unchanged; returns the times written, counted from the reader's origin."""
    times = []
    with VideoReader(source, start, end) as reader, writer_for(reader, target, **options) as writer:
        for frame in reader:
            times.append(frame.seconds - reader.origin)
            writer.write(frame)
    return times


def video_times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [(f.pts or 0) * (f.time_base or Fraction(0)) for f in container.decode(video=0)]


def sound_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(audio=0) if p.dts is not None]
        return [((p.pts or 0) * p.time_base, bytes(p)) for p in packets]


VARIABLE = (0, 33, 66, 100, 300, 333, 900, 1000)
CLOCKS = {
    "25": {},
    "ntsc": {"pts": range(0, 30 * 1001, 1001), "time_base": Fraction(1, 30000), "rate": NTSC},
    "variable": {"pts": VARIABLE, "time_base": Fraction(1, 1000), "rate": Fraction(30)},
    "late start": {"pts": range(40, 90)},
    "b-frames": {"options": {"bf": "3", "g": "12", "preset": "medium", "crf": "12"}},
    "90 kHz": {"pts": range(0, 3003 * 40, 3003), "time_base": Fraction(1, 90000), "rate": NTSC},
}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("name", CLOCKS)
def test_frames_keep_their_times_and_packets_their_bytes(
    tmp_path: Path, name: str, suffix: str, make_video: MakeVideo
):
    source = make_video(f"in{suffix}", sound="aac", **CLOCKS[name])
    copy(source, tmp_path / "out.mp4")
    with VideoReader(source) as reader:
        zero, sounds = reader.zero, reader.began
    assert video_times(tmp_path / "out.mp4") == [at - zero for at in video_times(source)]
    assert [data for _, data in sound_packets(tmp_path / "out.mp4")] == [d for _, d in sound_packets(source)]
    before, after = (sound_packets(p)[1][0] for p in (source, tmp_path / "out.mp4"))
    assert abs(before - sounds - after) <= Fraction(1, 1000 if suffix == ".mkv" else 48000)


def test_an_independent_reader_sees_the_same_frames_and_duration(tmp_path: Path, talking: Path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    copy(talking, tmp_path / "out.mp4")
    seen = []
    for path in (talking, tmp_path / "out.mp4"):
        command = [ffmpeg, "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "null", "-"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        seen.append((re.findall(r"frame= *(\d+)", said)[-1], re.findall(r"Duration: ([\d:.]+)", said)[0]))
    assert seen[0] == seen[1] == ("50", "00:00:02.00")


def test_reading_tells_size_rate_and_count(talking: Path, moving_picture: Picture):
    with VideoReader(talking) as reader:
        assert (reader.size, reader.rate, reader.frames, reader.origin) == ((96, 64), 25, 50, 0)
        frames = list(reader)
        assert reader.lost == ()
    assert [frame.seconds for frame in frames] == [Fraction(i, 25) for i in range(50)]
    assert np.abs(frames[7].image.astype(int) - moving_picture(7)).mean() < 4


def test_colours_survive_and_the_file_says_which_they_are(tmp_path: Path):
    colours = np.zeros((64, 96, 3), np.uint8)
    for index, colour in enumerate([(200, 30, 40), (20, 180, 60), (30, 50, 210), (180, 170, 90)]):
        colours[:, index * 24 : index * 24 + 24] = colour
    with VideoWriter(tmp_path / "out.mp4", (96, 64), Fraction(25), Fraction(1, 25)) as writer:
        for pts in range(3):
            writer.write(Frame(colours, pts, Fraction(1, 25)))
    with VideoReader(tmp_path / "out.mp4") as reader:
        back = next(iter(reader)).image
    middles = (slice(16, 48), [12, 36, 60, 84])
    assert np.abs(back[middles].astype(int) - colours[middles]).max() <= 3
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc) == (1, 2, 1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["25", "late start", "variable", "b-frames"])
def test_a_cut_holds_exactly_the_frames_of_its_range(tmp_path: Path, name: str, make_video: MakeVideo):
    source = make_video("in.mp4", sound="aac", **CLOCKS[name])
    whole = video_times(source)
    zero = min(whole[0], sound_packets(source)[0][0]) if name == "late start" else 0
    start, end = Fraction(3, 10), Fraction(9, 10)
    wanted = [t for t in whole if start <= t - zero < end]
    copy(source, tmp_path / "out.mp4", start, end)
    assert video_times(tmp_path / "out.mp4") == [t - wanted[0] for t in wanted]


def test_a_range_without_frames_says_how_long_the_video_is(talking: Path):
    with pytest.raises(InputError, match=r"no frame from 0:05.000 to the end; it lasts 0:02.000"):
        VideoReader(talking, start=5)
    with pytest.raises(InputError, match="not after --start"):
        VideoReader(talking, start=1, end=1)


def test_sound_that_mp4_cannot_hold_becomes_aac(tmp_path: Path, make_video: MakeVideo):
    source, warnings = make_video("in.mkv", sound="pcm_s16le"), []
    copy(source, tmp_path / "out.mp4", warn=warnings.append)
    assert ["turned into aac" in warning.reason for warning in warnings] == [True]
    with av.open(str(tmp_path / "out.mp4")) as container:
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)[0]
    assert abs(len(heard) / 48000 - 2) < 0.06
    spectrum = np.abs(np.fft.rfft(heard[:48000]))
    assert np.argmax(spectrum) == 440


def test_an_odd_size_loses_a_row_and_says_so_once(tmp_path: Path, moving_picture: Picture):
    tick, warnings = Fraction(1, 25), []
    with VideoWriter(tmp_path / "out.mp4", (97, 65), 1 / tick, tick, warn=warnings.append) as writer:
        for pts in range(3):
            writer.write(Frame(moving_picture(pts, 97, 65), pts, Fraction(1, 25)))
    assert ["column and row of 97x65" in warning.reason for warning in warnings] == [True]
    with VideoReader(tmp_path / "out.mp4") as reader:
        assert reader.size == (96, 64)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_frames_of_h265_have_times(tmp_path: Path, moving_picture: Picture, count: int):
    """x265 leaves the decoding times of one or two frames to chance, and then no file can be written."""
    for attempt in range(8):
        path = tmp_path / f"{attempt}.mp4"
        with VideoWriter(path, (96, 64), Fraction(25), Fraction(1, 25), encoding=Encoding("h265")) as writer:
            for pts in range(count):
                writer.write(Frame(moving_picture(pts), 3 * pts, Fraction(1, 25)))
        with av.open(str(path)) as container:
            packets = [p for p in container.demux(video=0) if p.size]
        shown = sorted((p.pts or 0) * p.time_base for p in packets)
        assert shown == [Fraction(3 * at, 25) for at in range(count)]
        assert all(p.dts is not None and abs(p.dts * p.time_base) < 1 for p in packets)


def test_the_comment_is_kept_and_the_index_is_in_front(tmp_path: Path, talking: Path):
    copy(talking, tmp_path / "out.mp4", encoding=Encoding(comment="made by a test"))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.metadata["comment"] == "made by a test"
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_nothing_is_left_after_an_error(tmp_path: Path, talking: Path):
    def stop(reader: VideoReader, writer: VideoWriter):
        with reader, writer:
            writer.write(next(iter(reader)))
            raise KeyboardInterrupt

    reader = VideoReader(talking)
    with pytest.raises(KeyboardInterrupt):
        stop(reader, writer_for(reader, tmp_path / "out.mp4"))
    assert [p.name for p in tmp_path.iterdir()] == ["talking.mp4"]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = np.random.default_rng(0)

    def fill() -> None:
        with VideoWriter(tmp_path / "out.mp4", (128, 128), Fraction(25), Fraction(1, 25)) as writer:
            for pts in range(200):
                picture = noise.integers(0, 256, (128, 128, 3), dtype=np.uint8)
                writer.write(Frame(picture, pts, Fraction(1, 25)))

    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(InputError, match=r"out\.mp4: cannot be written: "):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_the_old_output_stays_until_the_new_is_whole(tmp_path: Path, talking: Path):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"old")
    with pytest.raises(InputError, match="--overwrite"):
        copy(talking, out)
    with VideoReader(talking) as reader, writer_for(reader, out, overwrite=True) as writer:
        for frame in reader:
            writer.write(frame)
        assert out.read_bytes() == b"old"
    assert len(video_times(out)) == 50


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("missing", "no such file"),
        ("folder", "a directory"),
        ("empty", "is empty"),
        ("text", "not a video"),
        ("cut", "cut off before its index"),
        ("sound", "no picture in it"),
    ],
)
def test_a_bad_video_is_one_sentence(bad_videos: dict[str, Path], kind: str, sentence: str):
    path = bad_videos[kind]
    with pytest.raises(InputError, match=sentence) as caught:
        VideoReader(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_decodes_of_a_damaged_video_comes_and_the_rest_is_named(damaged_video: Path):
    with VideoReader(damaged_video) as reader:
        times = [frame.seconds for frame in reader]
        lost = reader.lost
    assert set(times) <= {Fraction(i, 25) for i in range(50)}
    assert len(times) >= 40
    missing = {Fraction(i, 25) for i in range(50)} - set(times)
    assert missing
    assert all(any(a <= t < b for a, b in lost) for t in missing)
    assert all(Fraction(20, 25) <= a < b <= Fraction(30, 25) for a, b in lost)


def test_damage_outside_the_range_is_not_named(damaged_video: Path):
    with VideoReader(damaged_video, end=Fraction(3, 5)) as reader:
        assert (len(list(reader)), reader.lost) == (15, ())
    with VideoReader(damaged_video, start=Fraction(6, 5)) as reader:
        assert (len(list(reader)), reader.lost) == (20, ())
    with VideoReader(damaged_video, start=Fraction(3, 5), end=Fraction(6, 5)) as reader:
        assert len(list(reader)) >= 5
        assert all(Fraction(4, 5) <= span.start < span.end <= Fraction(6, 5) for span in reader.lost)
        assert reader.lost


def test_the_cover_of_a_song_is_no_video(tmp_path: Path, make_video: MakeVideo):
    song = make_video("song.mp4", sound="aac", pts=range(5))
    with av.open(str(tmp_path / "cover.m4a"), "w", format="mp4") as output, av.open(str(song)) as source:
        sound = output.add_stream_from_template(source.streams.audio[0])
        cover = output.add_stream("mjpeg", rate=1)
        assert isinstance(cover, av.VideoStream)
        cover.width, cover.height, cover.pix_fmt = 96, 64, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        output.mux(cover.encode(av.VideoFrame(96, 64, "yuvj420p")))
        output.mux(cover.encode(None))
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = sound
                output.mux(packet)
    with pytest.raises(InputError, match="no picture in it"):
        VideoReader(tmp_path / "cover.m4a")


def test_a_video_that_ends_before_its_index_does_names_the_tail(tmp_path: Path, make_video: MakeVideo):
    whole = make_video("whole.mp4", format_options={"movflags": "faststart"})
    (tmp_path / "short.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with VideoReader(tmp_path / "short.mp4") as reader:
        count = len(list(reader))
        (lost,) = reader.lost
    assert 10 < count < 45
    assert lost.end == 2
    assert lost.start <= Fraction(count + 1, 25)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_video(tmp_path: Path, moving_picture: Picture):
    """The frames alive while a video passes through: as many at the end as near the beginning."""

    def alive() -> int:
        gc.collect()
        return sum(type(thing) in (Frame, av.VideoFrame, av.Packet) for thing in gc.get_objects())

    def frames() -> Iterator[Frame]:
        for pts in range(1500):
            yield Frame(moving_picture(pts, 64, 64), pts, Fraction(1, 25))

    with VideoWriter(tmp_path / "long.mp4", (64, 64), Fraction(25), Fraction(1, 25)) as writer:
        for frame in frames():
            writer.write(frame)
    counts = []
    with VideoReader(tmp_path / "long.mp4") as reader, writer_for(reader, tmp_path / "out.mp4") as writer:
        for index, frame in enumerate(reader):
            writer.write(frame)
            if index in (200, 1400):
                counts.append(alive())
    assert counts[1] <= counts[0] + 2
    assert len(video_times(tmp_path / "out.mp4")) == 1500


def test_times_are_read_and_written():
    assert parse_time("12.5") == Fraction(25, 2)
    assert parse_time("1:02.5") == Fraction(125, 2)
    assert parse_time("1:00:00") == 3600
    assert [clock(t) for t in (0, Fraction(125, 2), 3661, None)] == [
        "0:00.000",
        "1:02.500",
        "1:01:01.000",
        "the end",
    ]
    assert str(Span(Fraction(1), Fraction(2))) == "0:01.000 to 0:02.000"
    for bad in ("", "abc", "1:99", "-3", "1/2", "1e3", "1:2:3:4", "1.5:20", "nan"):
        with pytest.raises(InputError, match="not a time"):
            parse_time(bad)


def test_good_input_gives_no_warning(tmp_path: Path, talking: Path, caplog: pytest.LogCaptureFixture):
    warnings = []
    with caplog.at_level(logging.INFO):
        copy(talking, tmp_path / "out.mp4", warn=warnings.append)
    assert (warnings, caplog.text) == ([], "")


def test_a_frame_checks_its_shape():
    with pytest.raises(ValueError, match="uint8"):
        Frame(np.zeros((4, 4)), 0, Fraction(1))
