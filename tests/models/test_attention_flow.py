"""Paper 2's model: its parts do what its equations say, and it is called as the generator is."""

from dataclasses import replace

import pytest
import torch
from gfla.models import CONFIGS, AttentionFlowConfig, Generator, load_generator, save_generator
from gfla.models.attention_flow import AttentionFlow
from gfla.models.ops import attention_warp, warp
from torch.nn import functional as F

FACE = AttentionFlowConfig(
    size=64, channels=(8, 8, 16), blocks=(1, 1, 1), flow_channels=(8, 8, 16, 16), key_channels=12
)


def inputs(batch=2, frames=1, size=FACE.size):
    torch.manual_seed(3)
    structure = torch.rand(batch, frames, FACE.structure_channels, size // 4, size // 4)
    return torch.rand(batch, 3, size, size) * 2 - 1, structure, torch.rand(batch, frames, 68, 2) * size


def randomised(config=FACE):
    """A model with every branch alive: zero convolutions would hide faults."""
    torch.manual_seed(0)
    model = AttentionFlow(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.03)
    return model


@torch.inference_mode()
def test_deformations_are_the_equations():
    model = randomised()
    image, structure, points = inputs()
    reference = model.encode_reference(image, structure[:, 0], points[:, 0])
    assert model.query_encoder is not None
    queries = model.query_encoder(structure[:, 0])
    for level, deformation in enumerate(model.deformations(structure[:, 0], points[:, 0], reference)):
        small = F.avg_pool2d(image, (8, 4)[level])
        keys, features = reference.attention_halves[level], reference.features[level]
        attended, flowed = attention_warp(small, keys, queries[level]), warp(small, deformation.flow)
        torch.testing.assert_close(deformation.attended, attended, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(deformation.flowed, flowed, atol=1e-4, rtol=1e-4)
        m = deformation.choice
        assert 0 < m.min() < m.max() < 1
        aligned = m * attention_warp(features, keys, queries[level])
        aligned = aligned + (1 - m) * warp(features, deformation.flow)
        torch.testing.assert_close(deformation.aligned, aligned, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize(("off", "choice"), [("attention", 0.0), ("flow", 1.0)])
def test_without_one_way_the_other_is_taken_everywhere(off, choice):
    config = replace(FACE, **{off: False})
    model = randomised(config)
    image, structure, points = inputs()
    reference = model.encode_reference(image, structure[:, 0], points[:, 0])
    output = model.look_ahead(structure[:, 0], points[:, 0], reference)
    levels = model.deformations(structure[:, 0], points[:, 0], reference)
    assert bool(output.attended) == (off == "flow")
    assert output.image.shape == image.shape
    assert all((level.choice == choice).all() for level in levels)
    assert all((level.flow == 0).all() == (off == "flow") for level in levels)
    assert len(model.state_dict()) < len(randomised().state_dict())


def test_without_either_it_is_refused():
    with pytest.raises(ValueError, match="nothing moves the reference"):
        AttentionFlow(replace(FACE, attention=False, flow=False))


def test_every_parameter_learns():
    model = randomised().train()
    image, structure, points = inputs(frames=2)
    reference = model.encode_reference(image, structure[:, 0], points[:, 0])
    output = model.look_ahead(structure[:, 1], points[:, 1], reference)
    (output.image.square().mean() + sum(a.square().mean() for a in output.attended)).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent


@torch.inference_mode()
def test_it_is_called_as_the_generator_and_frames_are_alone():
    model = randomised()
    image, structure, points = inputs(batch=1, frames=3)
    reference = model.encode_reference(image, structure[:, 0], points[:, 0])
    images, memory, motions = model(structure, points, reference)
    assert images.shape == (1, 3, 3, 64, 64)
    assert not memory.previous
    assert [motion.flow.shape[-1] for motion in motions[0]] == [8, 16, 64]
    alone, _, _ = model(structure[:, 2:], points[:, 2:], reference, memory)
    torch.testing.assert_close(alone, images[:, 2:])


@torch.inference_mode()
def test_colour_of_the_reference_is_seen():
    """No normalisation on the picture's way: a recoloured reference gives another picture."""
    model = randomised()
    image, structure, points = inputs()
    pictures = []
    for picture in (image, 0.5 * image + 0.2):
        reference = model.encode_reference(picture, structure[:, 0], points[:, 0])
        pictures.append(model(structure, points, reference)[0])
    assert (pictures[0] - pictures[1]).abs().mean() > 1e-3


def test_weights_say_which_model_they_are(tmp_path):
    for model in (randomised(), Generator(CONFIGS["face-tiny"])):
        save_generator(tmp_path / "w.safetensors", model)
        loaded = load_generator(tmp_path / "w.safetensors")
        assert type(loaded) is type(model)
        assert loaded.config == model.config
