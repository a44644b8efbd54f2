"""Where an output comes from can be read in it, beside it and on it."""

import hashlib
import json
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from gfla.animate import Animator, Frame
from gfla.animate.cli.live import main as live
from gfla.animate.declare import option_values
from gfla.animate.options import AnimateOptions, ModelOptions, MotionOptions
from gfla.animate.streaming.job import Job
from gfla.animate.streaming.provenance import labelled, tag, weights_hash, write_sidecar
from gfla.models import CONFIGS, Generator
from gfla.models.weights import save_generator


def test_the_tag_names_software_and_weights(tmp_path: Path):
    torch.manual_seed(0)
    save_generator(tmp_path / "w.safetensors", Generator(CONFIGS["face-tiny"]))
    found = hashlib.sha256((tmp_path / "w.safetensors").read_bytes()).hexdigest()
    said = tag(str(tmp_path / "w.safetensors"))
    assert "Synthetic" in said
    assert "gfla" in said
    assert found in said
    assert weights_hash("in memory") is None
    assert "sha256" not in tag("in memory")
    assert "unnamed" in tag("")


def test_the_sidecar_holds_hashes_and_settings(tmp_path: Path):
    for name in ("a.png", "b.mp4", "out.mp4"):
        (tmp_path / name).write_text(name)
    options = AnimateOptions(motion=MotionOptions("copy"), start=Fraction(3, 2))
    job = Job(tmp_path / "a.png", tmp_path / "b.mp4", tmp_path / "out.mp4", options)
    path = write_sidecar(job, "face-256", {"device": "cpu"})
    assert path == tmp_path / "out.mp4.json"
    told = json.loads(path.read_text())
    assert told["synthetic"] is True
    assert told["source"] == {
        "path": str(tmp_path / "a.png"),
        "sha256": hashlib.sha256(b"a.png").hexdigest(),
    }
    assert told["output"]["sha256"] == hashlib.sha256(b"out.mp4").hexdigest()
    assert len(told["weights"]["sha256"]) == 64
    assert told["settings"]["motion"] == "copy"
    values = option_values(AnimateOptions()) | option_values(ModelOptions())
    assert set(told["settings"]) == set(values) - {"overwrite", "sidecar"}
    assert told["settings"]["start"] == "3/2"
    assert told["computed"] == {"device": "cpu"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.mp4", "out.mp4", "out.mp4.json"]


@pytest.mark.parametrize("size", [(64, 64), (1280, 720), (40, 300), (90, 20)])
def test_the_label_is_in_the_corner_and_nowhere_else(
    size: tuple[int, int], moving_picture: Callable[..., np.ndarray]
):
    image = moving_picture(3, *size)
    frame = Frame(image.copy(), 5, Fraction(1, 25), alpha=np.zeros(image.shape[:2], np.uint8))
    out = labelled(frame)
    assert np.array_equal(frame.image, image)
    assert (out.pts, out.image.shape) == (5, image.shape)
    changed = np.argwhere((out.image != image).any(axis=2))
    top, left = changed.min(axis=0)
    bottom, right = changed.max(axis=0)
    assert left == 0
    assert bottom == size[1] - 1
    assert right - left > 0.25 * min(size)
    assert bottom - top < 0.25 * max(size)
    assert (out.image[top:, :right] > 200).any()
    assert out.alpha is not None
    assert (out.alpha[top:, :right] == 255).all()


@pytest.mark.parametrize("sink", ["udp://127.0.0.1:9", "rtmp://127.0.0.1/live", "-", "%05d.png", None])
def test_live_takes_a_sidecar_beside_a_file_alone(
    portrait: Path, make_video, capsys: pytest.CaptureFixture[str], sink: str | None
):
    """Before anything is loaded or sent: an address has no place for it."""
    clip = make_video("clip.mp4", pts=range(3))
    beside = ["--sink", sink] if sink else []
    assert live([str(portrait), str(clip), *beside, "--sidecar"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert re.search(r"--sidecar:? (goes beside one file|it goes beside a file)", said)


@pytest.mark.slow
def test_a_live_recording_has_a_label_and_a_sidecar(
    portrait: Path, make_video, head_picture, landmarker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    animator = Animator(Generator(CONFIGS["face-tiny"]), landmarker, name="face-tiny", reason="a test")
    monkeypatch.setattr(Animator, "from_pretrained", lambda *_, **__: animator)
    clip, out = (
        make_video("clip.mp4", picture=head_picture, size=(128, 128), pts=range(10)),
        tmp_path / "o.mp4",
    )
    assert live([str(portrait), str(clip), "--sink", str(out), "--label", "--sidecar"]) == 0
    told = json.loads((tmp_path / "o.mp4.json").read_text())
    assert (told["synthetic"], told["settings"]["label"]) == (True, True)
