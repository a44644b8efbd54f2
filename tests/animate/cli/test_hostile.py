"""Hostile inputs end in one sentence and code 2 or in a right result; never a traceback, a hang or litter."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from gfla.animate import Frame, InputError, VideoReader, VideoWriter
from hostile import Hostile, make_hostile
from PIL import Image

MakeVideo = Callable[..., Path]
SAMPLE = {"zeros", "cut at 50 percent", "bits flipped 3", "name 'new\\nline.mp4'", "one by one", "a pipe"}

CHILD = """
import io, sys, contextlib
sys.path.insert(0, {tests!r})
import torch
from conftest import DiscLandmarker
from gfla.animate import Animator
from gfla.animate.cli.animate import main
from gfla.models import CONFIGS, Generator
torch.manual_seed(0)
animator = Animator(Generator(CONFIGS["face-tiny"]), DiscLandmarker(), name="face-tiny")
Animator.from_pretrained = classmethod(lambda *_, **__: animator)
for line in sys.stdin.buffer.read().split(b"\\0"):
    portrait, driving, out = (part.decode("utf-8", "surrogateescape") for part in line.split(b"\\1"))
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = main(["-o", out, "--crop-only", "--", portrait, driving])
    print(repr((code, said.getvalue())), flush=True)
"""


def judge(cases: list[Hostile], portrait: Path, outputs: Path) -> None:
    """Run every case by the command in one child process that may take 60 s each."""
    lines = [
        b"\1".join(map(os.fsencode, (portrait, case.driving, outputs / f"{index}.mp4")))
        for index, case in enumerate(cases)
    ]
    before = {case.name: _content(case.driving) for case in cases}
    child = CHILD.format(tests=str(Path(__file__).parents[2]))
    done = subprocess.run(
        [sys.executable, "-c", child],
        input=b"\0".join(lines),
        capture_output=True,
        timeout=60 * len(cases),
        check=False,
    )
    errors = done.stderr.decode()
    results = [eval(line) for line in done.stdout.decode().splitlines()]
    assert len(results) == len(cases), f"after {cases[max(len(results) - 1, 0)].name}: {errors}"
    assert "Traceback" not in errors
    for index, (case, (code, said)) in enumerate(zip(cases, results, strict=True)):
        out = outputs / f"{index}.mp4"
        assert code in ((0,) if case.good else (2,) if case.good is False else (0, 2)), (
            case.name,
            code,
            said,
        )
        assert "Traceback" not in said
        if code == 2:
            assert not out.exists(), case.name
            sentence = said[said.rfind("\r") + 1 :].splitlines()[-1]
            assert sentence.endswith("."), (case.name, said)
        else:
            with VideoReader(out) as reader:
                assert len(list(reader)) >= 1
        assert _content(case.driving) == before[case.name], f"{case.name}: the input was touched"
    assert not [path for path in outputs.iterdir() if path.name.startswith(".")]


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None


@pytest.fixture
def cases(tmp_path: Path, make_video: MakeVideo, head_picture) -> list[Hostile]:
    whole = make_video(
        "whole.mp4",
        picture=head_picture,
        size=(128, 128),
        sound="aac",
        pts=range(20),
        format_options={"movflags": "faststart"},
    )
    (tmp_path / "cases").mkdir()
    return make_hostile(tmp_path / "cases", whole, make_video)


@pytest.fixture
def portrait(tmp_path: Path, head_picture) -> Path:
    Image.fromarray(head_picture(0)).save(tmp_path / "portrait.png")
    return tmp_path / "portrait.png"


@pytest.mark.slow
def test_a_sample(cases: list[Hostile], portrait: Path, tmp_path: Path):
    assert len(cases) >= 60
    assert len({case.name for case in cases}) == len(cases)
    (tmp_path / "out").mkdir()
    judge([case for case in cases if case.name in SAMPLE], portrait, tmp_path / "out")


@pytest.mark.long
def test_all(cases: list[Hostile], portrait: Path, tmp_path: Path):
    (tmp_path / "out").mkdir()
    judge(cases, portrait, tmp_path / "out")


NOBODY = """
import os, sys
from fractions import Fraction
from gfla.animate import InputError, VideoReader, VideoWriter
os.setgid(65534), os.setuid(65534)
for attempt in (lambda: VideoReader(sys.argv[1]),
                lambda: VideoWriter(sys.argv[2], (64, 64), Fraction(25), Fraction(1, 25))):
    try:
        attempt()
    except InputError as error:
        print(error)
"""


def test_what_may_not_be_read_or_written(make_video: MakeVideo):
    """Root may do everything, so a child that is nobody tries."""
    if os.geteuid() != 0:
        pytest.skip("only root can become nobody")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        secret = make_video(str(folder / "secret.mp4"), pts=range(2))
        secret.chmod(0)
        target = folder / "out.mp4"
        command = [sys.executable, "-c", NOBODY, str(secret), str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        f"{secret}: may not be read; change its permissions.",
        f"{target}: the folder {folder} cannot be written to.",
    ], done.stderr


def fill(target: Path) -> None:
    noise = np.random.default_rng(0)
    with VideoWriter(target, (128, 128), Fraction(25), Fraction(1, 25)) as writer:
        for pts in range(300):
            picture = noise.integers(0, 256, (128, 128, 3), dtype=np.uint8)
            writer.write(Frame(picture, pts, Fraction(1, 25)))


def test_a_full_disk(tmp_path: Path):
    """A file system of 200 kB fills up in the middle."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system may be mounted here: the full disk was not tried")
    try:
        with pytest.raises(InputError, match="cannot be written: No space left"):
            fill(disk / "out.mp4")
        assert not list(disk.iterdir())
    finally:
        subprocess.run(["umount", disk], check=False)
