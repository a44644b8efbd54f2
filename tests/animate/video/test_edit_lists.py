"""Edit lists of several parts: what is heard is what the list says, to the sample, though FFmpeg is not."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from containers import Case, content, make, through

LENGTH, FURTHEST = 4800, 2400  # samples that are compared, and by how many they may be elsewhere


def lag(samples: np.ndarray, at: float, start: float) -> int:
    """By how many samples what is heard from `at` on, seconds, is not what the tone is from `start` on."""
    begin = round(at * 48000)
    seconds = np.arange(-FURTHEST, LENGTH + FURTHEST) / 48000 + start
    tone = np.sin(2 * np.pi * (300 + 200 * seconds) * seconds)
    return int(np.correlate(tone, samples[begin : begin + LENGTH], "valid").argmax()) - FURTHEST


@pytest.mark.parametrize(
    "kind", [(".mp4", "libx264", "aac"), (".mov", "mpeg4", "pcm_s16le"), (".mp4", "mpeg4", "ac3")]
)
@pytest.mark.parametrize(
    "parts", [((0.5, 0.3), (0.1, 0.25)), ((0.1, 0.3), (0.1, 0.3)), ((0.05, 0.2), (0.45, 0.4), (0.3, 0.21))]
)
def test_every_part_is_heard_in_its_place(tmp_path: Path, kind: tuple[str, str, str], parts):
    source = make(Case(*kind, ".mkv", Fraction(25), 0, 0, parts), tmp_path)
    _, told = through(source, tmp_path / "out.mkv")
    assert len(told) == 1
    assert told[0].startswith("its edit list takes the sound apart, so it is ")
    samples, at = content(tmp_path / "out.mkv").samples, 0.0
    for start, seconds in parts:
        assert abs(lag(samples, at + 0.05, start + 0.05)) <= 2
        at += seconds
    assert at <= len(samples) / 48000 < at + 0.04


def test_a_part_that_begins_with_a_packet(tmp_path: Path):
    """Nothing is late then, and nothing is changed."""
    parts = ((0.512, 0.3), (0.128, 0.256))  # 1,024 samples are 0.02133
    source = make(Case(".mov", "mpeg4", "pcm_s16le", ".mkv", Fraction(25), 0, 0, parts), tmp_path)
    through(source, tmp_path / "out.mov")
    samples = content(tmp_path / "out.mov").samples
    assert abs(len(samples) / 48000 - 0.556) < 0.001
    assert abs(lag(samples, 0.4, 0.228)) <= 2
