"""Losses against their definitions."""

import numpy as np
import pytest
import torch
from gfla.train.losses.terms import (
    affine_regularisation,
    attention_distance,
    critic_hinge,
    face_crops,
    find_eyes,
    flow_distance,
    generator_hinge,
    hidden_share,
    part_weight,
)
from torch.nn import functional as F


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


@pytest.mark.parametrize("n", [3, 5])
def test_affine_regularisation_is_computed_in_float32_under_autocast(n):
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    affine = torch.stack((0.2 * (x - 32) + 0.02 * (y - 32) + 3, 3 - 0.2 * (y - 32)))[None]
    torch.manual_seed(0)
    noisy = affine + 0.02 * torch.randn_like(affine)
    results = []
    for enabled in (False, True):
        flow = noisy.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            assert affine_regularisation(affine, n).item() == pytest.approx(0, abs=1e-3)
            cost = affine_regularisation(flow, n)
        cost.backward()
        results.append((cost.detach(), flow.grad))
    assert results[0][0] > 0.001
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=0)


def test_hinge_losses_by_hand():
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.0])
    assert critic_hinge(real, fake).item() == pytest.approx(0.25 + 0.5)
    assert generator_hinge(fake).item() == pytest.approx(1.5)


def test_flow_distance_is_relative_to_the_teachers_length():
    """A flow of 4 px at H/4 taught as 8 is off by 4 at H/4 and 2 (counted twice) at H/8, over 8 / 2 + 0.2."""
    teacher = torch.zeros(1, 2, 8, 8)
    teacher[:, 0] = 32  # pixels of the full picture: 8 at H/4 in x, so 4 on average over x and y
    flow4, flow8 = torch.zeros(1, 1, 2, 8, 8), torch.zeros(1, 1, 2, 4, 4)
    flow4[:, :, 0], flow8[:, :, 0] = 4, 2
    weight = torch.ones(1, 1, 8, 8)
    assert flow_distance(flow4, flow8, teacher, weight).item() == pytest.approx((2 + 2 * 1) / 4.2)
    assert flow_distance(2 * flow4, 2 * flow8, teacher, weight).item() == 0
    assert flow_distance(flow4, flow8, teacher, 0 * weight).item() == 0


def test_parts_weigh_eyes_and_mouth_whatever_their_opening():
    points = torch.full((1, 68, 2), 5.0)
    points[0, 36:42, 0] = torch.tensor([35.0, 38, 42, 45, 42, 38])
    points[0, 36:42, 1] = 40  # shut
    points[0, 42:48] = points[0, 36:42] + torch.tensor([45.0, 0])
    points[0, 48:68, 0], points[0, 48:68, 1] = torch.linspace(45, 80, 20), 100
    weight = part_weight(points, 128)[0, 0]
    assert weight.shape == (128, 128)
    assert weight[40, 40] > 0.99
    assert weight[43, 40] > 0.5, "the lids of a shut eye"
    assert weight[40, 85] > 0.99
    assert weight[100, 62] > 0.9
    assert weight[70, 20] < 0.01
    assert weight[5, 5] < 0.01


def test_attention_loss_is_nothing_for_the_target_resized():
    truth = torch.rand(2, 3, 32, 32)
    small = [F.avg_pool2d(truth, stride) for stride in (8, 4)]
    assert attention_distance(small, truth).item() == pytest.approx(0, abs=1e-6)
    assert attention_distance([small[0] + 0.5, small[1]], truth).item() == pytest.approx(0.5)


def test_face_crops_are_squares_about_known_eyes():
    """A ramp tells where each pixel of a crop comes from."""
    ramp = torch.arange(128.0).expand(3, 3, 128, 128)
    eyes = torch.tensor([[[70.0, 60], [50, 60]], [[5.0, 60], [1, 60]], [[torch.nan, 0], [5, 5]]])
    crops = face_crops(ramp, eyes)
    assert crops.shape == (3, 3, 32, 32)
    left, right = crops[0, 0, 0, 0].item(), crops[0, 0, 0, -1].item()
    assert (left, right) == pytest.approx((60 - 25, 60 + 25), abs=1e-3)
    assert crops[1, 0, 0, 0].item() == pytest.approx(0, abs=1e-3), "moved inside the picture"
    assert crops[1, 0, 0, -1].item() == pytest.approx(16, abs=1e-3), "an eighth of the side at least"
    assert not crops[2].any()


def test_eyes_are_found_by_task():
    points = torch.rand(2, 68, 2)
    assert torch.equal(find_eyes("face", points)[:, 0], points[:, 36:42].mean(1))
    assert torch.equal(find_eyes("person", points[:, :18])[:, 1], points[:, 15])
    assert find_eyes("view", points[:, :1]).isnan().all()


def test_a_share_of_what_the_source_hides_costs_and_of_what_it_shows_does_not():
    shown = (torch.arange(16.0).view(1, 1, 4, 4) > 7).float()
    fine = shown.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert hidden_share(shown, fine, shown) == 0
    assert hidden_share(0 * shown, 0 * fine, shown) == 0
    half = hidden_share(torch.full_like(shown, 0.5), torch.full_like(fine, 0.5), shown)
    assert half.item() == pytest.approx(np.log(2) / 2, abs=1e-5)
    wrong = hidden_share(1 - shown, 1 - fine, shown)
    assert half < wrong < 10
