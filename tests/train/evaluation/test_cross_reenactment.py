"""The measure of cross-reenactment: shapes of people, correlations of motion, and a whole small run."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from gfla.animate import Animator
from gfla.animate.face.landmarkers import load_landmarker
from gfla.animate.face.morphable_model import Faces, draw, load_face_model, rotation
from gfla.models import CONFIGS, Generator
from gfla.train.evaluation import cross_reenactment as evaluate_motion
from gfla.train.evaluation.motion_scores import COLUMNS, distance, fit_track, follows, report


def test_motion_is_seen_as_it_was():
    model = load_face_model()
    yaw, mouth = 15 * np.sin(np.arange(40) / 5), np.clip(np.sin(np.arange(40) / 3), 0, 1)
    expression = np.zeros((40, len(model.names)))
    expression[:, model.names.index("mouth_open")] = mouth
    turn = rotation(np.stack([yaw, 0 * yaw, 0 * yaw], 1))
    points = draw(
        model.mean, Faces(turn, np.full(40, 50.0), np.full((40, 2), 128.0), expression), model.expression
    )
    track = fit_track(points)
    truth = np.column_stack([yaw, 0 * yaw, 0 * yaw, mouth, 0 * yaw])
    found, gains = follows(track.motion, truth)
    assert found[0] is not None
    assert found[0] > 0.99
    assert found[3] is not None
    assert found[3] > 0.98
    assert [found[i] for i in (1, 2, 4)] == [gains[i] for i in (1, 2, 4)] == [None] * 3
    assert gains[0] == pytest.approx(1, abs=0.03)
    assert distance(track.shape, model.mean) < 0.02


def test_what_stands_still_follows_nothing():
    driving = np.column_stack([np.sin(np.arange(40)) * 20] * 5)
    assert follows(np.zeros((40, 5)), driving) == ([0.0] * 5, [0.0] * 5)


def test_what_follows_by_half_has_half_the_gain():
    driving = np.column_stack([np.sin(np.arange(40)) * 20] * 5)
    correlations, gains = follows(3 - driving / 2, driving)
    assert correlations == pytest.approx([-1] * 5)
    assert gains == pytest.approx([0.5] * 5)


def test_the_report_says_what_is_met():
    result: dict = {"floor": 0.01, "between people": 0.04, "relative": 0.02, "copy": 0.03}
    result["lost"] = {"relative": 0, "copy": 2}
    rows = {"a": [0.95, 0.5, None, 0.95, 0.8], "b": [0.95, 0.6, None, 0.95, 0.8]}
    result["gains"] = [1.1, 0.7, None, 0.9, 1.0]
    result |= {"shut mouths": {"pairs": 3, "median": 0.5}, "sharpness": [0.8, 0.75]}
    text = report({**result, "followed": rows, "of pairs": [0.97, 0.7, None, 0.96, 0.9]})
    assert text.count("MISSED") == 3  # identity, pitch and its gain
    assert "pitch  gain: 0.70  MISSED: 0.85 to 1.15" in text
    assert "shut: 0.50 (3 pairs)" in text
    assert "face 0.80, all 0.75" in text
    assert "strangers): relative 0, copy 2" in text
    assert "roll   no driver moves enough" in text
    assert "yaw    followed: median 0.950 over 2 drivers, least 0.950  met: 0.9; of all pairs 0.970" in text


@pytest.mark.slow
def test_a_run_over_drawn_people(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    """Two drawn people, both val: one source, one stranger to drive it; then what has no data."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "clips").symlink_to(drawn / "clips")
    (data / "index.csv").write_text((drawn / "index.csv").read_text().replace(",train,", ",val,"))
    torch.manual_seed(0)
    animator = Animator(Generator(CONFIGS["face-tiny"]), load_landmarker(), name="face-tiny")
    monkeypatch.setattr(Animator, "from_pretrained", lambda *_, **__: animator)
    out = tmp_path / "out"
    for more in (["--targets"], []):
        given = ["--data", str(data), "--out", str(out), "--count", "2", "--frames", "12", *more]
        assert evaluate_motion.main(given) == 0
        assert "relative, to the source" in capsys.readouterr().out
        result = json.loads((out / "motion.json").read_text())
        assert all(len(row) == len(COLUMNS) for row in result["followed"].values() if row)
        assert 0 < result["floor"] < 0.1
    assert (out / "sheet.png").is_file()
    assert evaluate_motion.main(["--data", str(tmp_path), "--out", str(out)]) == 2
    assert "no index.csv" in capsys.readouterr().err
