"""The fast ops equal the slow ones: values and gradients, borders, far flows, odd sizes, every dtype."""

import pytest
import torch
from attention_cases import CASES, Inputs, attention_inputs, close
from gfla.models.ops import KernelNet, attention_warp, local_attention, reference, warp
from torch.nn.attention import SDPBackend, sdpa_kernel

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("case", CASES)
def test_local_attention_equals_definition_with_gradients(case, dtype, device):
    inputs = attention_inputs(case, dtype, device)
    results = []
    for impl in ("reference", "fused"):
        out, weights = local_attention(*inputs.arguments, impl=impl)
        ramp = torch.linspace(-1, 1, out.numel(), dtype=dtype, device=device).view_as(out)
        loss = (out * ramp).sum() + (weights.square()).sum()
        results.append((out, weights, *torch.autograd.grad(loss, inputs)))
    for slow, fast in zip(*results, strict=True):
        close(fast, slow, dtype)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("case", CASES[:2])
def test_local_attention_in_bfloat16_is_near_float32(case, device):
    inputs = Inputs(*(t.detach() for t in attention_inputs(case, torch.bfloat16, device)))
    fast, _ = local_attention(*inputs.arguments)
    slow, _ = local_attention(*Inputs(*(t.float() for t in inputs)).arguments, impl="reference")
    assert fast.dtype == torch.bfloat16
    close(fast.float(), slow, torch.bfloat16)


def test_local_attention_accepts_strided_inputs():
    inputs = Inputs(*(t.detach() for t in attention_inputs(CASES[0], torch.float64, "cpu")))
    expected, _ = local_attention(*inputs.arguments)
    strided = Inputs(*(t.to(memory_format=torch.channels_last) if t.ndim == 4 else t for t in inputs))
    close(local_attention(*strided.arguments)[0], expected, torch.float64)


def test_uniform_weights_at_zero_flow_give_the_mean_of_the_patch():
    """Worked by hand: zero tap weights mean a softmax of equals, so a 3 x 3 box mean with repeated border."""
    source = torch.arange(9.0).view(1, 1, 3, 3)
    zeros = torch.zeros
    net = KernelNet(zeros(2, 1, 3, 3), zeros(2, 1, 3, 3), zeros(2), zeros(9, 2), zeros(9))
    out, weights = local_attention(source, source, zeros(1, 2, 3, 3), net)
    assert torch.allclose(weights, torch.full_like(weights, 1 / 9))
    assert out[0, 0, 1, 1].item() == pytest.approx(4)
    assert out[0, 0, 0, 0].item() == pytest.approx((4 * 0 + 2 * 1 + 2 * 3 + 4) / 9)


def test_attention_of_a_constant_is_that_constant():
    inputs = attention_inputs(CASES[1], torch.float64, "cpu")
    inputs = inputs._replace(source=torch.ones_like(inputs.source))
    assert torch.allclose(local_attention(*inputs.arguments)[0], torch.ones((), dtype=torch.float64))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("reach", [0.7, 50.0])
def test_warp_equals_definition_with_gradients(reach, device):
    torch.manual_seed(0)
    source = torch.randn(2, 3, 7, 5, dtype=torch.float64, device=device, requires_grad=True)
    flow = (torch.randn(2, 2, 6, 9, dtype=torch.float64, device=device) * reach).requires_grad_()
    outs = [warp(source, flow, impl=impl) for impl in ("reference", "fused")]
    grads = [torch.autograd.grad(out.square().sum(), (source, flow)) for out in outs]
    close(outs[1], outs[0], torch.float64)
    for fast, slow in zip(grads[1], grads[0], strict=True):
        close(fast, slow, torch.float64)


def test_warp_reads_to_the_right_for_positive_x():
    source = torch.arange(12.0).view(1, 1, 3, 4)
    flow = torch.zeros(1, 2, 3, 4)
    flow[:, 0] = 1
    assert warp(source, flow)[0, 0, 1].tolist() == [5, 6, 7, 7]


def test_warp_keeps_half_precision_positions_exact():
    """bfloat16 cannot hold 200.25; the positions must not pass through it."""
    source = torch.linspace(0, 1, 256).expand(1, 1, 4, 256).to(torch.bfloat16)
    flow = torch.full((1, 2, 4, 256), 0.25)
    moved = warp(source, flow).float()
    expected = reference.warp(source.float(), flow)
    assert (moved - expected).abs().max() < 4e-3


def test_unknown_implementation_is_refused():
    with pytest.raises(ValueError, match="reference"):
        warp(torch.zeros(1, 1, 2, 2), torch.zeros(1, 2, 2, 2), impl="slow")  # pyright: ignore[reportArgumentType]  # refused


def correlated(channels, depth, dtype=torch.float64):
    """Values, keys and queries of maps of different sizes."""
    torch.manual_seed(depth)
    shapes = (2, channels, 5, 7), (2, depth, 5, 7), (2, depth, 4, 6)
    return [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize(("channels", "depth"), [(3, 8), (9, 4), (6, 6)])
@pytest.mark.parametrize("alpha", [1.0, 100.0])
def test_attention_warp_equals_definition_with_gradients(channels, depth, alpha):
    inputs = correlated(channels, depth)
    results = []
    for impl in ("fused", "reference"):
        warped = attention_warp(inputs[0], inputs[1], inputs[2], alpha, impl=impl)
        assert warped.shape == (2, channels, 4, 6)
        weight = torch.linspace(-1, 1, warped.numel(), dtype=warped.dtype).view_as(warped)
        results.append((warped, *torch.autograd.grad((warped * weight).sum(), inputs)))
    for a, b in zip(*results, strict=True):
        close(a, b, torch.float64)


def test_correlation_sums_to_one_over_the_reference_and_finds_equals():
    """Ren 2021, Eq. 2: columns are shares; equal unit features of distinct directions give the identity."""
    _, keys, queries = correlated(1, 8)
    matrix = reference.correlation(keys, queries, alpha=100)
    torch.testing.assert_close(matrix.sum(1), torch.ones(2, 24, dtype=torch.float64))
    distinct = torch.eye(12, dtype=torch.float64).view(1, 12, 3, 4)
    torch.testing.assert_close(reference.correlation(distinct, 5 * distinct, 100)[0], torch.eye(12).double())


def test_attention_warp_never_makes_the_matrix():
    """The flash kernel alone is allowed: it would refuse what it cannot do block by block."""
    values, keys, queries = correlated(5, 8, torch.float32)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        warped = attention_warp(values, keys, queries)
        warped.sum().backward()
    close(warped, attention_warp(values, keys, queries, impl="reference"), torch.float32)
