"""Over generated containers: frame count, every time and the sound's samples are those of FFmpeg's binary."""

import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from containers import Case, all_cases, content, make
from gfla.animate import VideoReader, VideoWriter
from gfla.animate.errors import InputWarning

CASES = all_cases()
SAMPLE = set(random.Random(20).sample(range(len(CASES)), 25))
_AAC_FRAME = Fraction(1024, 48000)


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [case if at in SAMPLE else pytest.param(case, marks=pytest.mark.long) for at, case in enumerate(CASES)],
    ids=str,
)
def test_count_times_and_samples_agree_with_ffmpeg(tmp_path: Path, case: Case):
    source, target = make(case, tmp_path), tmp_path / f"out{case.target}"
    warnings: list[InputWarning] = []
    with (
        VideoReader(source) as reader,
        VideoWriter(
            target, reader.size, reader.rate, reader.time_base, audio_from=reader, warn=warnings.append
        ) as writer,
    ):
        expected = reader.frames
        for frame in reader:
            writer.write(frame)
        assert reader.lost == ()
    before, after = content(source), content(target)

    assert len(after.times) == len(before.times)
    allowed = Fraction(1, 1000) if case.target in (".mkv", ".webm") else Fraction(0)  # their clock's tick
    if case.b and len(case.edits) > 1:  # FFmpeg shifts a later part by its reordering, and leaves a hole
        allowed += case.b / case.rate
    assert all(abs(a - b) <= allowed for a, b in zip(before.times, after.times, strict=True))
    if case.rate and case.suffix not in (".mpg", ".wmv"):  # whose header knows the sound's length alone
        assert expected is not None
        assert abs(expected - len(before.times)) <= 2

    if any("turned into" in warning.reason or "again" in warning.reason for warning in warnings):
        ends = [each.heard + Fraction(len(each.samples), each.rate) for each in (before, after)]
        assert abs(ends[0] - ends[1]) <= 2 * _AAC_FRAME
        assert np.sqrt(np.mean(after.samples**2)) > 0.1
        return
    assert warnings == []
    assert abs(after.heard - before.heard) <= Fraction(2, 1000)
    count = min(len(before.samples), len(after.samples))
    more = abs(len(before.samples) - len(after.samples))
    # FFmpeg cuts no packet's end in mp4 of Opus and Vorbis, of fragments, or behind an empty edit
    loose = case.target != ".mkv" and case.sound in ("libopus", "libvorbis")
    loose |= case.suffix == ".frag.mp4" or (case.suffix in (".mp4", ".mov") and case.offset > 0)
    assert more < 1153 if loose else more == 0
    difference = np.abs(after.samples[:count] - before.samples[:count]).max()
    # mp4 calls mp2 mp3, which is another decoder: a step of 16 bits
    assert difference <= (3.2e-5 if case.sound == "mp2" else 0)
