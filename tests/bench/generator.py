"""The shipped generator's frame in each of its forms, on one thread and on all, and how far from float32."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import torch
from bench.sample import drawn_head, face_generator, inputs_for
from bench.timing import Row, compare
from gfla.models import Generator, GeneratorMemory
from torch import Tensor


def measure(device: torch.device, repeats: int) -> list[Row]:
    """A frame with one previous frame. far: mean distance from float32 in levels of 255."""
    generator = face_generator(device)
    structure, points, reference = (drawn_head if device.type == "cpu" else inputs_for)(generator)
    inputs = (structure[:, 0], points[:, 0])

    def network(by: Generator = generator) -> Tensor:
        ahead = by.look_ahead(*inputs, reference)
        return by.frame(ahead, reference, memory.previous)[0].image

    def exported(calibrate: Callable[[Generator], object] | None) -> Callable[[], Tensor]:
        from gfla.models.openvino.export import export

        return partial(network, export(face_generator(device), torch.bfloat16, calibrate))

    def frame(dtype: torch.dtype, call: Callable[[], Tensor] = network) -> Tensor:
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            return call()

    forms: dict[str, Callable[[], Tensor]] = {
        "float32": partial(frame, torch.float32),
        "bfloat16": partial(frame, torch.bfloat16),
    }
    if device.type == "cpu" and find_spec("openvino"):
        from gfla.animate.animator import rehearse

        forms |= {
            "OpenVINO bfloat16": partial(frame, torch.bfloat16, exported(None)),
            "OpenVINO int8": partial(frame, torch.bfloat16, exported(rehearse)),
        }
    if device.type == "cuda":  # one launch for the frame's hundreds of kernels
        graphs = torch.compile(network, mode="reduce-overhead")
        forms["bfloat16, CUDA graphs"] = lambda: frame(torch.bfloat16, graphs).clone()
    rows: list[Row] = []
    threads = torch.get_num_threads()
    with torch.inference_mode():
        _, memory, _ = generator(structure, points, reference, GeneratorMemory())
        exact = frame(torch.float32)
        for count in sorted({1, threads}):
            torch.set_num_threads(count)
            found = compare("generator", f"face-256, {count} threads", forms, device, repeats=repeats)
            for row, form in zip(found, forms.values(), strict=True):
                row.more["far"] = float((form() - exact).abs().mean()) * 127.5
            rows += found
    torch.set_num_threads(threads)
    return rows
