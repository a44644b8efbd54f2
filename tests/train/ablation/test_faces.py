"""Every face variant trains from one flow checkpoint, is scored on val, and is not trained twice."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch
from gfla.models import CONFIGS
from gfla.train.ablation.faces import SCHEDULE, VARIANTS, ablate_faces, main
from safetensors.torch import load_file

SHORT = replace(
    SCHEDULE, stages=tuple(replace(s, batch=1, steps=2, length=min(s.length, 3)) for s in SCHEDULE.stages)
)


def same_tensors(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.slow
@pytest.mark.parametrize("variants", [VARIANTS[4:], pytest.param(VARIANTS, marks=pytest.mark.long)], ids=len)
def test_variants_are_trained_and_scored_once(variants, drawn, squeezenet, tmp_path, monkeypatch):
    monkeypatch.setattr("gfla.train.ablation.faces.VARIANTS", variants)
    network = CONFIGS["face-tiny"]
    table = ablate_faces(drawn, tmp_path, squeezenet, SHORT, network, seeds=(0,))
    names = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    assert names == [variant.name for variant in variants]
    averages = [
        load_file(tmp_path / f"{v.name.lower().replace(' ', '-')}.0/video/checkpoint.safetensors")
        for v in variants
    ]
    kept = [{k: v for k, v in tensors.items() if k.startswith("average/")} for tensors in averages]
    same = [(a, b) for a, b in combinations(kept, 2) if same_tensors(a, b)]
    assert not same, "every variant is another"
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("scores.json")}
    assert len(files) == len(variants)
    assert ablate_faces(drawn, tmp_path, squeezenet, SHORT, network, seeds=(0,)) == table
    assert files == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("scores.json")}


def test_bad_input_is_a_sentence(tmp_path, capsys):
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "o")]) == 2
    assert "index.csv" in capsys.readouterr().err
