"""The ops, forward and backward, each form against the slow definition and against the machine's floor."""

from collections.abc import Callable

import torch
from bench.timing import Floor, Row, Work, compare
from gfla.models.ops import Impl, KernelNet, local_attention, warp
from torch import Tensor

ATTENTION = {  # channels, side, kernel, hidden width: ours, the papers' (GFLA at H/8 and H/4), and larger
    "attention 96 x 32, k 3": (96, 32, 3, 24),
    "attention 48 x 64, k 5": (48, 64, 5, 24),
    "attention 256 x 32, k 3": (256, 32, 3, 128),
    "attention 128 x 64, k 5": (128, 64, 5, 128),
    "attention 64 x 128, k 5": (64, 128, 5, 32),
}
WARP = {"warp 3 x 256": (3, 256), "warp 48 x 64": (48, 64), "warp 64 x 256": (64, 256)}


def measure(device: torch.device, repeats: int) -> list[Row]:
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    floor = Floor.of(device, dtype)
    rows: list[Row] = []
    for case, (channels, side, kernel, hidden) in ATTENTION.items():
        shapes = [
            (1, channels, side, side),
            (1, channels, side, side),
            (hidden, channels, kernel, kernel),
            (hidden, channels, kernel, kernel),
            (hidden,),
            (kernel * kernel, hidden),
            (kernel * kernel,),
        ]
        source, target, *weights = [torch.randn(s, device=device, dtype=dtype) * 0.3 for s in shapes]
        inputs = [source, target, smooth_flow(side, device), *weights]
        call = _attention(inputs)
        taps = side * side * kernel * kernel
        operations = 2 * taps * (2 * channels * hidden + hidden + channels)
        rows += _both(case, call, inputs, floor, operations, device, repeats)
    for case, (channels, side) in WARP.items():
        inputs = [torch.randn(1, channels, side, side, device=device, dtype=dtype), smooth_flow(side, device)]
        rows += _both(case, _warp(inputs), inputs, floor, 8 * channels * side * side, device, repeats)
    return rows


def smooth_flow(side: int, device: torch.device) -> Tensor:
    """A smooth flow, as faces have: random memory access would measure something else."""
    coarse = torch.randn(1, 2, 8, 8, device=device) * side / 16
    return torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic")


def _attention(inputs: list[Tensor]) -> Callable[[Impl], Tensor]:
    source, target, flow, *weights = inputs
    return lambda impl: local_attention(source, target, flow, KernelNet(*weights), impl=impl)[0]


def _warp(inputs: list[Tensor]) -> Callable[[Impl], Tensor]:
    return lambda impl: warp(inputs[0], inputs[1], impl=impl)


def _both(
    case: str,
    call: Callable[[Impl], Tensor],
    inputs: list[Tensor],
    floor: Floor,
    operations: float,
    device: torch.device,
    repeats: int,
) -> list[Row]:
    """Rows of the forward pass and of the whole; share: of the floor, 1 would be the machine's limit."""

    def forward(impl: Impl) -> Work:
        @torch.no_grad()
        def work() -> Tensor:
            return call(impl)

        return work

    def whole(impl: Impl) -> Work:
        leaves = [tensor.requires_grad_() for tensor in inputs]
        return lambda: torch.autograd.grad(call(impl).float().square().sum(), leaves)

    impls: list[Impl] = ["reference", "fused"]
    with torch.no_grad():
        out = call("fused")
    moved = sum(t.numel() * t.element_size() for t in (*inputs, out))
    rows: list[Row] = []
    for name, way, times in (("forward", forward, 1), ("with backward", whole, 3)):
        forms = {impl: way(impl) for impl in impls}
        found = compare("ops", f"{case}, {name}", forms, device, repeats=repeats)
        for row in found:
            row.more["share of floor"] = floor.ms(moved * times, operations * times) / row.ms
        rows += found
    return rows
