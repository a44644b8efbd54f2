"""Curves go to other libraries too, played by modules of their names; a resumed run is one run there."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from gfla.animate.errors import InputError
from gfla.train.record import tracking
from gfla.train.record.journal import LOG_STEPS, Journal


@pytest.fixture
def played(monkeypatch):
    """wandb and mlflow as modules that write down what they are told."""
    said: list[tuple] = []
    wandb, mlflow = ModuleType("wandb"), ModuleType("mlflow")

    def init(**settings):
        said.append(("init", settings["id"], settings["resume"]))
        return SimpleNamespace(
            id=settings["id"] or "abc",
            log=lambda values, step: said.append(("log", values, step)),
            finish=lambda: said.append(("finish",)),
        )

    wandb.__dict__.update(init=init, Image=lambda grid: grid.shape)
    mlflow.__dict__.update(
        start_run=lambda run_id, run_name: SimpleNamespace(info=SimpleNamespace(run_id=run_id or "r1")),
        log_metrics=lambda values, step: said.append(("log", values, step)),
        log_image=lambda grid, name: said.append(("image", grid.shape, name)),
        end_run=lambda: said.append(("finish",)),
    )
    for module in (wandb, mlflow):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(tracking, "find_spec", lambda name: None if name == "tensorboard" else object())
    return said


@pytest.mark.parametrize("name", tracking.TRACKERS)
def test_a_window_and_a_picture_are_shown(name, played, tmp_path):
    with Journal(tmp_path, 0, [], first=True, tracking=name) as journal:
        for step in range(1, LOG_STEPS + 1):
            journal.add(step, "image", {"l1": np.float32(0.5)}, 1)  # pyright: ignore[reportArgumentType]
        journal.picture(LOG_STEPS, np.zeros((2, 3, 3), np.uint8))
    values = {"image/l1": 0.5, "image/samples_per_second": 0.0, "image/loading": 0.0}
    assert ("log", values, LOG_STEPS) in played
    assert played[-1] == ("finish",)
    assert ("image", (2, 3, 3), "samples/0000020.png") in played or (
        "log",
        {"samples": (2, 3, 3)},
        20,
    ) in played


def test_a_resumed_run_goes_on_in_the_same_one(played, tmp_path):
    for _ in range(2):
        with Journal(tmp_path, 0, [], first=True, tracking="wandb"):
            pass
    assert [call for call in played if call[0] == "init"] == [
        ("init", None, "allow"),
        ("init", "abc", "allow"),
    ]


def test_one_that_refuses_is_one_sentence(played, tmp_path, monkeypatch):
    def refuse(**_):
        raise RuntimeError("no API key\nmore")

    monkeypatch.setattr(sys.modules["wandb"], "init", refuse)
    with pytest.raises(InputError, match=r"^--tracking wandb: the run cannot be opened \(no API key\)\.$"):
        tracking.open_trackers("wandb", tmp_path, 0)
