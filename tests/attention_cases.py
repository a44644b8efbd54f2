"""Inputs of local attention, and how near its forms are to be: what the tests of ops and of kernels share."""

from typing import NamedTuple

import torch
from gfla.models.ops import KernelNet
from torch import Tensor

TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-4, torch.bfloat16: 6e-2}
CASES = [(3, 4, 5, 9, 7, 2.0), (5, 6, 4, 8, 11, 3.0), (5, 3, 4, 5, 4, 40.0), (7, 2, 3, 6, 5, 1.0)]


class Inputs(NamedTuple):
    """Every tensor that local attention takes, in its order."""

    source: Tensor
    target: Tensor
    flow: Tensor
    source_weight: Tensor
    target_weight: Tensor
    bias: Tensor
    tap_weight: Tensor
    tap_bias: Tensor

    @property
    def arguments(self) -> tuple[Tensor, Tensor, Tensor, KernelNet]:
        """The arguments of `local_attention`."""
        return *self[:3], KernelNet(*self[3:])


def attention_inputs(case, dtype, device) -> Inputs:
    k, channels, hidden, height, width, reach = case
    torch.manual_seed(k * height)
    shapes = [
        (2, channels, height, width),
        (2, channels + 1, height, width),
        (hidden, channels, k, k),
        (hidden, channels + 1, k, k),
        (hidden,),
        (k * k, hidden),
        (k * k,),
    ]
    source, target, *weights = [torch.randn(s, dtype=dtype, device=device) * 0.5 for s in shapes]
    flow_dtype = torch.float32 if dtype == torch.bfloat16 else dtype
    flow = torch.randn(2, 2, height, width, dtype=flow_dtype, device=device) * reach
    return Inputs(*(t.requires_grad_() for t in (source, target, flow, *weights)))


def close(a, b, dtype):
    torch.testing.assert_close(a, b, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])
