"""The Triton kernels against the definition at sizes of real use, without pytest: for `gpu.sh`.

`tests/kernels.py` has the hard cases; this one runs where only torch, Triton and NumPy are.
"""

import torch
from bench.ops import ATTENTION, smooth_flow
from gfla.models.ops import fused, reference
from gfla.models.ops import triton_attention as gpu_attention


def main() -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    for case, (channels, side, kernel, hidden) in ATTENTION.items():
        torch.manual_seed(0)
        shapes = [(1, channels, side, side)] * 2 + [(hidden, channels, kernel, kernel)] * 2
        shapes += [(hidden,), (kernel * kernel, hidden), (kernel * kernel,)]
        a, b, *weights = [(torch.randn(s, device=device) * 0.1).requires_grad_() for s in shapes]
        flow = smooth_flow(side, device).requires_grad_()
        leaves = (a, b, flow, *weights)
        source, target, bias, tap_weight, tap_bias = weights
        halves = (fused.convolve_source(a, source), fused.convolve_target(b, target, bias))
        fast = gpu_attention.attend(a, *halves, flow, tap_weight, tap_bias)
        slow = reference.local_attention(a, b, flow, reference.KernelNet(*weights))
        gradients = [
            torch.autograd.grad(out.square().sum() + w.square().sum(), leaves) for out, w in (fast, slow)
        ]
        for one, other in zip((*fast, *gradients[0]), (*slow, *gradients[1]), strict=True):
            far = (one - other).abs().max() / other.abs().max().clamp_min(1e-6)
            assert far < 2e-3, f"{case}: a relative error of {far:.2g}"
        print(f"{case}: equal to the definition, gradients too")


if __name__ == "__main__":
    main()
