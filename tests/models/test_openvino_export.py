"""OpenVINO's form of the generator is the generator: the same frames, near in eight bits, and made once."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from alive import randomised
from gfla.animate import Animator, Frame
from gfla.animate.batch.saved_state import load_state, save_state
from gfla.animate.compute.devices import fast_precision
from gfla.animate.source_video import Pair
from gfla.animate.streaming.pipeline import Stream, ThreadedStep
from gfla.models import CONFIGS, Generator, GeneratorMemory
from gfla.models.openvino.export import Part, _hash, export
from torch import Tensor
from torch.nn import functional as F

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("openvino") is None, reason="OpenVINO is not installed: pip install 'gfla[export]'"
    ),
]
TINY = CONFIGS["face-tiny"]
WIDE = replace(TINY, channels=(8, 24, 32), flow_channels=(24, 32, 32, 32), attention_hidden=24)
TICK = Fraction(1, 25)
CPU = torch.device("cpu")


def frames(generator: Generator, count: int = 3, batch: int = 1, half: bool = False) -> list[Tensor]:
    """Images (B, 3, H, W), flows, masks and the memory's features of a smooth picture moved by noise."""
    random = torch.Generator().manual_seed(1)
    size = generator.config.size
    structure = torch.rand(batch, count, 17, size // 4, size // 4, generator=random)
    points = torch.rand(batch, 1, 68, 2, generator=random) * size * 0.6 + size * 0.2
    points = points + torch.randn(batch, count, 68, 2, generator=random)
    image = torch.rand(batch, 3, 6, 6, generator=random) * 2 - 1
    image = F.interpolate(image, (size, size), mode="bilinear")
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
        reference = generator.encode_reference(image, structure[:, 0], points[:, 0])
        outputs, memory = generator.animate(structure, points, reference)
    last = outputs[-1]
    return [
        *(output.image for output in outputs),
        *(motion.flow for motion in last.motions),
        *(motion.mask for motion in last.motions),
        *last.attention,
        *(half.float() for kept in memory.previous for half in (kept.flow_half, *kept.attention_halves)),
    ]


@pytest.fixture(scope="module", autouse=True)
def traced_once() -> Iterator[None]:
    """A part of the same weights and shapes is traced once for all tests, for that takes seconds; the rest of
    a conversion is done again."""
    trace, traced = Part._trace, {}

    def once(part: Part, shapes: tuple[tuple[int, ...], ...]):
        weights = part._method.owner.state_dict().values()
        key = part._name, shapes, b"".join(tensor.numpy().tobytes() for tensor in weights)
        if key not in traced:
            traced[key] = trace(part, shapes)
        return traced[key].clone()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Part, "_trace", once)
        yield


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def exported(cache: Path) -> Generator:
    """The tiny generator as OpenVINO computes it in float32: one for all, for compiling takes seconds."""
    return export(randomised(TINY), torch.float32, cache=cache)


def test_frames_equal_torch_in_float32(exported: Generator):
    for one, other in zip(frames(exported, 4), frames(randomised(TINY), 4), strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=1e-3)


@pytest.mark.long
def test_frames_equal_torch_with_two_previous_frames_and_two_streams(cache: Path):
    """With more references and streams than it was first converted for."""
    config = replace(TINY, previous=2)
    exact = frames(randomised(config), 4, 2)
    exported = frames(export(randomised(config), torch.float32, cache=cache), 4, 2)
    for one, other in zip(exported, exact, strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=1e-3)


@pytest.mark.skipif(fast_precision(CPU) == torch.float32, reason="this CPU does not multiply in bfloat16")
def test_half_precision_is_about_as_near_as_that_of_torch(cache: Path):
    exact = frames(randomised(TINY))
    torchs = frames(randomised(TINY), half=True)
    exported = frames(export(randomised(TINY), torch.bfloat16, cache=cache), half=True)
    for one, other, true in zip(exported, torchs, exact, strict=True):
        assert (one.float() - true).abs().mean() < 2 * (other.float() - true).abs().mean() + 1e-4


@pytest.fixture(scope="module")
def eight_bits(cache: Path) -> list[Tensor]:
    """Frames of the wide generator, converted to eight bits after one rehearsal."""
    rehearsals: list[object] = []
    exported = export(randomised(WIDE), torch.float32, lambda it: rehearsals.append(frames(it)), cache)
    assert len(rehearsals) == 1
    return frames(exported)


def test_eight_bits_are_near_and_are_eight_bits(eight_bits: list[Tensor], cache: Path):
    exact, near = frames(randomised(WIDE)), eight_bits
    for one, true in zip(near[:3], exact[:3], strict=True):
        far = (one - true).abs().mean() * 127.5
        assert 1e-4 < far < 1.5, f"{far} levels of 255"
    models = [path.read_text() for path in cache.rglob("decode8_*int8*.xml")]
    assert models
    assert all("FakeQuantize" in model for model in models)


def test_it_is_converted_once(eight_bits: list[Tensor], cache: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither convolutions nor ranges again, and the same pictures bit for bit."""

    def fail(*_) -> None:
        pytest.fail("converted again")

    monkeypatch.setattr(Part, "_converted", fail)
    again = frames(export(randomised(WIDE), torch.float32, fail, cache))
    assert all(torch.equal(one, other) for one, other in zip(eight_bits, again, strict=True))


def test_other_weights_or_versions_are_another_folder():
    generator = randomised(TINY)
    first = _hash(generator, "2026.4")
    assert _hash(randomised(TINY), "2026.4") == first
    assert _hash(generator, "2026.5") != first
    with torch.no_grad():
        generator.paint.weight[0, 0, 0, 0] += 1
    assert _hash(generator, "2026.4") != first


def test_a_damaged_file_is_made_again_and_without_a_cache_it_works(
    exported: Generator, cache: Path, tmp_path: Path
):
    exact = frames(exported, 1)
    cache = shutil.copytree(cache, tmp_path / "cache")
    damaged = list(cache.rglob("encode_target_float32_float32-1x*.xml"))
    for path in damaged:
        path.write_text("no network")
    (tmp_path / "file").touch()
    for folder in (cache, tmp_path / "file"):  # in a file no folder can be made
        again = frames(export(randomised(TINY), torch.float32, cache=folder), 1)
        assert all(torch.equal(one, other) for one, other in zip(again, exact, strict=True))
    assert any(path.read_text() != "no network" for path in damaged)
    assert not [path for path in cache.rglob("*") if path.is_dir() and path.parent != cache]


def test_threads_give_the_plain_loop_bit_for_bit_and_states_are_kept(
    landmarker, head_picture: Callable[..., np.ndarray], exported: Generator, tmp_path: Path
):
    animator = Animator(exported, landmarker)
    animator.networks.precision = torch.float32
    pictures = [Frame(head_picture(i), i, TICK) for i in range(12)]
    state = start = animator.prepare(head_picture(3))
    plain: list[np.ndarray] = []
    for index, picture in enumerate(pictures):
        if index == 6:
            save_state(tmp_path / "state", state, start)
            state = load_state(tmp_path / "state", start, CPU)
        frame, state = animator.step(picture, state)
        plain.append(frame.image)
    with Stream(map(Pair, pictures), ThreadedStep(animator.networks, start).stages) as stream:
        threaded = [item.frame.image for item in stream]
    assert all(np.array_equal(one, other) for one, other in zip(threaded, plain, strict=True))
    assert not np.array_equal(plain[0], plain[-1])


def test_what_it_gave_stays_as_it_was(exported: Generator):
    """Outputs are no memory of the request, which the next call would overwrite."""
    with torch.inference_mode():
        first = exported.encode_target(torch.rand(1, 17, 16, 16))
        before = [tensor.clone() for tensor in first]
        exported.encode_target(torch.rand(1, 17, 16, 16))
    assert all(torch.equal(one, other) for one, other in zip(first, before, strict=True))


@pytest.mark.usefixtures("exported")
def test_nothing_is_told_to_its_makers():
    assert not [name for name, module in sys.modules.items() if name.startswith("openvino_tele") and module]


def test_an_empty_memory_starts_a_stream(exported: Generator):
    random = torch.Generator().manual_seed(1)
    structure = torch.rand(1, 1, 17, 16, 16, generator=random)
    points = torch.rand(1, 1, 68, 2, generator=random) * 64
    with torch.inference_mode():
        reference = exported.encode_reference(torch.zeros(1, 3, 64, 64), structure[:, 0], points[:, 0])
        image, memory, _ = exported(structure, points, reference, GeneratorMemory())
    assert image.shape == (1, 1, 3, 64, 64)
    assert len(memory.previous) == 1
