"""Each ablation changes what it says, and nothing else that a caller sees."""

from dataclasses import replace

import pytest
import torch
from gfla.models import CONFIGS, Generator
from gfla.models.attention import shares
from gfla.models.ops import reference as definitions
from gfla.models.variants import Baseline, BilinearSampling, GlobalAttention, NoPrior, Paper, SummedBlends

TINY = CONFIGS["face-tiny"]
ALL = (Baseline, GlobalAttention, BilinearSampling, Paper, NoPrior, SummedBlends)


def inputs(frames=1, size=TINY.size):
    torch.manual_seed(5)
    structure = torch.rand(2, frames, TINY.structure_channels, size // 4, size // 4)
    return torch.rand(2, 3, size, size) * 2 - 1, structure, torch.rand(2, frames, 68, 2) * size


def randomised(kind, config=TINY):
    torch.manual_seed(0)
    model = kind(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.03)
    return model


def run(model, frames=1):
    image, structure, points = inputs(frames)
    reference = model.encode_reference(image, structure[:, 0], points[:, 0])
    return model.animate(structure, points, reference)[0]


@pytest.mark.parametrize("kind", ALL)
def test_called_as_the_generator_and_every_parameter_learns(kind):
    model = randomised(kind, replace(TINY, previous=0))
    (output,) = run(model)
    assert output.image.shape == (2, 3, 64, 64)
    assert output.image.abs().max() <= 1
    output.image.square().mean().backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None]
    assert not silent


@torch.inference_mode()
@pytest.mark.parametrize("kind", [Paper, BilinearSampling])
def test_papers_paint_every_pixel(kind):
    (output,) = run(randomised(kind))
    assert output.image is output.generated
    assert not output.motions[2].mask.any()


@torch.inference_mode()
def test_bilinear_sampling_reads_what_the_flow_says():
    model = randomised(BilinearSampling)
    features, flow = torch.randn(2, 1, 16, 8, 8), torch.randn(2, 1, 2, 8, 8) * 3
    sampled, weights = model.attention8(torch.randn(2, 16, 8, 8), features, features[:, 0, :0], flow)
    torch.testing.assert_close(sampled[:, 0], definitions.warp(features[:, 0], flow[:, 0]))
    assert (weights == 1).all()


@torch.inference_mode()
def test_summed_blends_double_with_two_references():
    x, logits = torch.randn(1, 4, 3, 3), torch.full((1, 2, 1, 3, 3), -50.0)
    sampled = torch.randn(1, 2, 4, 3, 3)
    summed, mask = randomised(SummedBlends)._fuse(x, sampled.unbind(1), logits)
    torch.testing.assert_close(summed, 2 * x)
    assert mask.max() < 1e-6
    ours, _ = randomised(Generator)._fuse(x, sampled.unbind(1), logits)
    torch.testing.assert_close(ours, x)
    assert shares(logits).max() < 1e-6


@torch.inference_mode()
def test_no_prior_moves_nothing_before_it_learns():
    torch.manual_seed(0)
    still, ours = NoPrior(TINY).eval(), Generator(TINY).eval()
    assert not run(still, frames=2)[1].motions[1].flow.any()
    assert run(ours, frames=2)[1].motions[1].flow.abs().mean() > 0.1


@torch.inference_mode()
def test_global_attention_reads_the_source_wherever_its_places_are():
    """Softmax over the source: shuffling its places changes nothing (the original's was transposed)."""
    model = randomised(GlobalAttention)
    image, structure, points = inputs()
    reference = model.encode_reference(image, structure[:, 0], points[:, 0])
    order = torch.randperm(64)
    shuffled = [f.flatten(2) for f in reference.features]
    shuffled = (shuffled[0][..., order], shuffled[1][..., torch.randperm(256)])
    moved = reference._replace(
        features=tuple(a.view_as(b) for a, b in zip(shuffled, reference.features, strict=True))
    )
    outputs = [model.animate(structure, points, r)[0][0].image for r in (reference, moved)]
    torch.testing.assert_close(*outputs)


@torch.inference_mode()
def test_paper_2s_baseline_is_blind_to_the_sources_structure():
    image, structure, points = inputs(frames=2)
    for sees in (True, False):
        torch.manual_seed(1)
        model = Baseline(TINY, source_structure=sees).eval()
        torch.nn.init.normal_(model.synthesis.paint.weight)
        references = [model.encode_reference(image, structure[:, i], points[:, i]) for i in (0, 1)]
        a, b = (model.animate(structure, points, r)[0][0].image for r in references)
        assert torch.equal(a, b) != sees
