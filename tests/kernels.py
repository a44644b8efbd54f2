"""The Triton kernels equal the definition, values and gradients: on a GPU, or on a CPU by the interpreter.

`test_ops_gpu` runs this file in a process of its own, for Triton decides when it is first imported.
"""

import pytest
import torch
from attention_cases import CASES, Inputs, attention_inputs, close
from gfla.models.ops import fused, reference
from gfla.models.ops import triton_attention as gpu_attention
from gfla.models.ops import triton_warp as gpu

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TOLERANCE = {torch.float32: 2e-4, torch.bfloat16: 6e-2, torch.float16: 1e-2}


def halves(inputs: Inputs):
    """What `attend` takes, from what `local_attention` takes."""
    hidden = fused.convolve_source(inputs.source, inputs.source_weight)
    target = fused.convolve_target(inputs.target, inputs.target_weight, inputs.bias)
    return inputs.source, hidden, target, inputs.flow, inputs.tap_weight, inputs.tap_bias


@pytest.mark.parametrize("case", [*CASES, (3, 130, 20, 4, 5, 1.0)])
def test_attend_equals_definition_with_gradients(case):
    inputs = attention_inputs(case, torch.float32, DEVICE)
    results = []
    for out, weights in (gpu_attention.attend(*halves(inputs)), reference.local_attention(*inputs.arguments)):
        ramp = torch.linspace(-1, 1, out.numel(), device=DEVICE).view(out.shape)
        loss = (out * ramp).sum() + weights.square().sum()
        results.append((out, weights, *torch.autograd.grad(loss, inputs)))
    for fast, slow in zip(*results, strict=True):
        torch.testing.assert_close(fast, slow, atol=5e-4, rtol=5e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("case", CASES[:2])
def test_attend_in_half_precision_is_near_float32(case, dtype):
    inputs = [t.detach() for t in halves(attention_inputs(case, torch.float32, DEVICE))]
    half = [t if i == 3 else t.to(dtype) for i, t in enumerate(inputs)]
    source, hidden, target, flow, taps, bias = half
    out, weights = gpu_attention.attend(source, hidden, target, flow, taps, bias)
    source, hidden, target, flow, taps, bias = (t.float() for t in half)
    slow, _ = fused.attend(source, hidden, target, flow, taps, bias)
    assert out.dtype == dtype
    assert weights.dtype == torch.float32
    torch.testing.assert_close(out.float(), slow, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("reach", [0.7, 50.0])
def test_warp_equals_definition_with_gradients(reach):
    torch.manual_seed(0)
    source = torch.randn(2, 3, 7, 5, device=DEVICE, requires_grad=True)
    flow = (torch.randn(2, 2, 6, 9, device=DEVICE) * reach).requires_grad_()
    outs = [warp(source, flow) for warp in (gpu.warp, reference.warp)]
    grads = [torch.autograd.grad(out.square().sum(), (source, flow)) for out in outs]
    for fast, slow in zip((outs[0], *grads[0]), (outs[1], *grads[1]), strict=True):
        close(fast, slow, torch.float32)


def test_flow_that_is_no_number_reads_the_border():
    source, flow = torch.rand(1, 2, 4, 4, device=DEVICE), torch.full((1, 2, 4, 4), torch.nan, device=DEVICE)
    assert gpu.warp(source, flow).shape == source.shape


def test_warp_reads_channels_last_and_strided():
    source = torch.randn(2, 8, 6, 5, device=DEVICE)
    flow = torch.randn(2, 2, 6, 5, device=DEVICE)
    expected = reference.warp(source, flow)
    close(gpu.warp(source.to(memory_format=torch.channels_last), flow), expected, torch.float32)
    close(gpu.warp(source.mT.contiguous().mT, flow), expected, torch.float32)
