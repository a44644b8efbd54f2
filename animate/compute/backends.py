"""What computes the generator: torch, or OpenVINO, which runs convolutions in eight bits, faster on a CPU.

The choice is made once, when weights are loaded.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Literal, get_args

import torch

from ...models import AnyGenerator, Generator
from ..errors import InputError
from .devices import ThreadCounts, choose_device, fast_precision, restore_thread_count, set_thread_count

Backend = Literal["torch", "openvino"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)


def place(backend: str, asked: str) -> tuple[str, str]:
    """`choose_device` for a back end: (device, why). InputError if the two do not go together, or it is not
    installed."""
    if backend not in BACKENDS:
        raise InputError(f"--backend {backend}", "unknown", f"take {' or '.join(BACKENDS)}")
    if backend == "torch":
        return choose_device(asked)
    if asked not in ("auto", "cpu"):
        raise InputError(f"--backend {backend}", "it computes on the CPU", f"leave --device {asked} out")
    if find_spec("openvino") is None:
        raise InputError(
            f"--backend {backend}", "it needs OpenVINO", "install it with: pip install 'gfla[export]'"
        )
    return choose_device("cpu")[0], f"{backend} computes there"


def compile_for_backend(
    generator: AnyGenerator,
    backend: str,
    name: str,
    rehearse: Callable[[Generator], object],
) -> AnyGenerator:
    """`generator` as `backend` computes it. name: of its weights, for errors. rehearse: runs a generator on
    typical pictures, to measure the ranges of its activations. InputError if the model is not supported."""
    if backend == "torch":
        return generator
    if not isinstance(generator, Generator):
        raise InputError(f"{name}: --backend {backend}", "not for the model of these weights", "leave it out")
    from ...models.openvino.export import export

    cpu = torch.device("cpu")
    count = ThreadCounts.of(cpu).most  # as a stream generates
    with restore_thread_count():
        set_thread_count(count)
        return export(generator, fast_precision(cpu), rehearse)
