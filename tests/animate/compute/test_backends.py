"""Which back end computes: what does not go together is one sentence, and the choice is on record."""

from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import gfla.animate
import numpy as np
import pytest
import torch
from gfla.animate import Animator, InputError, VideoReader
from gfla.animate.animator import rehearse
from gfla.animate.cli.animate import main
from gfla.animate.compute.backends import _EIGHT_BITS, compile_for_backend, place
from gfla.animate.compute.calibration import calibration_scenes
from gfla.animate.options import AnimateOptions
from gfla.models import CONFIGS, Generator
from gfla.models.attention_flow import AttentionFlow


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path):
    monkeypatch.setattr("gfla.animate.compute.backends.find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"--backend openvino: it needs OpenVINO; .*pip install 'gfla\[export\]'"
    ):
        Animator.from_pretrained(backend="openvino")
    assets = Path(gfla.animate.__file__).parent / "assets"
    files = [str(assets / "astronaut.jpg"), str(assets / "driver.mp4"), "-o", str(tmp_path / "out.mp4")]
    assert main([*files, "--backend", "openvino"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].endswith("pip install 'gfla[export]'.")
    assert not (tmp_path / "out.mp4").exists()


def test_it_computes_on_the_cpu(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(
        InputError, match="--backend openvino: it computes on the CPU; leave --device cuda out"
    ):
        place("openvino", "cuda")
    with pytest.raises(InputError, match="--backend caffe: unknown; take auto or torch or openvino"):
        place("caffe", "auto")
    monkeypatch.setattr("gfla.animate.compute.backends.find_spec", lambda name: object())
    monkeypatch.setattr("gfla.animate.compute.backends.has_amx", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr("gfla.animate.compute.devices.device_faults", lambda device: [])
    assert place("openvino", "auto").device == "cpu"  # a GPU is there, and is left alone
    assert place("torch", "cpu") == ("cpu", "torch", "as asked")
    assert place("auto", "auto")[:2] == ("cuda", "torch")


@pytest.mark.parametrize(
    ("machine", "installed", "expected"),
    [
        ("x86_64 with AMX", True, ("cpu", "torch", "as asked; with AMX torch is as fast as OpenVINO")),
        ("x86_64", True, ("cpu", "openvino", "as asked; OpenVINO in eight bits is faster than torch")),
        ("AMD64", True, ("cpu", "openvino", "as asked; OpenVINO in eight bits is faster than torch")),
        ("arm64", True, ("cpu", "openvino", "as asked; OpenVINO in eight bits is faster than torch")),
        ("riscv64", True, ("cpu", "torch", "as asked")),
        (
            "x86_64",
            False,
            ("cpu", "torch", "as asked; OpenVINO would be faster, but is not installed"),
        ),
    ],
)
def test_auto_takes_openvino_where_a_cpu_computes_and_it_is_there(
    monkeypatch: pytest.MonkeyPatch, machine: str, installed: bool, expected: tuple
):
    found = object() if installed else None
    monkeypatch.setattr("gfla.animate.compute.backends.find_spec", lambda name: found)
    monkeypatch.setattr("gfla.animate.compute.backends._EIGHT_BITS", _EIGHT_BITS)
    monkeypatch.setattr("platform.machine", lambda: machine.split()[0])
    monkeypatch.setattr("gfla.animate.compute.backends.has_amx", lambda: "AMX" in machine)
    assert place("auto", "cpu") == expected


def test_auto_leaves_a_model_that_has_no_other_form_to_torch(monkeypatch: pytest.MonkeyPatch):
    model = AttentionFlow(CONFIGS["face-tiny-attention-flow"])  # type: ignore[arg-type]
    monkeypatch.setattr("gfla.animate.animator.load_generator", lambda *_: model)
    monkeypatch.setattr("gfla.animate.compute.backends.find_spec", lambda name: object())
    monkeypatch.setattr("gfla.animate.compute.backends.has_amx", lambda: False)
    monkeypatch.setattr("gfla.animate.compute.backends._EIGHT_BITS", _EIGHT_BITS)
    monkeypatch.setattr("gfla.animate.animator.load_closeups", lambda _: Generator(CONFIGS["closeup-tiny"]))
    assert Animator.from_pretrained("theirs", "cpu").computed_by()["backend"] == "torch"


def test_another_model_has_no_other_form():
    model = AttentionFlow(CONFIGS["face-tiny-attention-flow"])  # type: ignore[arg-type]
    assert compile_for_backend(model, "torch", "theirs", rehearse) is model
    with pytest.raises(InputError, match="theirs: --backend openvino: not for the model of these weights"):
        compile_for_backend(model, "openvino", "theirs", rehearse)


@pytest.mark.long
@pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not installed")
def test_eight_bits_are_within_the_model_card_s_margin():
    """Face and close-ups of the shipped portrait: .15 levels of 255 from float32 in the card, torch's own
    half precision .07; and nothing anywhere that an eye would find."""
    assets = Path(gfla.animate.__file__).parent / "assets"
    pictures = []
    for backend in ("torch", "openvino"):
        animator = Animator.from_pretrained(device="cpu", backend=backend)
        if backend == "torch":
            animator.networks.precision = torch.float32
        state, closeups = animator.prepare(assets / "astronaut.jpg", AnimateOptions(crop_only=True)), 0
        with VideoReader(assets / "driver.mp4", end=0.8) as driver:
            for driving in islice(driver, 0, None, 3):
                frame, state = animator.step(driving, state)
                closeups += len(state.drawing.closeups) if state.drawing else 0
                pictures.append(frame.image.astype(np.int16))
        assert closeups > 3
    exact, near = np.split(np.stack(pictures), 2)
    apart = np.abs(near - exact)
    assert 0.01 < apart.mean() < 0.3
    assert np.percentile(apart, 99.9) <= 6


def test_the_choice_is_on_record(landmarker):
    animator = Animator(Generator(CONFIGS["face-tiny"]), landmarker, backend="openvino")
    animator.networks.precision = torch.bfloat16
    assert animator.computed_by() == {"device": "cpu", "precision": "bfloat16", "backend": "openvino"}


@pytest.mark.slow
@pytest.mark.parametrize("count", [4, pytest.param(200, marks=pytest.mark.long)])
def test_a_rehearsal_has_every_part_of_a_frame_with_a_frame_before(
    monkeypatch: pytest.MonkeyPatch, count: int
):
    """In every scene, of which the short form takes `count` frames."""
    scenes = [(source, list(islice(frames, count))) for source, frames in calibration_scenes()]
    monkeypatch.setattr("gfla.animate.animator.calibration_scenes", lambda: scenes)
    generator = Generator(CONFIGS["face-tiny"]).eval()
    frame, before = generator.frame, []
    monkeypatch.setattr(generator, "frame", lambda a, r, p: before.append(len(p)) or frame(a, r, p))
    rehearse(generator)
    assert len(before) > min(3 * len(scenes), 100)
    assert 5 <= before.count(0) <= 10  # a stream a portrait
