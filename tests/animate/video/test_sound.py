"""Sound beside new frames: in order, copied wherever the container holds it, with all channels and tracks."""

import itertools
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.error import ArgumentError
from av.stream import Disposition
from containers import content, convert, ffmpeg, through
from gfla.animate import InputError, VideoReader, VideoWriter
from gfla.animate.options import AudioTrack
from gfla.animate.video.inputs import Input
from gfla.animate.video.probe import read_media
from gfla.animate.video.sound.copied import CopiedTrack


def twice(path: Path) -> Path:
    """The recording glued to itself."""
    path.write_bytes(path.read_bytes() * 2)
    return path


@pytest.mark.slow
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


def test_sound_that_cannot_be_written_leaves_the_pictures(
    tmp_path: Path, talking: Path, monkeypatch: pytest.MonkeyPatch
):
    made = CopiedTrack.packets

    def packets(self: CopiedTrack, packet: av.Packet):
        if packet.pts is not None and packet.pts > 48000:
            raise ArgumentError(22, "Invalid argument")
        yield from made(self, packet)

    monkeypatch.setattr(CopiedTrack, "packets", packets)
    times, said = through(talking, tmp_path / "out.mp4")
    assert len(content(tmp_path / "out.mp4").times) == len(times) == 50
    (reason,) = said
    assert reason.startswith("its sound from 0:01.0")
    assert "cannot be written" in reason


def test_sound_whose_clock_stands_still_is_heard_to_its_end(tmp_path: Path, talking: Path):
    """FFmpeg's RealMedia gives every packet of RealAudio 1.0 the time 0."""
    options = ("-c:v", "rv20", "-s", "352x288", "-c:a", "real_144", "-ar", "8000", "-ac", "1")
    source = convert(talking, tmp_path / "in.rm", *options)
    through(source, tmp_path / "out.mp4")
    before, after = content(source), content(tmp_path / "out.mp4")
    assert abs(len(after.samples) / after.rate - len(before.samples) / before.rate) < 0.01
    loud = np.abs(after.samples[: len(after.samples) // 80 * 80]).reshape(-1, 80).max(1)
    assert loud[5:-10].min() > 0.1


@pytest.mark.parametrize(
    ("codec", "name", "same"),
    [
        ("pcm_s32le", "out.mkv", True),
        ("pcm_f64le", "out.mkv", True),
        ("pcm_s16be", "out.mov", True),
        ("pcm_f32le", "out.mov", True),
        ("pcm_f32le", "out.mp4", False),  # players of mp4 do not play it
        ("mp2", "out.mkv", True),
        ("dca", "out.mkv", True),
        ("truehd", "out.mkv", True),
        ("eac3", "out.mp4", True),
        ("alac", "out.mkv", True),
        ("wavpack", "out.mkv", True),
        ("flac", "out.mp4", True),
        ("libvorbis", "out.webm", True),
        ("libmp3lame", "out.webm", False),
        ("wmav2", "out.mkv", False),
    ],
)
def test_sound_is_copied_wherever_the_container_holds_it(
    tmp_path: Path, talking: Path, codec: str, name: str, same: bool
):
    options = ("-t", "0.5", "-c:v", "copy", "-c:a", codec, "-ac", "2", "-strict", "-2")
    source = convert(talking, tmp_path / "in.mkv", *options)
    _, said = through(source, tmp_path / name)
    before, after = packets(source), packets(tmp_path / name)
    assert (before == after) == same
    assert ["turned into" in reason for reason in said] == ([] if same else [True])


@pytest.mark.parametrize("codec", ["aac", "libmp3lame", "ac3", "libopus"])
def test_matroska_is_told_what_an_encoder_added(tmp_path: Path, talking: Path, codec: str):
    """An mp4's edit list leaves samples out at both ends: they are neither heard, nor move the pictures."""
    options = ("-t", "0.5", "-c:v", "copy", "-c:a", codec, "-ar", "48000", "-aac_pns", "0")
    source = convert(talking, tmp_path / "in.mp4", *(options if codec == "aac" else options[:-2]))
    times, said = through(source, tmp_path / "out.mkv")
    before, after = content(source), content(tmp_path / "out.mkv")
    assert said == []
    assert after.heard == before.heard == 0
    assert np.array_equal(after.samples, before.samples)
    late = [abs(a - b) for a, b in zip(after.times, times, strict=True)]
    assert max(late) <= Fraction(1, 2000)  # a tick is a millisecond


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize(
    ("layout", "name", "kept", "said"),
    [
        ("5.1", "out.mp4", 6, ["aac"]),
        ("5.1(side)", "out.webm", 6, ["opus"]),
        ("5.1(side)", "out.mp4", 6, ["aac"]),
        ("7.1", "out.webm", 8, ["opus"]),
        ("quad(side)", "out.webm", 4, ["opus"]),
        ("7.1(wide)", "out.mp4", 8, ["aac"]),
        ("hexadecagonal", "out.mp4", 2, ["16 channels mixed to 2"]),
        ("hexadecagonal", "out.mkv", 16, []),
    ],
)
def test_channels_are_kept_and_a_downmix_is_said(
    tmp_path: Path, talking: Path, layout: str, name: str, kept: int, said: list[str]
):
    spread = ("-filter_complex", f"[0:a]pan={layout}|c0=c0|c1=c0[a]", "-map", "0:v", "-map", "[a]")
    source = convert(talking, tmp_path / "in.mkv", "-t", "0.5", "-c:v", "copy", *spread, "-c:a", "pcm_s16le")
    _, reasons = through(source, tmp_path / name)
    with av.open(str(tmp_path / name)) as container:
        (sound,) = container.streams.audio
        assert sound.channels == kept
        assert sound.layout.name == "5.1" or kept != 6  # which decoders can tell
    assert [reason.endswith(end) for reason, end in zip(reasons, said, strict=True)] == [True] * len(said)


@pytest.mark.parametrize(("layout", "count"), [("5.0", 5), ("6.1", 7), ("7.1", 8)])
def test_every_channel_goes_to_its_place(tmp_path: Path, layout: str, count: int):
    """A tone of its own in each; FFmpeg's own conversion to Opus exchanges those of 5.0 and 6.1."""
    source, target = tmp_path / "in.mkv", tmp_path / "out.webm"
    tones = "|".join(f"0.1*sin(2*PI*{300 + 100 * n}*t)" for n in range(count))
    sound = f"aevalsrc='{tones}':sample_rate=48000:duration=0.5:channel_layout='{layout}'"
    picture = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=25:duration=0.5")
    convert(sound, source, *picture, "-c:a", "flac", before=("-f", "lavfi"))
    through(source, target)
    with av.open(str(target)) as container:
        channels = container.streams.audio[0].channels
    command = [ffmpeg(), "-v", "error", "-i", target, "-map", "0:a", "-c:a", "pcm_f32le", "-f", "f32le", "-"]
    played = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)
    played = played.reshape(-1, channels).T
    heard = [int(np.abs(np.fft.rfft(each[4800:14400])).argmax()) * 5 for each in played]
    wanted = [300 + 100 * n for n in range(count)]
    if layout == "5.0":
        wanted.insert(3, 0)  # a low-frequency channel without a sound
        heard[3] = 0 if np.abs(played[3]).max() < 0.01 else heard[3]
    if layout == "6.1":  # its centre behind becomes the two behind
        wanted[4:5] = [wanted[4], wanted[4]]
    assert heard == wanted


@pytest.fixture
def three_tracks(tmp_path: Path, talking: Path) -> Path:
    """German, French marked default, and a commentary in no language; each higher than the one before."""
    tones = [f"sine=frequency={hertz}:duration=0.5:sample_rate=48000" for hertz in (300, 600, 900)]
    inputs = [word for tone in tones for word in ("-f", "lavfi", "-i", tone)]
    maps = [word for number in (1, 2, 3) for word in ("-map", f"{number}:a")]
    tags = ("-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=fre")
    marks = ("-disposition:a:0", "0", "-disposition:a:1", "default", "-disposition:a:2", "0")
    title = ("-metadata:s:a:2", "title=Commentary")
    command = [ffmpeg(), "-v", "error", "-i", talking, *inputs, "-map", "0:v", *maps, "-c:v", "copy"]
    target = tmp_path / "tracks.mkv"
    subprocess.run([*command, "-t", "0.5", "-c:a", "aac", *tags, *title, *marks, target], check=True)
    return target


def tracks(path: Path) -> list[tuple[int, str | None, str | None, bool]]:
    """Pitch in hertz, language, title and whether it is the default, of each sound track."""
    found = []
    with av.open(str(path)) as container:
        for stream in container.streams.audio:
            language, title = (stream.metadata.get(tag) for tag in ("language", "title"))
            language = None if language == "und" else language
            found.append((language, title, bool(stream.disposition & Disposition.default)))
    pitches = []
    for number in range(len(found)):
        command = [ffmpeg(), "-v", "error", "-i", path, "-map", f"0:a:{number}", "-f", "f32le", "-"]
        done = subprocess.run(command, capture_output=True, check=True)
        heard = np.frombuffer(done.stdout, np.float32)[4800:19200]
        pitches.append(round(int(np.argmax(np.abs(np.fft.rfft(heard)))) * 48000 / 14400))
    return [(pitch, *rest) for pitch, rest in zip(pitches, found, strict=True)]


GERMAN, FRENCH = (300, "ger", None), (600, "fre", None)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (None, [(*FRENCH, True)]),
        (1, [(*GERMAN, True)]),
        (3, [(900, None, "Commentary", True)]),
        ("none", []),
        ("all", [(*GERMAN, True), (*FRENCH, False), (900, None, "Commentary", False)]),
    ],
)
@pytest.mark.parametrize("once", [False, True])
def test_the_track_that_is_asked_for_is_kept_with_its_language(
    tmp_path: Path,
    three_tracks: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: AudioTrack,
    kept: list,
    once: bool,
):
    if once:  # as of a pipe
        monkeypatch.setattr(Input, "of", lambda given: Input(str(given), f"file:{given}"))
    target = tmp_path / "out.mkv"
    with (
        VideoReader(three_tracks, audio_track=asked) as reader,
        VideoWriter(target, reader.size, reader.rate, reader.time_base, audio_from=reader) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    assert tracks(target) == kept


def test_a_track_that_is_not_there_is_a_sentence(three_tracks: Path):
    with pytest.raises(InputError, match=r"^--audio-track 4: .*tracks\.mkv has 3 sound tracks; choose one"):
        VideoReader(three_tracks, audio_track=4)


def test_the_picture_stream_marked_default_is_taken(tmp_path: Path, talking: Path):
    other = ("-f", "lavfi", "-i", "color=red:size=128x80:rate=25:duration=0.5")
    marks = ("-disposition:v:0", "0", "-disposition:v:1", "default")
    target = tmp_path / "two.mkv"
    command = [
        ffmpeg(),
        "-v",
        "error",
        "-i",
        talking,
        *other,
        "-map",
        "0:v",
        "-map",
        "1:v",
        "-t",
        "0.5",
        *marks,
    ]
    subprocess.run([*command, "-c:v", "libx264", target], check=True)
    with VideoReader(target) as reader:
        assert (reader.size, reader.pictures) == ((128, 80), 2)
        assert len(list(reader)) == 13
    with VideoReader(target, picture=1) as reader:
        assert reader.size == (96, 64)
        assert len(list(reader)) == 13
    assert read_media(target).size == (128, 80)
