"""Losses against their definitions."""

import numpy as np
import pytest
import torch
from gfla.train.losses import affine_regularisation, critic_hinge, generator_hinge


def brute_force_affine(flow, n):
    total, count = 0.0, 0
    y, x = np.mgrid[:n, :n]
    basis = np.stack((x.ravel(), y.ravel(), np.ones(n * n)), axis=1)
    for batch in flow.numpy():
        for top in range(flow.shape[2] - n + 1):
            for left in range(flow.shape[3] - n + 1):
                for channel in batch:
                    patch = channel[top : top + n, left : left + n].ravel()
                    fit = basis @ np.linalg.lstsq(basis, patch, rcond=None)[0]
                    total += np.square(patch - fit).sum()
                count += 1
    return total / count


@pytest.mark.parametrize("n", [3, 5])
def test_affine_regularisation_is_the_least_squares_residual(n):
    flow = torch.randn(2, 2, 8, 7, dtype=torch.float64)
    assert affine_regularisation(flow, n).item() == pytest.approx(brute_force_affine(flow, n), rel=1e-9)


def test_affine_flow_costs_nothing():
    y, x = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    flow = torch.stack((0.3 * x - 0.2 * y + 4, 0.1 * x + 0.5 * y - 2))[None].double()
    assert affine_regularisation(flow, 3).item() == pytest.approx(0, abs=1e-9)


def test_hinge_losses_by_hand():
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.0])
    assert critic_hinge(real, fake).item() == pytest.approx(0.25 + 0.5)
    assert generator_hinge(fake).item() == pytest.approx(1.5)
