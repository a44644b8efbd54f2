"""How a run computes changes nothing but rounding: gathered batches, half precision, where the average is."""

import json
from dataclasses import replace

import pytest
import torch
from gfla.models import CONFIGS as NETWORKS
from gfla.train.cli import main
from gfla.train.config import TINY
from gfla.train.data.faces import FaceSamples, Sampler
from gfla.train.data.index import load_clips
from gfla.train.trainer import Trainer


def trainer_of(drawn, out, **changes):
    stage = replace(TINY.stages[2], steps=2, adversarial=0.0, temporal=0.0, landmarks=0.0, batch=1)
    config = replace(TINY, stages=(stage,), **{"precision": "fp32", "warmup": 1} | changes)
    return Trainer(NETWORKS["face-tiny"], config, drawn, out, None, "cpu")


@pytest.mark.slow
def test_two_gathered_batches_are_one_of_twice_the_size(drawn, tmp_path):
    clips, _ = load_clips(drawn, "train")
    halves = [Sampler(clips, 1, FaceSamples(2, 64, edges=False), 3, rank=place)(0) for place in range(2)]
    whole = Sampler(clips, 2, FaceSamples(2, 64, edges=False), 3)(0)
    weights = []
    for each, batches in ((1, [whole]), (2, halves)):
        trainer = trainer_of(drawn, tmp_path / str(each), accumulate=each)
        stage = replace(trainer.config.stages[0], length=2, chunk=1)
        means = [step.terms for step in trainer.sample_steps(stage, *batches)]
        assert len(means) == 2
        weights.append((trainer.generator.state_dict(), means))
    (one, terms), (two, gathered) = weights
    for name, value in one.items():
        assert torch.allclose(two[name], value, atol=2e-4), name
    assert float(gathered[0]["l1"]) == pytest.approx(float(terms[0]["l1"]), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_the_same_within_its_rounding(precision, drawn, tmp_path):
    clips, _ = load_clips(drawn, "train")
    batch = Sampler(clips, 1, FaceSamples(1, 64, edges=False), 3)(0)
    stage = replace(TINY.stages[2], length=1, chunk=1, batch=1, landmarks=0.0, temporal=0.0)
    found = {}
    for each in ("fp32", precision):
        trainer = trainer_of(drawn, tmp_path / each, precision=each)
        steps = []
        for _ in range(2):
            steps += [step.terms for step in trainer.sample_steps(stage, batch)]
            trainer.step += 1
        found[each] = float(steps[-1]["l1"])
        assert trainer.skipped == 0
    assert found[precision] == pytest.approx(found["fp32"], rel=0.03)
    assert found[precision] != found["fp32"]


@pytest.mark.slow
def test_the_average_may_lie_elsewhere_and_a_run_resumes_with_it(drawn, tmp_path):
    command = ["--config", "face-tiny", "--data", str(drawn), "--out", str(tmp_path / "run"), "--steps", "2"]
    assert main([*command, "--average-on-cpu", "--precision", "fp16", "--accumulate", "2"]) == 0
    kept = json.loads((tmp_path / "run" / "metrics.jsonl").read_text() or "{}")
    assert kept == {}, "two steps are no window"
    trainer = trainer_of(drawn, tmp_path / "run", precision="fp16")
    trainer.config = replace(TINY.scaled(4), precision="fp16")
    assert "continues at step 2 of 4" in trainer.resume()
    assert trainer.scaler.get_scale() > 0


@pytest.mark.slow
def test_a_dry_run_measures_and_keeps_nothing(drawn, tmp_path, capsys):
    command = ["--config", "face-tiny", "--data", str(drawn), "--out", str(tmp_path / "run"), "--steps", "40"]
    assert main([*command, "--dry-run", "--accumulate", "2"]) == 0
    text = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in text.splitlines() if line}
    for stage in TINY.scaled(40).stages:
        steps, batch = map(int, lines[stage.name][1:3])
        assert (steps, batch) == (stage.steps, 2 * stage.batch)
        assert float(lines[stage.name][3]) > 0
    assert "the whole run takes about" in text
    assert not list((tmp_path / "run").glob("*.safetensors"))


@pytest.mark.slow
def test_help_lists_the_configs_and_the_end_names_the_next_command(drawn, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert "face-256-one" in text
    assert "mattes, 256 pixels" in text
    command = ["--config", "face-tiny", "--data", str(drawn), "--out", str(tmp_path), "--steps", "1"]
    assert main(command) == 0
    assert f"next: gfla-evaluate --data {drawn} -o {tmp_path / 'report'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--accumulate", "0"], "--accumulate 0: out of range"),
        (["--steps", "0"], "--steps 0: a run has at least one step"),
        (["--tracking", "wandb"], "pip install 'gfla[wandb]'"),
    ],
)
def test_bad_options_are_one_sentence(options, says, drawn, tmp_path, capsys):
    command = ["--config", "face-tiny", "--data", str(drawn), "--out", str(tmp_path)]
    assert main([*command, *options]) == 2
    assert says in capsys.readouterr().err
