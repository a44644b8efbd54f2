"""Fine-tuning on one person: the clip is cut without overlap, a run is measured against where it began."""

import csv

import numpy as np
import pytest
from gfla.animate import VideoReader
from gfla.models import CONFIGS, new_generator, save_generator
from gfla.train.data.index import load_clips
from gfla.train.evaluation.fine_tuning import SHOWN, Gain, fine_tune, main, split_clip, table
from PIL import Image


@pytest.fixture
def clip(drawn):
    """The name of a clip and its landmarks."""
    file = sorted((drawn / "clips").glob("*.mp4"))[0]
    return file.stem, np.load(file.with_suffix(".npz"))["lmk68"]


@pytest.mark.slow
def test_the_parts_make_the_clip_and_the_rest_begins_with_the_portrait(drawn, clip, tmp_path):
    name, points = clip
    parts = split_clip(drawn, name, tmp_path / "parts")
    (first,), (last,) = (load_clips(parts, split)[0] for split in ("train", "val"))
    assert len(first.points) == len(points) * 4 // 5
    assert np.array_equal(last.points[0], points[0])
    assert np.array_equal(np.concatenate([first.points, last.points[1:]]), points)
    with VideoReader(drawn / "clips" / f"{name}.mp4") as reader:
        true = [frame.image for frame in reader]
    made = np.concatenate([last.frames[:1], first.frames[:], last.frames[1:]])
    assert np.abs(made.astype(int) - np.stack([true[0], *true])).mean() < 3, "in their order, encoded anew"
    with (parts / "index.csv").open() as file:
        assert {row["identity"] for row in csv.DictReader(file)} == {name}


@pytest.mark.slow
def test_a_run_is_measured_against_its_beginning(drawn, clip, squeezenet, tmp_path):
    save_generator(tmp_path / "begun.safetensors", new_generator(CONFIGS["face-tiny"]))
    gain = fine_tune(
        clip[0],
        drawn,
        tmp_path / "out",
        squeezenet,
        3,
        schedule="tiny",
        weights=str(tmp_path / "begun.safetensors"),
    )
    assert gain.before != gain.after, "three steps changed something"
    assert gain.minutes > 0
    with VideoReader(drawn / "clips" / f"{clip[0]}.mp4") as reader:
        width, height = reader.size
    with Image.open(tmp_path / "out" / "strip.png") as strip:
        assert strip.size == (SHOWN * width, 3 * height)


def test_the_table_says_how_much():
    gain = Gain({"perceptual": 0.4, "l1": 0.03}, {"perceptual": 0.3, "l1": 0.02}, {"perceptual": 0.5}, 12.34)
    assert "| she | 0.400 to 0.300 (-25.0 %) | 0.0300 to 0.0200 | 0.500 | 12.3 |" in table({"she": gain})


def test_no_step_is_a_sentence(drawn, clip, squeezenet, tmp_path, capsys):
    command = [clip[0], "--data", str(drawn), "--out", str(tmp_path), "--perceptual", str(squeezenet)]
    assert main([*command, "--steps", "0"]) == 2
    assert "--steps 0: a run has at least one step" in capsys.readouterr().err


def test_an_unknown_clip_is_a_sentence(drawn, tmp_path, capsys):
    assert main(["nobody", "--data", str(drawn), "--out", str(tmp_path)]) == 2
    assert "name a clip" in capsys.readouterr().err
