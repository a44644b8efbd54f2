"""Training runs end to end from one command on drawn faces, resumes, and says what is wrong."""

import json

import numpy as np
import pytest
import torch
from gfla.animate.ibug68 import MIRROR
from gfla.models import load_generator
from gfla.train.cli import main
from gfla.train.data.faces import FaceSamples, Sampler
from gfla.train.data.flow_teacher import teach_flow
from gfla.train.data.index import load_clips
from gfla.train.data.reading.workers import read_ahead
from gfla.train.losses.perceptual import PerceptualFeatures, perceptual_distance


def train(data, perceptual, out, *more):
    command = [
        "--config",
        "face-tiny",
        "--data",
        str(data),
        "--perceptual",
        str(perceptual),
        "--workers",
        "0",
    ]
    return main([*command, "--out", str(out), *more])


@pytest.mark.slow
def test_a_short_run_goes_through_every_stage_and_resumes(drawn, squeezenet, tmp_path):
    assert train(drawn, squeezenet, tmp_path, "--steps", "20") == 0
    log = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert log[-1] | {"step": 20, "stage": "video"} == log[-1]
    assert {"l1", "perceptual", "flow", "adversarial", "temporal", "critic"} <= log[-1].keys()
    before = load_generator(tmp_path / "generator.safetensors")
    assert train(drawn, squeezenet, tmp_path, "--resume") == 0
    after = load_generator(tmp_path / "generator.safetensors")
    steps = [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps))
    assert steps[-1] == 40
    assert any(not torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True)), (
        "the resumed run learnt nothing"
    )


def test_bad_input_is_one_sentence_and_exit_code_2(drawn, squeezenet, tmp_path, capsys):
    assert train(tmp_path / "nothing", squeezenet, tmp_path / "run") == 2
    assert "index.csv" in capsys.readouterr().err
    assert train(drawn, tmp_path / "none.safetensors", tmp_path / "run") == 2
    assert "none.safetensors" in capsys.readouterr().err
    assert train(drawn, squeezenet, tmp_path / "run", "--steps", "0") == 2
    assert "--steps 0: a run has at least one step" in capsys.readouterr().err


@pytest.mark.parametrize("device", ["banana", "cuda"])
def test_a_device_that_is_not_there_is_one_sentence(device, drawn, squeezenet, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert train(drawn, squeezenet, tmp_path / "run", "--device", device) == 2
    assert f"--device {device}: " in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_samples_depend_on_seed_and_step_alone(drawn, workers):
    clips, _ = load_clips(drawn, "train", mattes=True)
    one = Sampler(clips, 2, FaceSamples(3, 64), seed=7)
    ahead = list(read_ahead(Sampler(clips, 2, FaceSamples(3, 64), seed=7), 3, 6, workers, lambda _: None))
    for step, batch in enumerate(ahead, start=3):
        for a, b in zip(one(step), batch, strict=True):
            assert np.array_equal(np.asarray(a), np.asarray(b))
    assert ahead[0].images.shape == (2, 4, 3, 64, 64)
    assert ahead[0].points.shape == (2, 4, 70, 2)
    assert ahead[0].flow.shape == (2, 3, 2, 16, 16)
    assert not torch.equal(ahead[0].images, ahead[1].images)


def test_mirroring_twice_is_nothing():
    assert np.array_equal(MIRROR[MIRROR], np.arange(70))


def test_the_teacher_finds_a_known_shift():
    """A picture moved 6 px right is found 6 px to the left, wherever there is texture."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (64, 64, 3)).astype(np.float32)
    picture = np.repeat(np.repeat(coarse, 4, 0), 4, 1)
    kernel = np.hanning(9) / np.hanning(9).sum()
    for axis in (0, 1):
        picture = np.apply_along_axis(lambda line: np.convolve(line, kernel, "same"), axis, picture)
    picture = picture.astype(np.uint8)
    moved = np.roll(picture, 6, axis=1)
    points = rng.uniform(60, 190, (1, 68, 2)).astype(np.float32)
    flow, weight, fine = teach_flow(np.stack((picture, moved)), np.concatenate((points, points)))
    inner = flow[0][:, 16:48, 16:48]
    assert np.median(inner[0]) == pytest.approx(-6, abs=0.5)
    assert np.median(inner[1]) == pytest.approx(0, abs=0.5)
    assert weight[0, 0, 16:48, 16:48].mean() > 0.7
    # Equal landmarks say that nothing moved: all of the shift is fine motion, up to the largest.
    assert np.median(fine[0, 0, 16:48, 16:48]) == pytest.approx(-6, abs=0.5)


def test_perceptual_distance_is_zero_for_equals_and_grows(squeezenet):
    net = PerceptualFeatures(squeezenet)
    a = torch.rand(1, 3, 96, 96) * 2 - 1
    near, far = a + 0.05 * torch.randn_like(a), torch.rand(1, 3, 96, 96) * 2 - 1
    distances = [float(perceptual_distance(net(b), net(a))) for b in (a, near, far)]
    assert distances[0] == 0
    assert distances[0] < distances[1] < distances[2]
