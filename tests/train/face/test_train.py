"""The tracker's training: shut eyes are drawn more often and weigh more; an aligner can go on alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from gfla.animate.synthetic.talking_head import Pose, TalkingHead
from gfla.models.tracker import WEIGHTS
from gfla.models.weights import read_weights
from gfla.train.face import evaluate as evaluate_tracker
from gfla.train.face import train as training
from gfla.train.face.faces import Face, FaceSet, eye_opening
from gfla.train.face.samples import Sampler, texture


def face(blink: float) -> Face:
    drawn = TalkingHead(3).render(Pose(blink=blink))
    return Face(drawn.image, np.concatenate([drawn.points, drawn.iris]).astype(np.float32), 0.0)


@pytest.fixture(scope="module")
def faces() -> FaceSet:
    """One person, one frame of ten with shut eyes."""
    person = [face(0.0)] * 9 + [face(1.0)]
    return FaceSet([person], [], [texture(np.random.default_rng(0), 192)])


def test_the_less_open_eye_counts(faces: FaceSet):
    open_, shut = faces.people[0][0].points, faces.people[0][-1].points
    wink = open_.copy()
    wink[36:42] = shut[36:42]
    values = eye_opening(np.stack([open_, wink, shut]))
    assert values[1] == pytest.approx(values[2], rel=0.2)
    assert values[1] < 0.4 * values[0]


def test_shut_eyes_are_drawn_more_often_than_they_are(faces: FaceSet):
    sampler = Sampler(faces, seed=0, crop=64)
    opening = np.array([float(eye_opening(sampler.face().points)) for _ in range(200)])
    shut = (opening < opening.max() / 2).mean()
    assert 0.2 < shut < 0.5  # one in ten of the frames


def test_a_lid_that_is_off_costs_more_than_a_jaw_that_is():
    torch.manual_seed(0)
    truth = 20 + 70 * torch.rand(2, 70, 2)
    heat, score, real = torch.zeros(2, 70, 28, 28), torch.zeros(2), torch.ones(2)

    def gaps(points: torch.Tensor, real: torch.Tensor = real) -> float:
        return float(training.aligner_loss(points, score, heat, truth, real, 4)["gaps"])

    moved, together, jaw = truth.clone(), truth.clone(), truth.clone()
    moved[:, 37, 1] += 2
    together[:, [37, 41], 1] += 2
    jaw[:, 5, 1] += 2
    least = gaps(truth)
    assert gaps(moved) > 1.5 * least
    assert gaps(together) == gaps(jaw) == pytest.approx(least)
    assert gaps(moved, torch.zeros(2)) == 0  # no face, nothing to learn


@pytest.mark.slow
def test_an_aligner_is_trained_further_and_alone(faces: FaceSet, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(training, "load_faces", lambda data: faces)
    monkeypatch.setattr(training, "ALIGNED", 4)
    training.train(tmp_path, tmp_path / "run", 2, False, "cpu", WEIGHTS)
    training.train(tmp_path, tmp_path / "run", 3, True, "cpu", WEIGHTS)
    before, _ = read_weights(WEIGHTS)
    after, _ = read_weights(tmp_path / "run" / "tracker.safetensors")
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"aligner"}


@pytest.mark.parametrize("module", [training, evaluate_tracker])
def test_the_usage_says_how_it_is_called(module, monkeypatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("sys.argv", ["x", "--help"])
    with pytest.raises(SystemExit):
        module.main()
    assert capsys.readouterr().out.startswith(f"usage: python -m {module.__name__} ")
