"""DeepFashion and Market-1501 in their published layout, in miniature."""

import csv
import json

import numpy as np
import pytest
from gfla.animate.synthetic.puppets import draw_pair
from gfla.train.cli import main
from gfla.train.config import CONFIGS
from gfla.train.data.pairs.deepfashion_market import PersonList, kind_of
from gfla.train.data.pairs.sampling import PairSampler, open_pairs
from PIL import Image


def write_fashion(folder, phase, pictures, pairs):
    """One phase in DeepFashion's layout. pictures: by name, the picture and its joints; pairs: of names."""
    (folder / phase).mkdir(parents=True, exist_ok=True)
    height, width = 256, 176
    with (folder / f"fasion-annotation-{phase}.csv").open("w", newline="") as file:
        file.write("name:keypoints_y:keypoints_x\n")
        for name, (image, joints) in pictures.items():
            Image.fromarray(image).save(folder / phase / name)
            scaled = joints * (width / image.shape[1], height / image.shape[0])
            x, y = (np.where(np.isnan(axis), -1, np.rint(axis)).astype(int).tolist() for axis in scaled.T)
            file.write(f"{name}:{json.dumps(y)}:{json.dumps(x)}\n")
    with (folder / f"fasion-pairs-{phase}.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("from", "to"), *pairs])


@pytest.fixture
def market(tmp_path):
    """Two pictures of person 0002, as Market-1501's tables say it."""
    for phase in ("train", "test"):
        (tmp_path / phase).mkdir()
        names = ["0002_c1s1_000451_03.jpg", "0002_c2s1_000301_01.jpg"]
        for grey, name in zip((50, 200), names, strict=True):
            Image.new("RGB", (64, 128), (grey, 0, 0)).save(tmp_path / phase / name, quality=95)
        ys, xs = [[10 * i for i in range(12)] + [-1] * 6, [2 * i for i in range(12)] + [-1] * 6]
        table = "name:keypoints_y:keypoints_x\n" + "".join(f"{name}:{ys}:{xs}\n" for name in names)
        (tmp_path / f"market-annotation-{phase}.csv").write_text(table)
        (tmp_path / f"market-pairs-{phase}.csv").write_text(f"from,to\n{names[0]},{names[1]}\n")
    return tmp_path


@pytest.fixture
def fashion(tmp_path):
    """Four puppets in DeepFashion's layout, their pictures 256 x 256."""
    for phase, first in (("train", 0), ("test", 2)):
        pictures, pairs = {}, []
        for index in range(first, first + 2):
            pair = draw_pair(9, index, (256, 256))
            names = [f"fashionWOMENDressesid{index:08d}_{n}front.jpg" for n in (1, 2)]
            for name, drawn in zip(names, pair, strict=True):
                pictures[name] = (drawn.image, drawn.joints)
            pairs += [tuple(names), tuple(reversed(names))]
        write_fashion(tmp_path, phase, pictures, pairs)
    return tmp_path


def test_market_as_published(market):
    listed = PersonList(market, "train", (128, 64))
    assert len(listed) == 1
    images, joints = listed[0]
    assert images.shape == (2, 128, 64, 3)
    assert images.dtype == np.uint8
    assert images[0].mean() < images[1].mean(), "source and target are exchanged"
    np.testing.assert_array_equal(joints[0, 3], (6, 30))
    assert np.isnan(joints[:, 12:]).all()


def test_fashion_joints_are_of_a_frame_176_wide(fashion):
    listed = PersonList(fashion, "test", (256, 256))
    assert len(listed) == 4
    images, joints = listed[1]  # the pair the other way round
    truth = draw_pair(9, 2, (256, 256)).target
    assert np.abs(images[0].astype(int) - truth.image).mean() < 3
    np.testing.assert_array_equal(np.isnan(joints[0]), np.isnan(truth.joints))
    assert np.nanmax(np.abs(joints[0] - truth.joints)) <= 0.75  # whole numbers in that frame
    half = PersonList(fashion, "test", (128, 128))[1][1]
    np.testing.assert_allclose(half, joints / 2)


@pytest.mark.slow
def test_a_run_trains_on_either(fashion, tmp_path):
    assert kind_of(fashion) == "fasion"
    batch = PairSampler(open_pairs("person", fashion, (64, 64)), 3, seed=0)(0)
    assert batch.images.shape == (3, 2, 3, 64, 64)
    assert (batch.flow_weight == 0).all(), "nobody knows the flow of photographs"
    command = ["--config", "person-tiny", "--data", str(fashion), "--out", str(tmp_path / "run")]
    assert main([*command, "--steps", "4"]) == 0


def test_what_learns_by_a_known_flow_refuses_photographs(fashion, tmp_path, capsys):
    command = ["--config", "person-96", "--data", str(fashion), "--out", str(tmp_path / "run")]
    assert main([*command, "--steps", "3"]) == 2
    said = capsys.readouterr().err
    assert "for drawn pairs" in said
    assert "--config person-256 or person-128x64 or " in said
    assert "person-96" not in said
    drawn = {name for name in CONFIGS if any(stage.needs_flow for stage in CONFIGS[name].stages)}
    assert {name for name in drawn if not name.startswith(("face", "closeup"))} == {"person-96", "view-64"}


def test_what_is_missing_is_named(market, tmp_path_factory, capsys):
    empty = tmp_path_factory.mktemp("empty")
    command = ["--config", "person-tiny", "--out", str(empty / "run"), "--data"]
    assert main([*command, str(empty)]) == 2
    assert "fasion-pairs-train.csv" in capsys.readouterr().err
    (market / "train" / "0002_c1s1_000451_03.jpg").unlink()
    assert main([*command, str(market)]) == 2
    assert "0002_c1s1_000451_03.jpg" in capsys.readouterr().err
    (market / "market-annotation-train.csv").write_text("name:keypoints_y:keypoints_x\na.jpg:[1]:[1]\n")
    assert main([*command, str(market)]) == 2
    assert "18 joints" in capsys.readouterr().err
