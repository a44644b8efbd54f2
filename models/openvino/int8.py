"""Eight-bit integers for a converted network's large convolutions, in ranges measured on pictures.

Weights are quantised symmetrically per channel, inputs in 256 steps of their measured range, of which one is
zero. Narrow convolutions stay exact: they cost little and carry pixels and flows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    import openvino

NARROW = 24
"""Convolutions with fewer channels than this, in or out, are left alone."""

_WIDE_SUMS = ("avx512_vnni", "avx_vnni", "amx_int8")
"""x86-64 instruction sets that sum 8-bit products in 32 bits. Without one, as in AVX2, pairs are summed in 16
bits, which two of the largest products overflow."""

Ranges = dict[str, tuple[float, float]]
"""Smallest and largest input value of each convolution, by its name."""


def watch(model: openvino.Model) -> list[list[str]]:
    """Append outputs to `model`: the smallest and the largest value of every input of a large convolution.
    Returns, for each such pair, the names of the convolutions that read this input."""
    from openvino import opset13 as ops

    sources: dict[Any, Any] = {}
    names: dict[Any, list[str]] = {}
    for node in _convolutions(model):
        key = _key(node.input_value(0))
        sources[key] = node.input_value(0)
        names.setdefault(key, []).append(node.get_friendly_name())
    for source in sources.values():
        axes = np.arange(4)
        for reduced in (ops.reduce_min(source, axes, True), ops.reduce_max(source, axes, True)):
            model.add_outputs([reduced.output(0)])
    return list(names.values())


def _key(source: Any) -> tuple[str, int]:
    return source.get_node().get_friendly_name(), source.get_index()


def _convolutions(model: openvino.Model) -> list[Any]:
    """The convolutions to quantise, in order of execution; their names are the same at every size."""
    found = [node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution"]
    return [node for node in found if min(node.input(1).get_shape()[:2]) >= NARROW]


def largest_step() -> int:
    """Steps for a channel's largest weight: 127, or 64 where 2 x 127 x 255 would overflow."""
    can = torch.cpu.get_capabilities()
    narrow = can.get("architecture") == "x86_64" and not any(can.get(name) for name in _WIDE_SUMS)
    return 64 if narrow else 127


def quantize(model: openvino.Model, ranges: Ranges) -> None:
    """Make the convolutions of `model` that have a range in `ranges` compute in eight bits on this CPU."""
    from openvino import opset13 as ops

    headroom = 127 / largest_step()
    given: dict[Any, Any] = {}
    for node in _convolutions(model):
        if node.get_friendly_name() not in ranges:
            continue
        source = node.input_value(0)
        key = _key(source)
        if key not in given:
            low, high = _steps(*ranges[node.get_friendly_name()])
            low, high = (ops.constant(np.array(x, np.float32)) for x in (low, high))
            given[key] = ops.fake_quantize(source, low, high, low, high, 256)
        node.input(0).replace_source_output(given[key].output(0))
        weights = node.input_value(1)
        values = weights.get_node().get_data()
        most = np.maximum(np.abs(values).max(axis=(1, 2, 3), keepdims=True), 1e-8) * headroom
        most = ops.constant(most.astype(np.float32))
        least = ops.constant(-most.get_data())
        node.input(1).replace_source_output(
            ops.fake_quantize(weights, least, most, least, most, 255).output(0)
        )
    model.validate_nodes_and_infer_types()


def _steps(low: float, high: float) -> tuple[float, float]:
    """The range shifted slightly so that zero, the convolutions' padding, is one of its 256 steps."""
    low, high = min(low, 0.0), max(high, 1e-6)
    step = (high - low) / 255
    below = round(-low / step)
    return -below * step, (255 - below) * step
