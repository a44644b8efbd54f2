"""A run is evaluated while it trains: the best by a figure is kept, and a run that gets no better stops."""

import json
from dataclasses import replace

import pytest
import torch
from gfla.animate.errors import InputError
from gfla.models import CONFIGS as NETWORKS
from gfla.models import load_generator
from gfla.train.config import TINY
from gfla.train.evaluation.follow import follow
from gfla.train.record.checkpoint import averaged_network
from gfla.train.record.evaluations import Evaluations
from gfla.train.trainer import Trainer


def trainer_of(drawn, out, **changes):
    stage = replace(TINY.stages[1], steps=60, batch=1, landmarks=0.0)
    config = replace(TINY, stages=(stage,), **changes)
    return Trainer(NETWORKS["face-tiny"], config, drawn, out, None, "cpu")


def test_the_best_is_known_by_its_figure(tmp_path):
    evaluations = Evaluations(tmp_path)
    assert [evaluations.add(step, "l1", {"l1": l1}) for step, l1 in ((1, 0.5), (2, 0.3), (3, 0.4))] == [
        1,
        1,
        0,
    ]
    assert evaluations.since_best() == 1
    other = Evaluations(tmp_path / "..")
    assert (other.best(), other.since_best()) == (None, 0)
    evaluations.add(4, "psnr", {"psnr": 20.0, "l1": 0.6})
    assert (evaluations.best() or {})["step"] == 4, "only this one has the figure; more is better"
    ratios = (0.6, 0.95, 1.4)
    better = [evaluations.add(5 + n, "sharpness", {"sharpness": ratio}) for n, ratio in enumerate(ratios)]
    assert better == [True, True, False], "the truth's own sharpness is best, not the blurriest output"
    with pytest.raises(InputError, match="--figure fid: it was not measured; choose of l1"):
        evaluations.add(5, "fid", {"l1": 0.1})


@pytest.mark.slow
def test_each_checkpoint_is_measured_and_the_best_kept(drawn, tmp_path, monkeypatch):
    run, report = tmp_path / "run", tmp_path / "report"
    report.mkdir()
    run.mkdir()
    trainer, said, values = trainer_of(drawn, run), [], iter((0.3, 0.2, 0.4))
    nets = []

    def save(step):
        with torch.no_grad():
            next(trainer.average.parameters()).add_(1.0)
        trainer.step = step
        trainer.save()
        nets.append(next(trainer.average.parameters()).clone())

    def measure(weights):
        assert torch.allclose(next(load_generator(weights).parameters()), nets[-1], atol=2e-3)
        if trainer.step < 60:
            save(trainer.step + 20)  # training goes on meanwhile
        return {"l1": next(values)}

    save(20)
    follow(run, report, "l1", measure, said.append)
    assert said == [
        "step 20: l1 0.3000, the best so far",
        "step 40: l1 0.2000, the best so far",
        "step 60: l1 0.4000",
    ]
    assert torch.allclose(next(load_generator(run / "best.safetensors").parameters()), nets[1], atol=2e-3)
    assert averaged_network(trainer.checkpoint)[1:] == (60, 60)
    assert not list(report.iterdir())


@pytest.mark.slow
def test_a_run_that_gets_no_better_stops_by_itself(drawn, tmp_path):
    trainer = trainer_of(drawn, tmp_path, patience=2)
    evaluations = Evaluations(tmp_path)
    for step, l1 in ((1, 0.3), (2, 0.4), (3, 0.5)):
        evaluations.add(step, "l1", {"l1": l1})
    trainer.train()
    assert (trainer.step, trainer.stalled) == (20, True)
    assert json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])["step"] == 20
    assert averaged_network(trainer.checkpoint)[1] == 20
