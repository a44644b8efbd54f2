"""Eight-bit convolutions, held to the exact ones of a network that is worked by hand."""

from importlib.util import find_spec

import numpy as np
import pytest
from gfla.models.openvino.export import _openvino
from gfla.models.openvino.int8 import _steps, largest_step, quantize, watch

pytestmark = pytest.mark.skipif(
    find_spec("openvino") is None, reason="OpenVINO is not installed: pip install 'gfla[export]'"
)
SHAPE = (1, 32, 12, 12)


NOISE = np.random.default_rng(0).normal(size=(32, 32, 3, 3)).astype(np.float32) / 17
VALUES = np.random.default_rng(1).uniform(-0.5, 2.0, SHAPE).astype(np.float32)


def network(kernel: np.ndarray = NOISE):
    """A convolution by `kernel` of 32 channels, named `conv`."""
    ov = _openvino()
    from openvino import opset13 as ops

    given = ops.parameter(SHAPE, ov.Type.f32)
    node = ops.convolution(given, ops.constant(kernel), [1, 1], [1, 1], [1, 1], [1, 1])
    node.set_friendly_name("conv")
    return ov.Model([node], [given])


def run(model, values: np.ndarray = VALUES) -> list[np.ndarray]:
    ov = _openvino()
    done = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": ov.Type.f32})([values])
    return [np.array(done[port]) for port in done]


def test_ranges_are_those_of_what_comes_in():
    model = network()
    assert watch(model) == [["conv"]]
    _, least, most = run(model)
    assert (least.item(), most.item()) == pytest.approx((-0.5, 2.0), abs=0.01)


def test_eight_bits_are_near():
    """And as near as they can be: half as many steps of a weight leave twice as much."""
    model = network()
    (exact,) = run(model)
    quantize(model, {"conv": (-0.5, 2.0)})
    assert sum(node.get_type_name() == "FakeQuantize" for node in model.get_ops()) == 2
    (near,) = run(model)
    far = np.abs(near - exact)
    assert 0 < far.mean() < 0.01 * np.abs(exact).mean() * 127 / largest_step()


def test_the_largest_sums_do_not_overflow():
    """Every weight and every input at the end of its range: on AVX2 127 steps would lose half."""
    model = network(kernel=np.full((32, 32, 3, 3), 0.25, np.float32))
    values = np.full(SHAPE, 2.0, np.float32)
    (exact,) = run(model, values)
    quantize(model, {"conv": (0.0, 2.0)})
    np.testing.assert_allclose(run(model, values)[0], exact, rtol=0.001)


def test_what_has_no_range_or_is_narrow_stays_exact():
    for model, ranges in ((network(), {}), (network(NOISE[:8]), {"conv": (-0.5, 2.0)})):
        (exact,) = run(model)
        quantize(model, ranges)
        assert np.array_equal(run(model)[0], exact)


@pytest.mark.parametrize("span", [(-0.3, 1.7), (0.0, 1.0), (-2.0, 0.0), (0.2, 0.9), (0.0, 0.0)])
def test_zero_is_one_of_the_steps(span: tuple[float, float]):
    low, high = _steps(*span)
    step = (high - low) / 255
    assert low / step == pytest.approx(round(low / step), abs=1e-6)
    assert low <= 0 <= high
    assert high - low == pytest.approx(max(span[1], 1e-6) - min(span[0], 0), rel=1e-9)
