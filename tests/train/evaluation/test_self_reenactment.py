"""The evaluation: its table, and that every method goes through the files that are written."""

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from gfla.animate import Animator, VideoReader
from gfla.animate.options import AnimateOptions, MotionOptions
from gfla.models import Generator, load_generator
from gfla.train.cli import evaluate as main
from gfla.train.data.clips import find_dataset
from gfla.train.evaluation.self_reenactment import COLUMNS, TIMES, Evaluation, Memoryless, evaluate, table


def test_table_means_and_worst_ratio():
    def scores(value: float) -> dict[str, float]:
        return dict.fromkeys(map(str, (*COLUMNS, *TIMES)), value)

    results = {
        "copy": {"a": scores(1.0), "b": scores(3.0)},
        "spline": {"a": scores(0.5), "b": scores(1.0)},
        "ours": {"a": scores(0.25), "b": scores(1.1)},
    }
    text = table(Evaluation(scores=results))
    assert "| copy | 2.0000" in text
    assert "mean 0.800" in text
    assert "worst 1.100 (b)" in text


def test_missing_data_is_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("GFLA_DATA", raising=False)
    assert main(["--out", str(tmp_path / "out")]) == 2
    assert "GFLA_DATA" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"index\.csv"):
        find_dataset(tmp_path)
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "index.csv").write_text("file\n")
    assert find_dataset(tmp_path) == tmp_path / "faces"


def test_a_report_in_a_files_place_is_a_sentence(drawn, tmp_path, capsys):
    file = tmp_path / "report.html"
    file.touch()
    assert main(["--data", str(drawn), "-o", str(file)]) == 2
    assert "report.html: a file is where a folder should be; name another." in capsys.readouterr().err


@pytest.mark.slow
def test_drawn_people_are_evaluated_end_to_end(drawn, squeezenet, tmp_path):
    """On a drawn face the spline warp beats the copied frame, and every column is finite."""
    found = evaluate(drawn, squeezenet, tmp_path, "face-256")
    results = found.scores
    assert found.auc is None
    assert found.columns == (*COLUMNS, *TIMES)
    assert set(results) == {"copy", "spline", "re-encoded", "ours", "no previous", "edges"}
    means = {
        method: {column: np.mean([s[column] for s in clips.values()]) for column in found.columns}
        for method, clips in results.items()
    }
    assert all(np.isfinite(list(columns.values())).all() for columns in means.values())
    assert means["spline"]["l1"] < means["copy"]["l1"]
    assert means["re-encoded"]["l1"] < means["ours"]["l1"]
    assert means["re-encoded"]["akd"] < 2
    assert (tmp_path / "sheet.png").is_file()


@pytest.mark.slow
def test_without_memory_every_frame_is_the_first(drawn):
    """The evaluation's way to switch previous frames off: no network is changed for it."""
    ours = Animator.from_pretrained("face-256", device="cpu", backend="torch")
    memoryless = copy(ours)
    memoryless.networks = Memoryless(ours.networks.generator, ours.networks.landmarker, "cpu")
    with VideoReader(drawn / "clips" / "drawn000_0.mp4", end=0.12) as reader:
        frames = list(reader)
    state = memoryless.prepare(frames[0].image, AnimateOptions(motion=MotionOptions("copy"), crop_only=True))
    made = [frame.image for frame in memoryless.animate(state, frames)]
    remembering = [frame.image for frame in ours.animate(state, frames)]
    assert np.array_equal(remembering[0], made[0])
    assert not np.array_equal(remembering[2], made[2])
    generator = load_generator("face-256")
    assert isinstance(generator, Generator)
    generator.config = replace(generator.config, previous=0)
    without = Animator(generator, ours.networks.landmarker)
    for frame, other in zip(without.animate(state, frames), made, strict=True):
        assert np.array_equal(frame.image, other)
