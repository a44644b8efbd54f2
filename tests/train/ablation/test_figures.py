"""The papers' pictures, from runs of a single step: every sheet is drawn, and a missing run is named."""

import cv2
import pytest
import torch
from gfla.train.ablation.figures import KINDS, main, read_from
from gfla.train.ablation.papers import Extent, Run, ablate
from gfla.train.ablation.variants import SETS
from gfla.train.data.pairs.puppets import Pairs, PuppetPairs
from gfla.train.losses.perceptual import PerceptualFeatures

pytestmark = pytest.mark.slow

COLUMNS = {"grid-gfla": 7, "grid-attention-flow": 7, "attention": 5, "flows": 6, "combination": 6}


@pytest.fixture(scope="module")
def runs(squeezenet, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    extent = Extent(steps=1, deformation=0, seeds=1, size=64, couples=2, pairs=3)
    for name in ("gfla", "attention-flow"):
        ablate(name, out, PerceptualFeatures(squeezenet), extent)
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_every_sheet_is_drawn(kind, runs, tmp_path):
    assert main([kind, str(runs), "-o", str(tmp_path / "sheet.png"), "--lines", "2"]) == 0
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    assert sheet.shape == (2 * 128, COLUMNS[kind] * 128, 3)
    assert sheet.std() > 10


@torch.inference_mode()
@pytest.mark.parametrize("name", ["Global-Attn", "Bi-Sample", "Full"])
def test_where_a_place_looks_sums_to_one(name, runs):
    variant = next(v for v in SETS["gfla"] if v.name == name)
    pair = Pairs(*(part[:, :1] for part in PuppetPairs(runs, 0, 2, 64)[range(1)]))
    heat = read_from(Run(variant, 0, 64, runs / "gfla").average.eval(), pair, (30.0, 40.0))
    assert heat.shape == (64, 64)
    assert heat.sum() / 16 == pytest.approx(1, abs=1e-3), "a place at H/4 is 16 pixels"
    assert (heat > 0).sum() <= {"Global-Attn": 64 * 64, "Bi-Sample": 16, "Full": 25 * 16}[name]


def test_a_missing_run_is_named(tmp_path, capsys):
    assert main(["attention", str(tmp_path), "-o", str(tmp_path / "x.png")]) == 2
    assert "gfla.train.ablation.papers gfla" in capsys.readouterr().err
