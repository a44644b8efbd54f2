"""Standard output: what is written leaves early, and what does not arrive is said."""

import os
import subprocess
import sys

import pytest

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
    command = [sys.executable, "-c", PIPED, str(count), str(rate), codec]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, **streams)


@pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
def test_the_first_fragment_leaves_within_a_second(codec: str):
    with piped(25, 25, codec, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        os.set_blocking(process.stdout.fileno(), False)
        data, number = b"", 0
        for number in range(1, 26):
            assert process.stderr
            while (line := process.stderr.readline()).strip() != b"%d" % number:
                assert line, "it ended early"
            data += process.stdout.read() or b""
            if b"moof" in data:
                break
            process.stdin.write(b"\n")
            process.stdin.flush()
        assert data.index(b"ftyp") < data.index(b"moov") < data.index(b"moof")
        assert number <= 20
        process.kill()


@pytest.mark.slow
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
