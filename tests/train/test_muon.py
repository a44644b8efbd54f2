"""Muon: steps that are orthogonal, of the promised size, and that learn."""

import pytest
import torch
from gfla.train import muon
from gfla.train.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_orthogonalised_matrices_have_singular_values_near_one(monkeypatch, precision, shape):
    monkeypatch.setattr(muon, "fast_precision", lambda device: precision)
    torch.manual_seed(0)
    matrices = torch.randn(3, *shape)
    orthogonal = orthogonalise(matrices)
    values = torch.linalg.svdvals(orthogonal)
    assert values.min() > 0.5
    assert values.max() < 1.4
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    assert torch.nn.functional.cosine_similarity(orthogonal.flatten(1), (u @ v).flatten(1)).min() > 0.95


def test_a_step_has_the_size_of_the_rate_for_every_shape_of_kernel():
    torch.manual_seed(0)
    shapes = (16, 8, 3, 3), (64, 5, 3, 3), (16, 8, 3, 3)
    kernels = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    before = [kernel.detach().clone() for kernel in kernels]
    for kernel in kernels:
        kernel.grad = torch.randn_like(kernel)
    Muon(kernels, lr=1e-2, weight_decay=0).step()
    for kernel, old in zip(kernels, before, strict=True):
        assert (kernel - old).square().mean().sqrt().item() == pytest.approx(2e-3, rel=0.35)
    assert not torch.equal(kernels[0] - before[0], kernels[2] - before[2])


def test_it_finds_a_linear_map():
    torch.manual_seed(0)
    goal, weight = torch.randn(6, 12), torch.nn.Parameter(torch.zeros(6, 12))
    optimiser = Muon([weight], lr=0.5)
    for _ in range(200):
        optimiser.param_groups[0]["lr"] *= 0.98
        optimiser.zero_grad()
        (weight - goal).square().sum().backward()
        optimiser.step()
    assert (weight - goal).abs().max() < 0.05
