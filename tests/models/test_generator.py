"""The generator as a stream: a value goes in and comes out, and nothing else is remembered."""

import gc
import tracemalloc

import pytest
import torch
from gfla.models import CONFIGS, Generator, GeneratorMemory, Layers, frame_residuals
from gfla.models.attention import fuse, shares
from gfla.models.priors.spline import spline_flow
from torch.utils.flop_counter import FlopCounterMode

TINY = CONFIGS["face-tiny"]


def randomised(config, seed=0):
    """A generator with every branch alive: zero convolutions would hide faults."""
    torch.manual_seed(seed)
    generator = Generator(config).eval()
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.03)
    return generator


def clip(frames, seed, size=TINY.size, batch=1):
    random = torch.Generator().manual_seed(seed)
    structure = torch.rand(batch, frames, 17, size // 4, size // 4, generator=random)
    base = torch.rand(batch, 1, 68, 2, generator=random) * size * 0.6 + size * 0.2
    points = base + torch.randn(batch, frames, 68, 2, generator=random)
    image = torch.rand(batch, 3, size, size, generator=random) * 2 - 1
    return image, structure, points


@pytest.fixture(scope="module")
def generator():
    return randomised(TINY)


def encode(generator, image, structure, points, layers=None):
    return generator.encode_reference(image, structure[:, 0], points[:, 0], layers)


def layers_of(image, seed=0):
    """A person in the middle of `image`, and another picture behind it."""
    matte = torch.zeros_like(image[:, :1])
    matte[..., 12:, 16:48] = 1
    plate = torch.rand(image.shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return Layers(matte, plate)


@torch.inference_mode()
def test_clip_in_one_call_equals_frame_by_frame(generator):
    image, structure, points = clip(5, seed=1)
    reference = encode(generator, image, structure, points)
    whole, _, _ = generator(structure, points, reference)
    memory, frames = GeneratorMemory(), []
    for t in range(5):
        frame, memory, _ = generator(structure[:, t : t + 1], points[:, t : t + 1], reference, memory)
        frames.append(frame)
    torch.testing.assert_close(torch.cat(frames, 1), whole, atol=0, rtol=0)


@torch.inference_mode()
def test_two_parts_with_the_state_carried_equal_the_whole(generator):
    image, structure, points = clip(6, seed=2)
    reference = encode(generator, image, structure, points)
    whole, _, _ = generator(structure, points, reference)
    a, memory, _ = generator(structure[:, :4], points[:, :4], reference)
    b, _, _ = generator(structure[:, 4:], points[:, 4:], reference, memory)
    torch.testing.assert_close(torch.cat((a, b), 1), whole, atol=0, rtol=0)
    fresh, _, _ = generator(structure[:, 4:], points[:, 4:], reference)
    assert (fresh - b).abs().max() > 1e-4, "the previous frame has no influence"


@torch.inference_mode()
def test_interleaved_streams_do_not_touch(generator):
    streams = [clip(4, seed=s) for s in (3, 4)]
    references = [encode(generator, *stream) for stream in streams]
    alone = [generator(s[1], s[2], r)[0] for s, r in zip(streams, references, strict=True)]
    memories = [GeneratorMemory(), GeneratorMemory()]
    for t in range(4):
        for i, (_, structure, points) in enumerate(streams):
            frame, memories[i], _ = generator(
                structure[:, t, None], points[:, t, None], references[i], memories[i]
            )
            torch.testing.assert_close(frame[:, 0], alone[i][:, t], atol=0, rtol=0)


@pytest.mark.slow
@torch.inference_mode()
@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.long)])
def test_many_frames_in_flat_memory(generator, count):
    image, structure, points = clip(1, seed=5)
    reference = encode(generator, image, structure, points)

    def living():
        gc.collect()
        return sum(1 for o in gc.get_objects() if type(o) is torch.Tensor)

    memory = GeneratorMemory()
    for _ in range(20):
        _, memory, _ = generator(structure, points, reference, memory)
    tracemalloc.start()
    tensors, (python, _) = living(), tracemalloc.get_traced_memory()
    for _ in range(count):
        _, memory, _ = generator(structure, points, reference, memory)
    assert living() == tensors
    assert tracemalloc.get_traced_memory()[0] - python < 200_000
    tracemalloc.stop()
    assert len(memory.previous) == TINY.previous


@torch.inference_mode()
def test_streams_in_a_batch_equal_streams_alone(generator):
    """Up to the rounding of the spline's float32 solution, which noise for a picture makes visible."""
    image, structure, points = clip(3, seed=6, batch=2)
    both, _, _ = generator(structure, points, encode(generator, image, structure, points))
    for i in range(2):
        one = slice(i, i + 1)
        alone, _, _ = generator(
            structure[one], points[one], encode(generator, image[one], structure[one], points[one])
        )
        torch.testing.assert_close(both[one], alone, atol=5e-4, rtol=0)


@torch.inference_mode()
def test_any_number_of_previous_frames():
    from dataclasses import replace

    for count in (0, 3):
        model = randomised(replace(TINY, previous=count))
        image, structure, points = clip(5, seed=7)
        images, memory, motions = model(structure, points, encode(model, image, structure, points))
        assert images.shape == (1, 5, 3, 64, 64)
        assert len(memory.previous) == count
        assert [m[1].flow.shape[1] for m in motions] == [min(t, count) + 1 for t in range(5)]


@torch.inference_mode()
def test_recolouring_the_source_recolours_the_output(generator):
    """The original normalises the source image away: any recolouring gave the same output (facts H-1)."""
    image, structure, points = clip(1, seed=8)
    plain, _, _ = generator(structure, points, encode(generator, image, structure, points))
    dark = image * 0.5 - 0.3
    other, _, _ = generator(structure, points, encode(generator, dark, structure, points))
    assert (plain - other).abs().mean() > 0.05


@torch.inference_mode()
def test_an_untrained_generator_starts_from_the_spline_warp():
    model = Generator(TINY).eval()
    image, structure, points = clip(1, seed=9)
    output = model.animate(structure, points, encode(model, image, structure, points))[0][0]
    flow = spline_flow(points[:, 0], points[:, :1].flatten(0, 1)[:, None], TINY.size, 4, "head")[:, 0]
    torch.testing.assert_close(output.motions[1].flow[:, 0], flow / 4, atol=1e-4, rtol=1e-4)
    assert torch.allclose(output.motions[0].mask, torch.full_like(output.motions[0].mask, 0.5))


@torch.inference_mode()
def test_without_a_person_there_is_only_the_plate_and_with_nothing_else_only_the_picture():
    model = randomised(TINY)
    for head in (model.flow.head8, model.flow.head4):  # no corrections
        for parameter in head.parameters():
            parameter.zero_()
    image, structure, points = clip(1, seed=12)
    plate = layers_of(image).plate
    nobody, all_over = torch.zeros_like(image[:, :1]), torch.ones_like(image[:, :1])
    empty, full, plain = (
        model.animate(structure, points, encode(model, image, structure, points, layers))[0][0]
        for layers in (Layers(nobody, plate), Layers(all_over, plate), None)
    )
    torch.testing.assert_close(empty.warped, plate, atol=0.01, rtol=0)
    torch.testing.assert_close(full.warped, plain.warped, atol=0.01, rtol=0)
    assert empty.cover is not None
    assert full.cover is not None
    assert empty.cover.max() < 0.01
    assert full.cover.min() > 0.99
    assert plain.cover is None


@torch.inference_mode()
def test_a_moved_person_uncovers_the_plate():
    model = Generator(TINY).eval()
    image, structure, points = clip(1, seed=13)
    layers = layers_of(image)
    reference = model.encode_reference(image, structure[:, 0], points[:, 0] - 6, layers)
    output = model.animate(structure, points, reference)[0][0]  # moved by 6 pixels to the right and down
    assert output.cover is not None
    cover = output.cover[0, 0, 30:50].mean(0)
    assert cover[16:20].max() < 0.1
    assert cover[24:46].min() > 0.9
    assert cover[50:52].min() > 0.9
    uncovered = output.warped[0, :, 30:50, 16:20], layers.plate[0, :, 30:50, 16:20]
    torch.testing.assert_close(*uncovered, atol=0.2, rtol=0)


@torch.inference_mode()
def test_a_layered_clip_in_one_call_equals_frame_by_frame(generator):
    image, structure, points = clip(3, seed=14)
    reference = encode(generator, image, structure, points, layers_of(image))
    whole, _, _ = generator(structure, points, reference)
    memory, frames = GeneratorMemory(), []
    for t in range(3):
        frame, memory, _ = generator(structure[:, t : t + 1], points[:, t : t + 1], reference, memory)
        frames.append(frame)
    torch.testing.assert_close(torch.cat(frames, 1), whole, atol=0, rtol=0)


def test_gradients_reach_every_parameter():
    model = randomised(TINY)
    image, structure, points = clip(2, seed=10)
    images, _, _ = model(structure, points, encode(model, image, structure, points, layers_of(image)))
    images.square().sum().backward()
    dead = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert dead == []


def test_shares_and_fusion_are_convex():
    logits = torch.randn(2, 3, 1, 4, 5)
    mask = shares(logits)
    assert mask.shape == logits.shape
    assert (mask.sum(1) < 1).all()
    ones = fuse(torch.ones(2, 6, 4, 5), torch.ones(2, 3, 6, 4, 5).unbind(1), mask)
    torch.testing.assert_close(ones, torch.ones_like(ones))


def test_spline_interpolates_and_leaves_still_points_still():
    target = torch.rand(1, 68, 2) * 150 + 50
    still = spline_flow(target, target[:, None], 256, stride=4)
    assert still.abs().max() < 1e-3
    moved = spline_flow(target, (target + torch.tensor([4.0, -2.0]))[:, None], 256, stride=4)
    x, y = (target[0] / 4).round().long().unbind(-1)
    at_points = moved[0, 0][:, y, x]
    assert (at_points - torch.tensor([[4.0], [-2.0]])).abs().mean() < 0.5


def test_spline_does_not_explode_under_autocast():
    target = torch.rand(1, 68, 2) * 150 + 50
    source = (target * torch.tensor([0.5, 1.0]) + torch.tensor([60.0, 0.0]))[:, None]
    exact = spline_flow(target, source, 256, stride=4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(spline_flow(target, source, 256, stride=4), exact)


def test_face_256_keeps_its_budget():
    """At most 12 GFLOP a frame (multiply-add = 2, source cached) and 12 MB in half precision."""
    config = CONFIGS["face-256"]
    model = Generator(config).eval()
    assert sum(p.numel() for p in model.parameters()) * 2 < 12e6
    image, structure, points = clip(1, seed=0, size=256)
    with torch.inference_mode():
        reference = encode(model, image, structure, points)
        _, memory, _ = model(structure, points, reference)
        with FlopCounterMode(display=False) as counter:
            model(structure, points, reference, memory)
    assert counter.get_total_flops() < 12e9


def test_paper_widths_give_the_papers_order_of_parameters():
    count = sum(p.numel() for p in Generator(CONFIGS["face-256-paper"]).parameters())
    assert 14e6 < count < 17e6


def test_frame_residuals_vanish_on_a_still_clip():
    frames = torch.rand(1, 1, 3, 8, 8).expand(1, 3, 3, 8, 8)
    assert frame_residuals(frames).abs().max() == 0
    assert frame_residuals(torch.rand(2, 3, 3, 8, 8)).shape == (2, 6, 8, 8)
