"""Persons and views measured: the table, what is in it, and the study that people answer."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from gfla.animate.io.image import read_image
from gfla.animate.synthetic.puppets import draw_pair
from gfla.models import CONFIGS, Generator, Original, OriginalConfig, save_generator
from gfla.train.cli import evaluate
from gfla.train.evaluation import metrics
from gfla.train.evaluation.fooling_study import main as study
from gfla.train.evaluation.fooling_study import write_study


@pytest.mark.slow
@pytest.mark.parametrize("task", ["person", "view"])
def test_the_table_has_the_methods_and_the_sheet_its_columns(task, squeezenet, tmp_path, capsys):
    torch.manual_seed(0)
    save_generator(tmp_path / "w.safetensors", Generator(CONFIGS[f"{task}-tiny"]))
    command = ["--task", task, "--weights", str(tmp_path / "w.safetensors"), "--pairs", "4"]
    assert evaluate([*command, "--perceptual", str(squeezenet), "-o", str(tmp_path / "report")]) == 0
    printed = capsys.readouterr().out
    methods = ["source", "prior", "ours"] if task == "person" else ["source", "ours"]
    assert [line.split(" | ")[0][2:] for line in printed.splitlines()[2 : 2 + len(methods)]] == methods
    assert "SSIM" in printed
    assert "0.06 M" in printed
    assert "4 pairs" in printed
    means = json.loads((tmp_path / "report" / "results.json").read_text())["means"]
    assert {"ssim", "ssim_wide", "l1", "perceptual", "frechet"} == means["ours"].keys()
    assert 0 <= means["ours"]["l1"] < 1
    sheet, _ = read_image(tmp_path / "report" / "sheet.png")
    assert sheet.shape == (4 * 64, (3 + len(methods)) * 64, 3)
    assert (tmp_path / "report" / "study.html").read_text().count('"pair"') == 4


def test_the_authors_persons_are_measured_at_the_size_they_were_shown(tmp_path, capsys):
    config = replace(CONFIGS["authors-deepfashion"], size=64, shown=(64, 44), attention_hidden=8)
    config = replace(config, channels=(8, 8, 16), flow_channels=(8, 8, 16, 16))
    assert isinstance(config, OriginalConfig)
    save_generator(tmp_path / "w.safetensors", Original(config))
    command = ["--task", "person", "--weights", str(tmp_path / "w.safetensors"), "--pairs", "1"]
    assert evaluate([*command, "-o", str(tmp_path / "report")]) == 0
    assert "1 pairs" in capsys.readouterr().out
    assert read_image(tmp_path / "report" / "sheet.png")[0].shape == (64, 6 * 44, 3)


def test_wrong_weights_are_one_sentence(tmp_path, capsys):
    save_generator(tmp_path / "w.safetensors", Generator(CONFIGS["view-tiny"]))
    command = ["--task", "person", "--weights", str(tmp_path / "w.safetensors"), "-o", str(tmp_path / "r")]
    assert evaluate(command) == 2
    assert "for a view" in capsys.readouterr().err


def test_structural_similarity_of_the_authors_code():
    truth = draw_pair(0, 0, (128, 64)).source.image
    assert metrics.ssim_gaussian(truth, truth) == pytest.approx(1)
    assert metrics.ssim_wide(truth, truth) == pytest.approx(1)
    noisy = np.clip(truth + np.random.default_rng(0).normal(0, 20, truth.shape), 0, 255).astype(np.uint8)
    assert metrics.ssim_gaussian(noisy, truth) < 0.8
    assert metrics.ssim_gaussian(noisy, truth) != metrics.ssim_wide(noisy, truth)


def test_the_body_mask_covers_the_limbs_alone():
    joints = np.full((18, 2), np.nan)
    joints[2], joints[3] = (20, 20), (20, 50)
    mask = metrics.body_mask(joints, (64, 48))
    assert mask[35, 16:25].all()
    assert not mask[35, :15].any()
    assert not mask[35, 26:].any()
    assert mask[17, 20], "a disc at the joint"
    assert not metrics.body_mask(np.full((18, 2), np.nan), (64, 48)).any()


def answers(path, name, *fooled):
    content = {"study": name, "answers": [{"pair": i, "fooled": f} for i, f in enumerate(fooled)]}
    path.write_text(json.dumps(content))
    return str(path)


def test_answers_are_pooled_and_strangers_refused(tmp_path, capsys):
    one = answers(tmp_path / "a.json", "x", True, False, False)
    two = answers(tmp_path / "b.json", "x", False)
    assert study([one, two]) == 0
    assert capsys.readouterr().out.startswith("fooling rate 25.00 % +- 42.44 (4 answers)")
    assert study([one, answers(tmp_path / "c.json", "y", True)]) == 2
    assert "different" in capsys.readouterr().err
    (tmp_path / "d.json").write_text("[]")
    assert study([str(tmp_path / "d.json")]) == 2


def test_the_page_shows_each_pair_once_on_drawn_sides(tmp_path):
    pairs = [(np.full((8, 8, 3), i, np.uint8), np.full((8, 8, 3), 100 + i, np.uint8)) for i in range(12)]
    write_study(tmp_path / "s.html", pairs, seed=1)
    text = (tmp_path / "s.html").read_text()
    items = json.loads(text[text.index("items = ") + 8 : text.index(", key = ")])
    assert sorted(item["pair"] for item in items) == list(range(12))
    assert 0 < sum(item["fake"] for item in items) < 12
    assert all(item["left"].startswith("data:image/png") for item in items)
