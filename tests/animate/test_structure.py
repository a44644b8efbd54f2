"""Structure maps: 17 channels in [0, 1], exact distances, the same at any batch and resolution."""

import pytest
import torch
from gfla.animate.structure import edges_only, image_edges, structure_map


@pytest.fixture
def points():
    """A plain face of 68 points in a 256 square."""
    angle = torch.linspace(3.14159, 0, 17)
    jaw = torch.stack((128 + 60 * angle.cos(), 120 + 80 * angle.sin()), -1)
    rows = [(90, 118, 5, 95), (138, 166, 5, 95)]
    brows = torch.cat(
        [torch.stack((torch.linspace(a, b, n), torch.full((n,), float(y))), -1) for a, b, n, y in rows]
    )
    bridge = torch.stack((torch.full((4,), 128.0), torch.linspace(110, 145, 4)), -1)
    base = torch.stack((torch.linspace(116, 140, 5), torch.full((5,), 150.0)), -1)

    def ring(x, y, w, h, n):
        turn = torch.linspace(3.14159, 3.14159 + 6.28318 * (n - 1) / n, n)
        return torch.stack((x + w * turn.cos(), y + h * turn.sin()), -1)

    eyes = (ring(104, 112, 12, 6, 6), ring(152, 112, 12, 6, 6))
    mouth = (ring(128, 172, 24, 10, 12), ring(128, 172, 18, 5, 8))
    return torch.cat((jaw, brows, bridge, base, *eyes, *mouth))[None]


def test_shape_range_and_empty_edge_channel(points):
    drawn = structure_map(points, 256)
    assert drawn.shape == (1, 17, 64, 64)
    assert drawn.dtype == torch.float32
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert drawn[:, 16].abs().max() == 0


def test_distance_is_exact(points):
    """Channel 4 is the edge from point 28 to 31: a straight line, so the distance is known."""
    drawn = structure_map(points, 256, stride=1)
    a, b = points[0, 28], points[0, 31]
    for x, y in ((20, 40), (150, 130), (128, 150)):
        p = torch.tensor([float(x), float(y)])
        along = ((p - a) @ (b - a) / (b - a).square().sum()).clamp(0, 1)
        expected = ((p - a - along * (b - a)).norm() / 64).clamp(max=1)
        assert drawn[0, 4, y, x].item() == pytest.approx(expected.item(), abs=1e-4)


def test_labels_name_the_parts(points):
    label = structure_map(points, 256, stride=1)[0, 15] * 6
    for (x, y), part in {
        (128, 128): 3,
        (104, 112): 4,
        (152, 112): 4,
        (128, 172): 6,
        (128, 181): 5,
        (80, 140): 1,
        (5, 5): 0,
    }.items():
        assert label[y, x].item() == pytest.approx(part), (x, y)


def test_coarse_map_samples_the_fine_one(points):
    fine, coarse = structure_map(points, 256, stride=1), structure_map(points, 256, stride=4)
    sampled = (fine[:, 1:15, 1::4, 1::4] + fine[:, 1:15, 2::4, 2::4]) / 2
    assert (sampled - coarse[:, 1:15]).abs().max() < 0.02


def test_batch_equals_singles_and_moves_with_the_points(points):
    both = structure_map(torch.cat((points, points + 8)), 256)
    torch.testing.assert_close(both[:1], structure_map(points, 256))
    torch.testing.assert_close(both[1, 1:15, 2:, 2:], both[0, 1:15, :-2, :-2], atol=1e-4, rtol=0)


def test_image_edges_and_edge_guidance(points):
    image = torch.zeros(1, 3, 256, 256)
    image[..., 128:] = 1
    edges = image_edges(image)
    assert edges.shape == (1, 1, 256, 256)
    assert set(edges.unique().tolist()) <= {0.0, 0.5, 1.0}
    assert edges[..., 60:200, 120:136].max() == 1
    assert edges[..., :100].max() == 0
    drawn = edges_only(structure_map(points, 256, edges))
    assert drawn[:, :16].abs().max() == 0
    assert drawn[:, 16].max() > 0


def test_gradients_reach_the_points(points):
    points.requires_grad_()
    structure_map(points, 256).sum().backward()
    assert points.grad is not None
    assert points.grad.isfinite().all()
