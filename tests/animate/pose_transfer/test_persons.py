"""Persons and views in the one generator: other shapes, unknown joints, training from one command."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from alive import randomised
from gfla.animate.structure import joint_maps, pose_structure, view_maps
from gfla.animate.synthetic.puppets import draw_pair
from gfla.models import CONFIGS, Generator, load_generator
from gfla.train.cli import main
from gfla.train.data.pairs.sampling import PairSampler, open_pairs


@torch.inference_mode()
@pytest.mark.parametrize(
    "config",
    [
        CONFIGS["person-tiny"],
        CONFIGS["view-tiny"],
        replace(CONFIGS["person-tiny"], size=128, width=64, kernel_sizes=(0, 3)),
    ],
    ids=["person", "view", "person-128x64"],
)
def test_a_pair_goes_through_the_generator(config):
    generator = randomised(config)
    batch = PairSampler(open_pairs(config.task, None, config.shape), 2, seed=0)(0)
    structure = pose_structure(config.task, batch.points.flatten(0, 1), config.shape).unflatten(0, (2, 2))
    assert structure.shape[2] == config.structure_channels
    reference = generator.encode_reference(batch.images[:, 0], structure[:, 0], batch.points[:, 0])
    (output,), memory = generator.animate(structure[:, 1:], batch.points[:, 1:], reference)
    assert output.image.shape == (2, 3, *config.shape)
    assert output.image.isfinite().all()
    assert memory.previous == ()
    k8, k4 = config.kernel_sizes
    assert [weights.shape[2] for weights in output.attention] == [k8 * k8, k4 * k4]
    other, _ = generator.animate(structure[:, :1], batch.points[:, :1], reference)
    assert (other[0].image - output.image).abs().max() > 1e-3, "the pose has no influence"


@pytest.mark.slow
def test_the_papers_networks_are_of_their_size():
    """person-256 beside the paper's 14.04 M."""
    count = {
        name: sum(p.numel() for p in Generator(CONFIGS[name]).parameters())
        for name in ("person-256", "person-128x64")
    }
    assert 13e6 < count["person-256"] < 16e6
    assert count["person-128x64"] < count["person-256"]


def test_a_joint_is_a_hill_where_it_is_and_nothing_where_it_is_unknown():
    joints = torch.full((1, 18, 2), torch.nan)
    joints[0, 4] = torch.tensor([37.5, 101.5])
    maps = joint_maps(joints, (128, 64))
    assert maps.shape == (1, 18, 32, 16)
    assert np.unravel_index(int(maps[0, 4].argmax()), (32, 16)) == (25, 9)
    assert maps[0, 4].max() == 1
    assert maps.sum() == maps[0, 4].sum()


def test_a_view_between_two_is_shared_by_them():
    maps = view_maps(torch.tensor([[[350.0, 15.0]]]), (64, 64))[0]
    assert maps.shape == (23, 16, 16)
    code = maps[:21, 0, 0]
    assert code[[17, 0]].tolist() == pytest.approx([0.5, 0.5])
    assert code[[18, 19, 20]].tolist() == pytest.approx([0, 0.5, 0.5])
    assert code.sum() == pytest.approx(2)


def test_samples_are_seeded_and_split():
    train = PairSampler(open_pairs("person", None, (64, 64)), 2, seed=3)
    halves = [PairSampler(open_pairs("person", None, (64, 64)), 1, seed=3, rank=r) for r in range(2)]
    batch = train(5)
    for rank, half in enumerate(halves):
        assert torch.equal(half(5).images[0], batch.images[rank])
    (ahead,) = train.ahead(5, 6)
    assert torch.equal(ahead.images, batch.images)
    val = PairSampler(open_pairs("person", None, (64, 64), "val"), 2, seed=3)(5)
    assert not torch.equal(val.images, batch.images)
    assert batch.flow.shape == (2, 1, 2, 16, 16)


@pytest.mark.slow
@pytest.mark.parametrize("config", ["person-tiny", "view-tiny"])
def test_training_needs_no_data_and_resumes(config, squeezenet, tmp_path):
    command = ["--config", config, "--out", str(tmp_path), "--perceptual", str(squeezenet)]
    assert main([*command, "--steps", "20"]) == 0
    first = load_generator(tmp_path / "generator.safetensors")
    assert first.config == CONFIGS[config]
    assert main([*command, "--resume"]) == 0
    log = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert log[-1]["step"] == 20
    assert {"l1", "correctness", "adversarial", "critic"} <= log[-1].keys()
    assert "temporal" not in log[-1]
    again = load_generator(tmp_path / "generator.safetensors")
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_drawn_joints_are_pixels_of_the_picture():
    pair = draw_pair(1, 0, (64, 48))
    known = pair.source.joints[~np.isnan(pair.source.joints[:, 0])]
    assert (known >= 0).all()
    assert (known <= (47, 63)).all()
