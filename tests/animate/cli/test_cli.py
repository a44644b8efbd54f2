"""gfla-animate: one sentence and exit code 2 for bad input, nothing left behind, and a quick --help."""

import hashlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from gfla.animate import Animator, VideoReader
from gfla.animate.cli.animate import main
from gfla.animate.cli.options import Bar
from gfla.animate.io.timecode import clock
from gfla.models import CONFIGS, Generator
from PIL import Image

MakeVideo = Callable[..., Path]
Picture = Callable[..., np.ndarray]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, landmarker) -> None:
    """The command on a tiny generator and the stand-in tracker."""
    torch.manual_seed(0)
    animator = Animator(Generator(CONFIGS["face-tiny"]), landmarker, name="face-tiny", reason="a test")
    monkeypatch.setattr(Animator, "from_pretrained", lambda *_, **__: animator)


@pytest.fixture
def clip(make_video: MakeVideo, head_picture: Picture) -> Path:
    return make_video("driving.mp4", picture=head_picture, size=(128, 128), pts=range(10), sound="aac")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    return tmp_path / "results" / "out.mp4"


def sentence(capsys: Capture, arguments: list) -> str:
    """Run with bad input: exit code 2, nothing on stdout; returns the one line on stderr."""
    assert main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    *before, line = said.err.splitlines()
    assert not before
    assert line.endswith(".")
    return line


@pytest.mark.usefixtures("tiny")
def test_the_command_animates(portrait: Path, clip: Path, out: Path, capsys: Capture, head_picture: Picture):
    Image.fromarray(head_picture(0, 160, 121)).save(portrait)
    assert main([str(portrait), str(clip), "-o", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{out}\n"
    assert "device: cpu (a test" in said.err
    assert "weights: face-tiny" in said.err
    assert "10/10" in said.err
    assert said.err.count("the last row of 160x121 is left out") == 1
    with VideoReader(out) as reader:
        assert (reader.size, reader.frames) == ((160, 120), 10)
        assert [f.seconds for f in reader] == [Fraction(i, 25) for i in range(10)]
    assert [p.name for p in out.parent.iterdir()] == ["out.mp4"]


@pytest.mark.usefixtures("tiny")
def test_the_options_reach_the_render(portrait: Path, clip: Path, out: Path):
    options = ["--crop-only", "--start", "0.2", "--end", "0:00:00.36", "--motion", "copy", "--overwrite"]
    out.write_bytes(b"old")
    assert main([str(portrait), str(clip), "-o", str(out), *options]) == 0
    with VideoReader(out) as reader:
        assert reader.size == (64, 64)
        assert len(list(reader)) == 4


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "no such file"),
        ("folder", "a directory"),
        ("empty", "is empty"),
        ("text", "not a video"),
        ("cut", "cut off before its index"),
        ("sound", "no picture in it"),
    ],
)
def test_a_bad_driving_video(bad_videos, portrait: Path, out: Path, capsys: Capture, kind: str, words: str):
    assert words in sentence(capsys, [portrait, bad_videos[kind], "-o", out])
    assert not list(out.parent.iterdir())


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "text"])
def test_a_bad_source(bad_videos: dict[str, Path], clip: Path, out: Path, capsys: Capture, kind: str):
    assert str(bad_videos[kind]) in sentence(capsys, [bad_videos[kind], clip, "-o", out])
    assert not list(out.parent.iterdir())


@pytest.mark.usefixtures("tiny")
def test_no_face_in_the_source_or_in_the_driving_video(
    portrait: Path,
    clip: Path,
    out: Path,
    tmp_path: Path,
    make_video: MakeVideo,
    grey_picture: Picture,
    capsys,
):
    Image.fromarray(grey_picture(0)).save(tmp_path / "grey.png")
    assert "no face found" in sentence(capsys, [tmp_path / "grey.png", clip, "-o", out])
    empty = make_video("grey.mp4", picture=grey_picture, size=(128, 128), pts=range(5))
    assert main([str(portrait), str(empty), "-o", str(out)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == f"{empty}: no face in any frame; give a driving video that shows one."
    assert not list(out.parent.iterdir())


def test_bad_outputs_are_refused_before_any_work(
    portrait: Path, clip: Path, out: Path, capsys: Capture, monkeypatch
):
    """No weights are loaded for an output that cannot be."""
    monkeypatch.setattr(Animator, "from_pretrained", lambda *_, **__: pytest.fail("work was begun"))
    assert "does not exist" in sentence(capsys, [portrait, clip, "-o", out.parent / "none" / "out.mp4"])
    assert "name end in .mp4" in sentence(capsys, [portrait, clip, "-o", out.with_suffix(".avi")])
    assert "a directory" in sentence(capsys, [portrait, clip, "-o", out.parent])
    out.write_bytes(b"old")
    assert "--overwrite" in sentence(capsys, [portrait, clip, "-o", out])
    assert out.read_bytes() == b"old"


@pytest.mark.usefixtures("tiny")
def test_a_range_past_the_end(portrait: Path, clip: Path, out: Path, capsys: Capture):
    assert "it lasts 0:00.400" in sentence(capsys, [portrait, clip, "-o", out, "--start", "1:00"])
    with pytest.raises(SystemExit) as caught:
        main([str(portrait), str(clip), "-o", str(out), "--start", "soon"])
    assert caught.value.code == 2
    assert "soon: not a time" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("tiny")
def test_a_damaged_video_is_rendered_with_one_warning(
    portrait: Path, damaged_head: Path, out: Path, capsys: Capture
):
    assert main([str(portrait), str(damaged_head), "-o", str(out), "--crop-only"]) == 0
    assert capsys.readouterr().err.count("damaged; the pictures from 0:0") == 1
    with VideoReader(out) as reader:
        assert len(list(reader)) >= 35


@pytest.mark.usefixtures("tiny")
@pytest.mark.slow
def test_interrupting_keeps_what_was_done(
    portrait: Path, make_video: MakeVideo, head_picture: Picture, out: Path, capsys: Capture, monkeypatch
):
    """Until Ctrl-C was a clean end, an hour's work was lost to it."""
    clip = make_video("long.mp4", picture=head_picture, size=(128, 128), pts=range(80), sound="aac")
    show = Bar.__call__

    def interrupted(self: Bar, done: int, expected: int | None) -> None:
        if done == 5 and expected and "weights: face-tiny" in self._lines:  # not while looking at the driver
            signal.raise_signal(signal.SIGINT)
        show(self, done, expected)

    monkeypatch.setattr(Bar, "__call__", interrupted)
    record = out.with_name("out.mp4.json")
    for old in (out, record):
        old.write_text("old")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let background jobs ignore it
    try:
        arguments = [str(portrait), str(clip), "-o", str(out), "--overwrite", "--sidecar", "--stats"]
        assert main(arguments) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    said = capsys.readouterr()
    assert said.out == ""
    with VideoReader(out) as reader:
        count = len(list(reader))
    assert 5 <= count < 80
    assert said.err.splitlines()[-1].startswith(f"Stopped at {clock(Fraction(count, 25))}; {out} holds")
    with av.open(str(out)) as container:
        heard = sum(frame.samples for frame in container.decode(audio=0))
    assert abs(Fraction(heard, 48000) - Fraction(count, 25)) < Fraction(1, 20)
    assert "the slowest stage is" in said.err
    told = json.loads(record.read_text())
    assert told["output"]["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert sorted(p.name for p in out.parent.iterdir()) == ["out.mp4", "out.mp4.json"]


@pytest.mark.usefixtures("tiny")
def test_a_render_that_fails_leaves_no_motion(
    portrait: Path,
    out: Path,
    make_video: MakeVideo,
    head_picture: Picture,
    grey_picture: Picture,
    capsys: Capture,
):
    clip = make_video(
        "gone.mp4",
        size=(128, 128),
        pts=range(8),
        picture=lambda at, *size: (grey_picture if at == 5 else head_picture)(at, *size),
    )
    kept = ["--save-motion", str(out.with_name("a.motion")), "--no-face", "fail"]
    assert main([str(portrait), str(clip), "-o", str(out), *kept]) == 2
    assert "no face" in capsys.readouterr().err
    assert not list(out.parent.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("tiny")
def test_stats_name_every_stage_and_the_slowest(portrait: Path, clip: Path, out: Path, capsys: Capture):
    assert main([str(portrait), str(clip), "-o", str(out), "--stats"]) == 0
    said = capsys.readouterr().err
    for stage in ("decode", "track", "retarget", "look_ahead", "generate", "finish", "compose", "encode"):
        assert re.search(rf"^{stage} +[\d.]+ +[\d.]+ +\d+% +[\d.]+$", said, re.M), said
    assert "10 frames in" in said
    assert re.search(r"the slowest stage is \w+; peak memory \d+ MiB", said)


@pytest.mark.slow
@pytest.mark.usefixtures("tiny")
def test_a_label_and_a_sidecar(portrait: Path, clip: Path, out: Path, capsys: Capture):
    plain = out.with_name("plain.mp4")
    assert main([str(portrait), str(clip), "-o", str(plain)]) == 0
    assert main([str(portrait), str(clip), "-o", str(out), "--label", "--sidecar"]) == 0
    told = json.loads(out.with_name("out.mp4.json").read_text())
    assert told["settings"]["label"] is True
    reference = told["reference_frame"]
    assert reference["seconds"] == pytest.approx(reference["number"] / 25)
    assert 0 <= reference["number"] < 10
    assert told["output"]["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    with VideoReader(plain) as one, VideoReader(out) as two:
        away = np.mean([abs(a.image.astype(int) - b.image) for a, b in zip(one, two, strict=True)], axis=0)
    assert away[-8:, :60].mean() > 20
    assert away[:60].mean() < 1
    out.unlink()
    capsys.readouterr()
    assert "out.mp4.json: the file exists" in sentence(
        capsys, [portrait, clip, "-o", out, "--label", "--sidecar"]
    )
    assert "--sidecar goes beside one file" in sentence(
        capsys, [portrait, clip, "-o", out.with_name("%05d.png"), "--sidecar"]
    )


def test_help_loads_nothing_heavy():
    code = "import sys; from gfla.animate.cli.animate import main\n"
    code += "try: main(['--help'])\nexcept SystemExit: pass\n"
    code += "sys.exit(any(name in sys.modules for name in ('torch', 'cv2', 'av', 'tqdm')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "SOURCE DRIVING" in done.stdout


def need_weights(*names: str) -> None:
    for name in names:
        if not (files("gfla.models") / "weights" / name).is_file():
            pytest.skip(f"{name} is not shipped yet")


@pytest.mark.slow
def test_the_real_thing(tmp_path: Path, capsys: Capture):
    """The shipped weights make the astronaut follow the shipped driver, frame for frame."""
    need_weights("face-256.safetensors", "tracker.safetensors")
    driver = Path(str(files("gfla.animate") / "assets" / "driver.mp4"))
    data = pytest.importorskip("skimage.data")
    astronaut = data.astronaut()
    Image.fromarray(astronaut).save(tmp_path / "astronaut.png")
    out = tmp_path / "out.mp4"
    assert main([str(tmp_path / "astronaut.png"), str(driver), "-o", str(out), "--end", "1"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    with VideoReader(driver, end=1) as wanted, VideoReader(out) as got:
        times = [frame.seconds for frame in wanted]
        pictures = {frame.seconds: frame.image for frame in got}
    assert list(pictures) == times
    first, last = pictures[times[0]].astype(int), pictures[times[-1]].astype(int)
    assert first.shape == astronaut.shape
    away = abs(first.mean(2) - astronaut.mean(2))
    assert away[:, 340:].mean() < 3  # nothing but the codec
    assert away.mean() < 4  # the driver's first frame moves nothing
    assert abs(last - first).max() > 30
