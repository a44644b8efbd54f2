"""Sound beside new frames: in order, copied wherever the container holds it, with all channels and tracks."""

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
from containers import content, convert, through
from gfla.animate.video.sound.copied import CopiedTrack


def twice(path: Path) -> Path:
    """The recording glued to itself."""
    path.write_bytes(path.read_bytes() * 2)
    return path


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
            raise av.error.ArgumentError(22, "Invalid argument")
        yield from made(self, packet)

    monkeypatch.setattr(CopiedTrack, "packets", packets)
    times, said = through(talking, tmp_path / "out.mp4")
    assert len(content(tmp_path / "out.mp4").times) == len(times) == 50
    (reason,) = said
    assert reason.startswith("its sound from 0:01.0")
    assert "cannot be written" in reason
