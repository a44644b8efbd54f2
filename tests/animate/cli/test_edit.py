"""gfla-edit: a picture by controls, a video by key frames, and one sentence for what makes no sense."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from gfla.animate import Animator, VideoReader, read_image
from gfla.animate.cli.animate import main as animate
from gfla.animate.cli.edit import main
from gfla.models import CONFIGS, Generator
from PIL import Image

Picture = Callable[..., np.ndarray]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, landmarker) -> None:
    torch.manual_seed(0)
    animator = Animator(Generator(CONFIGS["face-tiny"]), landmarker, name="face-tiny", reason="a test")
    monkeypatch.setattr(Animator, "from_pretrained", lambda *_, **__: animator)


def edit(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_a_picture(portrait: Path, tmp_path: Path, capsys: Capture):
    out = tmp_path / "out.png"
    assert edit(portrait, "--yaw", 15, "--smile", 0.6, "-o", out) == 0
    assert capsys.readouterr().out == f"{out}\n"
    turned, _ = read_image(out)
    assert turned.shape == (120, 160, 3)
    with Image.open(out) as picture:
        assert "Synthetic media" in picture.info["Comment"]
    assert edit(portrait, "--yaw", 0, "-o", out, "--overwrite") == 0
    assert not np.array_equal(read_image(out)[0], turned)
    assert edit(portrait, "--yaw", 15, "--crop-only", "-o", out, "--overwrite") == 0
    assert read_image(out)[0].shape == (64, 64, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.png", "portrait.png"]


def test_a_label_and_a_sidecar(portrait: Path, tmp_path: Path, capsys: Capture):
    plain, out, video = (tmp_path / name for name in ("plain.png", "out.png", "out.mp4"))
    given = ["--label", "--sidecar", "-o"]
    assert edit(portrait, "--yaw", 0, "-o", plain) == edit(portrait, "--yaw", 0, *given, out) == 0
    one, two = read_image(plain)[0], read_image(out)[0]
    assert np.abs(one[-12:, :60].astype(int) - two[-12:, :60]).mean() > 20
    assert np.array_equal(one[:100], two[:100])
    told = json.loads((tmp_path / "out.png.json").read_text())
    assert (told["synthetic"], told["controls"], told["settings"]["label"]) == (True, {"yaw": 0}, True)
    assert edit(portrait, "--key", "0:yaw=-5", "--key", "0.2:yaw=5", *given, video) == 0
    told = json.loads((tmp_path / "out.mp4.json").read_text())
    assert told["key_frames"] == {"0": {"yaw": -5}, "0.2": {"yaw": 5}}
    out.unlink()
    capsys.readouterr()
    assert edit(portrait, "--yaw", 3, *given, out) == 2
    assert "out.png.json: the file exists; pass --overwrite" in capsys.readouterr().err


def test_a_cut_out_stays_one(tmp_path: Path, head_picture: Picture):
    image = head_picture(0, 160, 120)
    alpha = np.where((image == 90).all(axis=2), 0, 255).astype(np.uint8)
    Image.fromarray(np.dstack([image, alpha])).save(tmp_path / "cut-out.png")
    assert edit(tmp_path / "cut-out.png", "--yaw", 5, "-o", tmp_path / "out.png") == 0
    _, kept = read_image(tmp_path / "out.png")
    assert kept is not None
    assert not kept[:10].any()
    assert kept.max() == 255


def test_a_video_by_key_frames(portrait: Path, tmp_path: Path):
    out = tmp_path / "out.mp4"
    keys = ["--key", "0:yaw=-15", "--key", "0.4:yaw=15,gaze-x=0.5"]
    assert edit(portrait, "--blink-left", 1, *keys, "-o", out) == 0
    with VideoReader(out) as reader:
        frames = list(reader)
    assert [frame.seconds for frame in frames] == [Fraction(i, 25) for i in range(11)]
    assert np.abs(frames[0].image.astype(int) - frames[-1].image).max() > 8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to change"),
        (["--yaw", "200"], "give a value between -90 and 90"),
        (["--blink", "nan"], "blink nan"),
        (["--key", "yaw=3"], "write TIME:CONTROL=X"),
        (["--key", "0:yaw=much"], "write TIME:CONTROL=X"),
        (["--key", "0:wink=1"], "wink: there is no such control"),
        (["--key", "soon:yaw=1"], "soon: not a time"),
        (["--yaw", "3", "-o", "{}/out.jpg"], "end in .png"),
        (["--key", "0:yaw=1", "-o", "{}/out.png"], "end in .mp4"),
        (["--yaw", "3", "-o", "{}/portrait.png", "--overwrite"], "an input"),
        (["--yaw", "3", "-o", "{}/none/out.png"], "does not exist"),
    ],
)
def test_bad_input_is_one_sentence(portrait: Path, tmp_path: Path, capsys: Capture, arguments, words: str):
    given = [argument.format(tmp_path) for argument in arguments]
    out = [] if "-o" in given else ["-o", tmp_path / ("out.mp4" if "--key" in given else "out.png")]
    assert edit(portrait, *given, *out) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert words in line
    assert [path.name for path in tmp_path.iterdir()] == ["portrait.png"]


def test_a_picture_without_a_face(tmp_path: Path, grey_picture: Picture, capsys: Capture):
    Image.fromarray(grey_picture(0)).save(tmp_path / "grey.png")
    assert edit(tmp_path / "grey.png", "--yaw", 3, "-o", tmp_path / "out.png") == 2
    assert "no face found" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["grey.png"]


@pytest.mark.slow
def test_motion_is_saved_and_given_to_another(
    portrait: Path, tmp_path: Path, make_video, head_picture: Picture, capsys: Capture
):
    clip = make_video("driving.mp4", picture=head_picture, size=(128, 128), pts=range(10), sound="aac")
    out, motion = tmp_path / "out.mp4", tmp_path / "sway.motion"
    ways = ["--only", "head,mouth", "--head", "0.8", "--reference-frame", "2", "--smoothing", "0"]
    given = [str(portrait), str(clip), "-o", str(out), "--save-motion", str(motion), *ways]
    assert animate(given) == 0
    assert motion.stat().st_size < 5000
    capsys.readouterr()
    assert animate(given) == 2
    assert "exists" in capsys.readouterr().err
    assert animate([str(portrait), str(motion), "-o", str(out), "--overwrite"]) == 0
    with VideoReader(out) as reader:
        assert len(list(reader)) == 10
    assert animate([str(portrait), "nod", "-o", str(out), "--overwrite", "--end", "0.2"]) == 0
    with VideoReader(out) as reader:
        assert len(list(reader)) == 5
    capsys.readouterr()
    assert animate([str(portrait), "wave", "-o", str(out), "--overwrite"]) == 2
    assert "wave: no such file" in capsys.readouterr().err
    for bad, words in (["--only", "ear"], "no such part"), (["--reference-frame", "99"], "0 to 9"):
        assert animate([str(portrait), str(clip), "-o", str(out), "--overwrite", *bad]) == 2
        assert words in capsys.readouterr().err
