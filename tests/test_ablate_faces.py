"""Every face variant trains from one flow checkpoint, is scored on val, and is not trained twice."""

from dataclasses import replace

import numpy as np
from gfla.models import CONFIGS
from gfla.train.ablate_faces import VARIANTS, ablate_faces, main
from gfla.train.config import FACE

SCHEDULE = FACE.scaled(6)
SCHEDULE = replace(
    SCHEDULE, stages=tuple(replace(s, batch=1, length=3 * (s.length > 1) or 1) for s in SCHEDULE.stages)
)


def test_all_variants_are_trained_and_scored_once(drawn, squeezenet, tmp_path):
    network = CONFIGS["face-tiny"]
    table = ablate_faces(drawn, tmp_path, squeezenet, SCHEDULE, network, seeds=1)
    names = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    assert names == [variant.name for variant in VARIANTS]
    numbers = [line.split("|")[4].split("±")[0] for line in table.splitlines()[2:]]
    assert len(set(numbers)) == len(VARIANTS), "no two variants are one and the same"
    assert np.isfinite([float(number) for number in numbers]).all()
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("scores.*.json")}
    assert len(files) == len(VARIANTS)
    assert ablate_faces(drawn, tmp_path, squeezenet, SCHEDULE, network, seeds=1) == table
    assert files == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("scores.*.json")}


def test_bad_input_is_a_sentence(tmp_path, capsys):
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "o")]) == 2
    assert "index.csv" in capsys.readouterr().err
