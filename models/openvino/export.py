"""The generator with its dense layers computed by OpenVINO: on a CPU faster than torch.

The convolutions are nearly all of the work; `Generator` has them in a few methods from tensors to tensors.
Only these are converted, once, and cached; spline, flows, sampling and state stay in torch. So a frame is
defined once, and any number of references fits.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from ..generator import Generator
from ..weights import whole_file
from .int8 import Ranges, largest_step, quantize, watch

if TYPE_CHECKING:
    import openvino

_EXACT = ("estimate", "decode4")
"""Parts that give sub-pixel flows and pictures: their outputs are float32 in any precision."""
_NO_EIGHT_BITS = ("estimate",)
"""Parts whose convolutions stay in `precision`: eight bits in the flow estimator move every edge of the
source by a fraction of a pixel, and its plate shows beside it. Of the shipped portrait one value in a
thousand was 15 levels of 255 from float32 with them, 4 without; of the other parts none alone made it 4."""
_CONVERTING = Lock()  # torch.export is not thread-safe


def export(
    generator: Generator,
    precision: torch.dtype,
    calibrate: Callable[[Generator], object] | None = None,
    cache: Path | None = None,
) -> Generator:
    """Replace the dense parts of `generator`, on the CPU, by OpenVINO's in `precision` (bfloat16 or float32).

    calibrate: makes typical pictures with the generator it is given; large convolutions, but for the flow
    estimator's, then compute in eight bits, in the ranges that occurred. The first call takes half a minute;
    later ones read files in `cache`, by default `user_cache()`. Returns `generator`; ImportError if OpenVINO
    is not installed.
    """
    folder = (cache or user_cache()) / _hash(generator, _openvino().__version__)
    owners = dict.fromkeys(("encode_target", "encode_picture", "decode8", "decode4"), generator) | {
        "estimate": generator.flow
    }
    parts = {name: Part(owner, name, precision, folder) for name, owner in owners.items()}
    for name, owner in owners.items():
        setattr(owner, name, parts[name])
    generator.any_batch = False
    if calibrate:
        coarse = {name: part for name, part in parts.items() if name not in _NO_EIGHT_BITS}
        ranges = _measure(folder / "ranges.json", coarse, lambda: calibrate(generator))
        for name, part in coarse.items():
            part.quantize(ranges[name])
    _try_out(generator, precision)
    return generator


def user_cache() -> Path:
    """Default folder of converted parts: `$XDG_CACHE_HOME/gfla/openvino`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gfla" / "openvino"


class Given(NamedTuple):
    """One input of a part: its shape (B, C, H, W) and type."""

    shape: tuple[int, ...]
    dtype: torch.dtype


class Part:
    """A method of `owner` computed by OpenVINO, converted at the first call with inputs of a shape and type.

    Thread-safe. A call uses as many threads as torch does in the calling thread.
    """

    def __init__(self, owner: nn.Module, name: str, precision: torch.dtype, folder: Path):
        self._method, self._name = _Method(owner, name), name
        self._precision, self._folder = precision, folder
        self._idle: dict[tuple[int, tuple[Given, ...]], list[_Compiled]] = defaultdict(list)
        self._traced: dict[tuple[tuple[int, ...], ...], openvino.Model] = {}
        self._ranges: Ranges | None = None
        self._watched: list[list[str]] = []
        self.measured: Ranges | None = None
        """Ranges seen so far, for `quantize`; None while nothing is measured."""

    def __call__(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        given = tuple(Given(tuple(tensor.shape), tensor.dtype) for tensor in inputs)
        idle = self._idle[torch.get_num_threads(), given]
        try:
            compiled = idle.pop()
        except IndexError:
            model = self._model(given) if self.measured is None else self._converted(given)
            compiled = _Compiled(model, torch.get_num_threads(), self._precision)
        outputs = compiled(inputs)
        idle.append(compiled)
        if self.measured is not None:
            outputs = self._take_ranges(outputs)
        return outputs if outputs[1:] else outputs[0]

    def quantize(self, ranges: Ranges) -> None:
        """Compute in eight bits from now on, where there is a range."""
        self._ranges, self.measured = ranges, None
        self._idle.clear()

    def _take_ranges(self, outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Take the convolutions' input ranges off the end of `outputs`; returns the method's own outputs."""
        assert self.measured is not None
        count = len(outputs) - 2 * len(self._watched)
        seen = iter(outputs[count:])
        for names, least, most in zip(self._watched, seen, seen, strict=True):
            for name in names:
                low, high = self.measured.get(name, (0.0, 0.0))
                self.measured[name] = (min(low, float(least)), max(high, float(most)))
        return outputs[:count]

    def _model(self, given: tuple[Given, ...]) -> openvino.Model:
        """The converted part, from the cache if it is there; a cache that cannot be written is not used."""
        kinds = [f"{_word(kind)}-{'x'.join(map(str, shape))}" for shape, kind in given]
        bits = [] if self._ranges is None else [f"int8-{largest_step()}"]
        ours = [self._name, _word(self._precision), *bits]
        path = self._folder / f"{'_'.join(ours + kinds)}.xml"
        try:
            return _core().read_model(path)
        except RuntimeError:  # missing or damaged
            model = self._converted(given)
        with suppress(OSError):
            _save(model, path)
        return model

    def _converted(self, given: tuple[Given, ...]) -> openvino.Model:
        ov = _openvino()
        with _CONVERTING:
            model = self._trace(tuple(shape for shape, _ in given))
        count = len(model.outputs)
        if self._ranges is not None:
            quantize(model, self._ranges)
        if self.measured is not None:
            self._watched = watch(model)
        layout = ov.preprocess.PrePostProcessor(model)
        for index, (_, kind) in enumerate(given):
            layout.input(index).tensor().set_element_type(_types()[kind]).set_layout(ov.Layout("NHWC"))
            layout.input(index).model().set_layout(ov.Layout("NCHW"))
        kind = torch.float32 if self._name in _EXACT else self._precision
        for index in range(count):
            layout.output(index).tensor().set_element_type(_types()[kind]).set_layout(ov.Layout("NHWC"))
            layout.output(index).model().set_layout(ov.Layout("NCHW"))
        return layout.build()

    def _trace(self, shapes: tuple[tuple[int, ...], ...]) -> openvino.Model:
        """The part as OpenVINO writes it, in float32. Tracing is most of a conversion: what is traced while
        ranges are measured is kept, for its form in eight bits."""
        model = self._traced.pop(shapes, None)
        if model is None:
            examples = tuple(torch.zeros(shape) for shape in shapes)
            with (
                torch.inference_mode(False),
                torch.no_grad(),
                torch.autocast("cpu", enabled=False),
                warnings.catch_warnings(),
            ):
                warnings.simplefilter("ignore")  # torch warns about its own code
                exported = torch.export.export(self._method, examples)
                model = _openvino().convert_model(exported.run_decompositions(_decompositions()))
            model.reshape({index: list(shape) for index, shape in enumerate(shapes)})
        if self.measured is not None:
            self._traced[shapes] = model.clone()
        return model


class _Compiled:
    """A model ready to compute, for one thread at a time: (B, C, H, W) in and out, channels last."""

    def __init__(self, model: openvino.Model, threads: int, precision: torch.dtype):
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": _types()[precision],
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        compiled = _core().compile_model(model, "CPU", settings)
        kinds = {name: kind for kind, name in _types().items()}
        self._outputs = [(tuple(port.shape), kinds[port.get_element_type()]) for port in compiled.outputs]
        self._request = compiled.create_infer_request()

    def __call__(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        given = [x.permute(0, 2, 3, 1).contiguous() for x in inputs]
        made = [torch.empty(shape, dtype=kind) for shape, kind in self._outputs]
        for index, tensor in enumerate(given):
            self._request.set_input_tensor(index, _shared(tensor))
        for index, tensor in enumerate(made):
            self._request.set_output_tensor(index, _shared(tensor))
        self._request.infer()
        return tuple(tensor.permute(0, 3, 1, 2) for tensor in made)


class _Method(nn.Module):
    """A method of `owner` as a module, for `torch.export`."""

    def __init__(self, owner: nn.Module, name: str):
        super().__init__()
        self.owner, self.method = owner, getattr(owner, name)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.method(*inputs)


def _try_out(generator: Generator, precision: torch.dtype) -> None:
    """Make two frames of zeros, so that everything is converted before a user's first frame."""
    config, (height, width) = generator.config, generator.config.shape
    batch, places = (3, 70) if config.task == "closeup" else (1, 68)
    structure = torch.zeros(batch, 2, config.structure_channels, height // 4, width // 4)
    points = (torch.arange(batch * 2 * places * 2) * 37 % height).view(batch, 2, places, 2).float()
    with torch.inference_mode(), torch.autocast("cpu", precision, enabled=precision != torch.float32):
        reference = generator.encode_reference(
            torch.zeros(batch, 3, height, width), structure[:, 0], points[:, 0]
        )
        generator(structure, points, reference)


def _hash(generator: Generator, version: str) -> str:
    """Hash of all that a converted part depends on: weights, configuration, versions, this package's code."""
    settings = json.dumps([version, torch.__version__, asdict(generator.config)])
    hashed = hashlib.sha256(settings.encode())
    for file in sorted(Path(__file__).parents[1].rglob("*.py")):
        hashed.update(file.read_bytes())
    for name, tensor in generator.state_dict().items():
        hashed.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return hashed.hexdigest()[:32]


def _measure(path: Path, parts: dict[str, Part], work: Callable[[], object]) -> dict[str, Ranges]:
    """Ranges of the convolutions' inputs during `work`, by part; cached at `path`."""
    with suppress(OSError, ValueError):
        return json.loads(path.read_text())
    for part in parts.values():
        part.measured = {}
    work()
    ranges = {name: part.measured or {} for name, part in parts.items()}
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            part.write_text(json.dumps(ranges))
    return ranges


def _decompositions() -> dict[Any, Callable[..., Any]]:
    """How operations are written that OpenVINO has in no fast form."""
    return {torch.ops.aten.pad.default: _pad}


def _pad(x: Tensor, padding: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """`F.pad` with "replicate" by joining; OpenVINO's own way, an index, reorders all channels four times."""
    if mode != "replicate":
        return NotImplemented
    left, right, top, bottom = padding
    x = torch.cat([x[..., :1, :]] * top + [x] + [x[..., -1:, :]] * bottom, dim=-2)
    return torch.cat([x[..., :1]] * left + [x] + [x[..., -1:]] * right, dim=-1)


def _word(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _save(model: openvino.Model, path: Path) -> None:
    """Write `model` to `path` and its weights beside it, both whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder) / path.name
        try:
            _openvino().save_model(model, part, compress_to_fp16=False)
        except RuntimeError as error:
            raise OSError(str(error)) from error
        for suffix in (".bin", ".xml"):  # in this order: a reader that finds the .xml finds the .bin
            os.replace(part.with_suffix(suffix), path.with_suffix(suffix))


def _shared(tensor: Tensor) -> openvino.Tensor:
    """An OpenVINO view of `tensor`, which must outlive it."""
    ov = _openvino()
    if tensor.dtype == torch.bfloat16:
        return ov.Tensor(tensor.view(torch.int16).numpy(), list(tensor.shape), ov.Type.bf16)
    return ov.Tensor(tensor.numpy(), shared_memory=True)


@cache
def _openvino() -> Any:
    """The package, without its telemetry, which reports every import and conversion to its makers."""
    sys.modules.setdefault("openvino_telemetry", None)  # pyright: ignore[reportArgumentType]
    import openvino
    import openvino.preprocess

    return openvino


@cache
def _core() -> openvino.Core:
    return _openvino().Core()


@cache
def _types() -> dict[torch.dtype, openvino.Type]:
    ov = _openvino()
    return {torch.float32: ov.Type.f32, torch.bfloat16: ov.Type.bf16}
