"""The ablation command: the same pairs for all, exact resume, a table with the papers' figures beside."""

import json

import numpy as np
import pytest
import torch
from gfla.models import Generator
from gfla.train.ablation.papers import Run, main
from gfla.train.ablation.scores import true_features
from gfla.train.ablation.table import Result, write_table
from gfla.train.ablation.variants import SETS
from gfla.train.data.pairs.puppets import PuppetPairs
from gfla.train.losses.pairs import deform, pair_features
from gfla.train.losses.perceptual import PerceptualFeatures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ablation")


@pytest.fixture(scope="module")
def pairs(folder):
    return PuppetPairs(folder, 0, 4, 64)


@pytest.fixture(scope="module")
def features(squeezenet):
    return PerceptualFeatures(squeezenet)


def test_pairs_are_kept_and_each_couple_is_two(pairs, folder):
    assert len(pairs) == 8
    again = PuppetPairs(folder, 0, 4, 64)
    batch = again[range(8)]
    assert batch.images.shape == (2, 8, 3, 64, 64)
    assert batch.structures.shape == (2, 8, 18, 16, 16)
    assert torch.equal(batch.images[0, 0], batch.images[1, 1])
    assert torch.equal(batch.images[1, 0], batch.images[0, 1])
    assert not torch.equal(batch.images[0, 0], batch.images[0, 2])
    drawn = pairs.batch(3, 5, 4)
    for a, b in zip(drawn, again.batch(3, 5, 4), strict=True):
        assert torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))


@pytest.mark.parametrize("name", SETS)
def test_every_variant_trains_in_its_stages(name, pairs, features, tmp_path):
    batch = pairs.batch(0, 0, 2)
    known = pair_features(features, batch)
    for variant in SETS[name]:
        run = Run(variant, 0, 64, tmp_path)
        before = [p.clone() for p in run.model.parameters()]
        moves = deform(run.model, batch) is not None
        assert moves == (variant.name not in ("Baseline", "Global-Attn"))
        run.train(batch, known, features, deformation_steps=1)
        run.train(batch, known, features, deformation_steps=1)
        changed = [not torch.equal(a, b) for a, b in zip(before, run.model.parameters(), strict=True)]
        assert np.mean(changed) > 0.7, variant.name
        first = Run(variant, 1, 64, tmp_path)
        if isinstance(first.model, Generator):
            paint = first.model.paint.weight.clone()
            first.train(batch, known, features, deformation_steps=1)
            assert torch.equal(paint, first.model.paint.weight), "the first stage paints nothing"


def test_a_resumed_run_is_an_uninterrupted_one(pairs, features, tmp_path):
    variant = SETS["attention-flow"][-1]

    def go(run, steps):
        for step in steps:
            batch = pairs.batch(0, step, 2)
            run.train(batch, pair_features(features, batch), features, deformation_steps=1)
        return run

    whole = go(Run(variant, 0, 64, tmp_path / "none"), range(3))
    (tmp_path / "some").mkdir()
    go(Run(variant, 0, 64, tmp_path / "some"), range(2)).save()
    resumed = go(Run(variant, 0, 64, tmp_path / "some"), range(2, 3))
    assert resumed.step == 3
    for a, b in zip(whole.average.parameters(), resumed.average.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_command_writes_a_table_and_goes_on(squeezenet, tmp_path, capsys):
    command = ["ours", "--out", str(tmp_path), "--seeds", "1", "--couples", "3", "--pairs", "4"]
    command += ["--perceptual", str(squeezenet), "--deformation", "1"]
    assert main([*command, "--steps", "1"]) == 0
    table = capsys.readouterr().out
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:5]] == [v.name for v in SETS["ours"]]
    assert main([*command, "--steps", "2"]) == 0
    assert len(list((tmp_path / "ours").glob("*.0.2.4.json"))) == 3
    scores = json.loads((tmp_path / "ours" / "ours.0.2.4.json").read_text())
    assert 0 < scores["l1"] < 1
    assert (tmp_path / "ours" / "table.md").read_text() in capsys.readouterr().out


def test_without_the_fixed_network_it_says_what_to_do(tmp_path, capsys):
    missing = tmp_path / "none.safetensors"
    assert main(["gfla", "--out", str(tmp_path), "--perceptual", str(missing)]) == 2
    assert "none.safetensors" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [("--seeds", "0"), ("--seeds", "-1"), ("--couples", "0"), ("--pairs", "0")])
def test_of_nothing_there_is_no_ablation(wrong, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["gfla", "--out", str(tmp_path / "out"), *wrong])
    assert ended.value.code == 2
    assert f"{wrong[0]}: '{wrong[1]}' is not a whole number; write 1 or more" in capsys.readouterr().err


def test_table_has_means_spreads_and_the_papers_own(pairs, features, tmp_path):
    from gfla.train.ablation.scores import Scores

    rows = [(variant.name, variant.published) for variant in SETS["gfla"][:2]]
    results = [Result("Baseline", seed, 10, 1234, Scores(100.0 + seed, 0.5, 0.25, 0.125)) for seed in (0, 1)]
    table = write_table(tmp_path / "table.md", rows, results)
    row = [cell.strip() for cell in table.splitlines()[2].split("|")[1:-1]]
    assert row[:4] == ["Baseline", "1,234", "10 x 2 seeds", "100.5 ± 0.5"]
    assert row[4:7] == ["0.5000 ± 0.0000", "0.2500 ± 0.0000", "0.1250 ± 0.0000"]
    assert row[-2:] == ["16.008", "0.2473"]
    assert len(table.splitlines()) == 3, "what was not run has no row"


def test_true_features_are_of_the_targets(pairs, features):
    known = true_features(pairs.__getitem__, 8, features)
    with torch.inference_mode():
        tap = features(pairs[range(8)].images[1])[-1].mean((2, 3))
    np.testing.assert_allclose(known, tap.numpy(), rtol=1e-4, atol=1e-5)
