"""Sampling correctness, style and the perceptual networks against their definitions."""

import json
import math
from itertools import pairwise

import pytest
import torch
from gfla.models.ops import warp
from gfla.train.cli import main
from gfla.train.losses.objective import correctness
from gfla.train.losses.perceptual import (
    PerceptualFeatures,
    VggFeatures,
    features_in,
    load_features,
    perceptual_distance,
)
from gfla.train.losses.terms import sampling_correctness, style_distance
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional as F


def test_sampling_correctness_is_nothing_where_the_flow_finds_the_source():
    """Target = the source 2 cells to the left: the flow (2, 0) is right, none is wrong."""
    torch.manual_seed(0)
    source = F.avg_pool2d(torch.randn(1, 8, 20, 20), 3, 1)
    source = F.avg_pool2d(source, 3, 1)
    flow = torch.zeros(1, 2, 16, 16)
    flow[:, 0] = 2
    target = warp(source, flow)
    right = sampling_correctness(source, target, flow).item()
    wrong = sampling_correctness(source, target, torch.zeros_like(flow)).item()
    assert -0.01 < right < 0.2 * wrong


def test_sampling_correctness_by_hand():
    """Two places of orthogonal features, blurred 5 x 5; the sum is written out place by place."""
    torch.manual_seed(1)
    source, target = torch.randn(2, 4, 6, 5), torch.randn(2, 4, 6, 5)
    flow = torch.zeros(2, 2, 6, 5)
    taps = torch.tensor([1.0, 4, 6, 4, 1]) / 16
    padded = F.pad(source, (2, 2, 2, 2), mode="replicate")
    blurred = torch.zeros_like(source)
    for i in range(5):
        for j in range(5):
            blurred += taps[i] * taps[j] * padded[:, :, i : i + 6, j : j + 5]
    total = 0.0
    for b in range(2):
        places = blurred[b].flatten(1).T
        for y in range(6):
            for x in range(5):
                wanted = target[b, :, y, x]
                alike = F.cosine_similarity(places, wanted[None], dim=1)
                total += math.exp(-float(alike[y * 5 + x]) / float(alike.max()))
    expected = total / 60 - math.exp(-1)
    assert sampling_correctness(source, target, flow).item() == pytest.approx(expected, rel=1e-5)


def test_style_is_blind_to_places_but_not_to_textures():
    torch.manual_seed(0)
    features = torch.rand(2, 3, 6, 6)
    elsewhere = features.flatten(2)[:, :, torch.randperm(36)].view_as(features)
    assert style_distance([elsewhere], [features]).item() == pytest.approx(0, abs=1e-5)
    assert style_distance([2 * features], [features]).item() == pytest.approx(3)  # Gram matrices are squares


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory):
    """The first layers' names and shapes of torchvision's VGG-19, random, as a .pth state dict."""
    torch.manual_seed(0)
    sizes = (3, 64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    indices = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30)
    tensors = {"classifier.0.bias": torch.zeros(3)}
    for index, (inputs, outputs) in zip(indices, pairwise(sizes), strict=True):
        tensors[f"features.{index}.weight"] = torch.randn(outputs, inputs, 3, 3) * (2 / inputs / 9) ** 0.5
        tensors[f"features.{index}.bias"] = torch.zeros(outputs)
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.save(tensors, path)
    return path


@pytest.mark.slow
def test_vgg_gives_the_layers_of_the_papers(vgg_file, tmp_path, monkeypatch):
    net = load_features("vgg19", vgg_file)
    assert isinstance(net, VggFeatures)
    content, style = net.content_and_style(torch.rand(1, 3, 64, 64))
    assert [tap.shape[1:] for tap in content] == [
        (64, 64, 64),
        (128, 32, 32),
        (256, 16, 16),
        (512, 8, 8),
        (512, 4, 4),
    ]
    assert [tap.shape[1:3] for tap in style] == [(128, 32), (256, 16), (512, 8), (512, 4)]
    assert all(tap.min() == 0 for tap in (*content, *style)), "after their ReLUs"
    assert [grid.features.shape[-1] for grid in net.grids(torch.rand(1, 3, 64, 64))] == [8, 16]
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="vgg19-dcbb9e9d"):
        load_features("vgg19", None)


@pytest.mark.slow
def test_a_run_takes_the_network_whose_weights_it_is_given(vgg_file, squeezenet, drawn, tmp_path):
    assert features_in(squeezenet) == "squeezenet"
    command = ["--config", "face-tiny", "--data", str(drawn), "--out", str(tmp_path), "--steps", "1"]
    assert main([*command, "--perceptual", str(vgg_file)]) == 0
    with safe_open(tmp_path / "checkpoint.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["loop"])["config"]["features"] == "vgg19"


def test_weights_of_another_network_are_a_sentence(vgg_file, tmp_path):
    with pytest.raises(ValueError, match="no SqueezeNet"):
        load_features("squeezenet", vgg_file)
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="no VGG-19"):
        load_features("vgg19", tmp_path / "a.safetensors")
    (tmp_path / "b.pth").write_bytes(b"garbage")
    with pytest.raises(ValueError, match=r"b\.pth"):
        load_features("vgg19", tmp_path / "b.pth")
    with pytest.raises(ValueError, match="choose"):
        load_features("resnet", vgg_file)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["squeezenet", "vgg19"])
def test_the_flow_is_read_where_the_network_looks(kind, squeezenet, vgg_file):
    """A smooth picture moved by 8 px: the true flow costs less than none, on both networks' own grids."""
    features = PerceptualFeatures(squeezenet) if kind == "squeezenet" else VggFeatures(vgg_file)
    torch.manual_seed(0)
    picture = F.interpolate(torch.rand(1, 3, 24, 24) * 2 - 1, size=(144, 144), mode="bicubic").clamp(-1, 1)
    source, truth = picture[..., :128, :128], picture[..., :128, 8:136]
    flows = [torch.zeros(1, 1, 2, side, side) for side in (16, 32)]
    still = correctness((flows[0], flows[1]), source, truth, features).item()
    flows[0][:, :, 0], flows[1][:, :, 0] = 1, 2
    moved = correctness((flows[0], flows[1]), source, truth, features).item()
    assert moved < still


def test_perceptual_distance_has_the_gradient_of_its_formula_channels_last():
    torch.manual_seed(2)
    f, g = (torch.randn(3, 8, 6, 5).relu().contiguous(memory_format=torch.channels_last) for _ in range(2))
    ours, plain = f.clone().requires_grad_(), f.clone().requires_grad_()
    weights = torch.tensor((1.0, 2.0, 0.5))
    (perceptual_distance([ours], [g]) * weights).sum().backward()
    size = g.abs().mean(dim=(1, 2, 3))
    ((plain - g).abs().mean(dim=(1, 2, 3)) / size * weights).sum().backward()
    torch.testing.assert_close(ours.grad, plain.grad)
    assert ours.grad is not None
    assert ours.grad.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("shape", [(64, 64), (63, 70)])
def test_squeezenet_enters_as_a_plain_convolution_does(squeezenet, shape):
    enter = next(iter(PerceptualFeatures(squeezenet).features)).double()
    assert isinstance(enter, torch.nn.Conv2d)
    torch.manual_seed(3)
    ours, plain = (torch.empty(2, 3, *shape, dtype=torch.float64).requires_grad_() for _ in range(2))
    with torch.no_grad():
        plain.copy_(ours.normal_())
    here, there = enter(ours), F.conv2d(plain, enter.weight, enter.bias, stride=2)
    torch.testing.assert_close(here, there)
    here.square().sum().backward()
    there.square().sum().backward()
    torch.testing.assert_close(ours.grad, plain.grad)
