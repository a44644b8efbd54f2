"""Appendix A, measured: the formulas hold, and what is smooth knows the way further."""

import numpy as np
import pytest
import torch
from gfla.train.ablation.sampling_gradients import Analysis, check_formulas, draw_plot, points_right, report
from torch.nn import functional as F


def noise(cells=40, blurred=0):
    torch.manual_seed(0)
    features = torch.randn(1, 6, cells, cells)
    for _ in range(blurred):
        features = F.avg_pool2d(features, 5, 1, 2)
    return features


def test_autograd_is_the_appendix():
    flows, inputs = check_formulas(noise(16))
    assert flows < 1e-12
    assert inputs < 1e-12


def test_blurred_features_know_the_way_further():
    """White noise: two cells away bilinear sampling is at chance; of features blurred by 5 x 5 it is not."""
    narrow, wide = (points_right(noise(), 2.0, way) for way in ("bilinear", "bilinear, blurred"))
    assert 0.4 < narrow < 0.6
    assert wide > 0.75
    assert points_right(noise(blurred=2), 1.0, "bilinear") > 0.9


@pytest.mark.slow
def test_plot_and_report(tmp_path):
    sizes = {"trained": np.linspace(0, 1, 50), "meaningless": np.linspace(0, 2, 50)}
    right = {"bilinear": [0.9, 0.8, 0.7, 0.6, 0.5, 0.5, 0.5]}
    analysis = Analysis((1e-15, 1e-15), sizes, sizes, right)
    draw_plot(analysis, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000
    assert "| bilinear | 0.90 |" in report(analysis)
