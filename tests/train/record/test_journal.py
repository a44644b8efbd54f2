"""The record of a run: cut where a killed run left off, and stopping a run that went wrong; what is shown."""

import json
import resource
from dataclasses import replace

import pytest
import torch
from gfla.models import CONFIGS as NETWORKS
from gfla.train.config import TINY
from gfla.train.data.faces import FaceSamples, Sampler
from gfla.train.data.index import load_clips
from gfla.train.record import journal as module
from gfla.train.record.journal import Journal
from gfla.train.trainer import Trainer


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(module, "LOG_STEPS", 2)
    monkeypatch.setattr("gfla.train.record.tracking.find_spec", lambda name: None)


def test_windows_are_means_and_a_resumed_record_goes_on(short, tmp_path):
    def terms(value):
        return {"l1": torch.tensor(float(value))}

    with Journal(tmp_path, 0, [], first=True) as journal:
        for step in range(1, 6):
            journal.add(step, "image", terms(step), 4)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 6, "stage": "im')
    with Journal(tmp_path, 3, [{"l1": 3.0}], first=True) as journal:  # its checkpoint was at step 3
        journal.add(4, "image", terms(40), 4)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["l1"]) for line in lines] == [(2, 1.5), (4, 21.5)]
    assert "samples_per_second" in lines[0]


def test_divergence_is_a_sentence_and_no_checkpoint(short, tmp_path):
    with Journal(tmp_path, 0, [], first=True) as journal:
        for step in range(1, 9):
            journal.add(step, "image", {"l1": torch.tensor(0.1)}, 1)
        journal.add(9, "image", {"l1": torch.tensor(3.0)}, 1)
        assert not journal.healthy("image")
        with pytest.raises(FloatingPointError, match="diverged at step 10"):
            journal.add(10, "image", {"l1": torch.tensor(3.0)}, 1)
        journal.recent.clear()
        journal.add(11, "image", {"l1": torch.tensor(0.12)}, 1)
        assert journal.healthy("image")


def test_a_resumed_run_knows_what_was_healthy(short, tmp_path):
    with Journal(tmp_path, 0, [], first=True) as journal:
        for step in range(1, 9):
            journal.add(step, "image", {"l1": torch.tensor(0.1)}, 1)
    for first in (False, True):  # every process of a group
        with Journal(tmp_path, 6, [], first=first) as journal:
            journal.add(7, "image", {"l1": torch.tensor(3.0)}, 1)
            with pytest.raises(FloatingPointError, match="diverged at step 8"):
                journal.add(8, "image", {"l1": torch.tensor(3.0)}, 1)


@pytest.mark.slow
def test_a_run_that_diverges_in_its_last_steps_is_not_kept(short, drawn, tmp_path, monkeypatch):
    """Seven steps are three windows of two and an open one, which alone is bad."""
    stage = replace(TINY.stages[1], steps=7, batch=1, correctness=0.0, style=0.0)
    config = replace(TINY, stages=(stage,))
    trainer = Trainer(NETWORKS["face-tiny"], config, drawn, tmp_path, None, "cpu")

    def played(stage, terms):
        return {"l1": torch.tensor(0.1 if trainer.step < 6 else 3.0)}

    monkeypatch.setattr(trainer, "_step", played)
    with pytest.raises(FloatingPointError, match="diverged at step 7"):
        trainer.train()
    assert not trainer.checkpoint.exists()
    assert not (tmp_path / "generator.safetensors").exists()


@pytest.mark.slow
def test_no_finite_number_stops_and_keeps_the_checkpoint(drawn, squeezenet, tmp_path):
    trainer = Trainer(NETWORKS["face-tiny"], TINY, drawn, tmp_path, squeezenet, "cpu")
    trainer.save()
    before = trainer.checkpoint.read_bytes()
    clips, _ = load_clips(drawn, "train")
    sampler = Sampler(clips, 1, FaceSamples(1, 64, edges=False), 0)
    stage = replace(TINY.stages[1], l1=float("nan"), batch=1)
    with pytest.raises(FloatingPointError, match="not finite at step 1"):
        next(trainer.sample_steps(stage, sampler(0)))
    assert trainer.checkpoint.read_bytes() == before


def test_a_full_disk_is_a_sentence_and_keeps_the_checkpoint(drawn, squeezenet, tmp_path):
    trainer = Trainer(NETWORKS["face-tiny"], TINY, drawn, tmp_path, squeezenet, "cpu")
    trainer.save()
    before = trainer.checkpoint.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError, match="cannot be written"):
            trainer.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert trainer.checkpoint.read_bytes() == before
    assert not list(tmp_path.glob("*.part*"))
