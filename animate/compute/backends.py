"""What computes the generator: torch, or OpenVINO, which runs convolutions in eight bits, faster on a CPU.

The choice is made once, when weights are loaded.
"""

import platform
from collections.abc import Callable
from importlib.util import find_spec
from typing import Literal, NamedTuple, get_args

import torch

from ...models import AnyGenerator, Generator
from ..errors import InputError
from .devices import (
    ThreadCounts,
    choose_device,
    fast_precision,
    has_amx,
    restore_thread_count,
    set_thread_count,
)

Backend = Literal["torch", "openvino"]
BACKENDS: tuple[str, ...] = ("auto", *get_args(Backend))
_EIGHT_BITS = ("x86_64", "amd64", "aarch64", "arm64")
"""Processors for which OpenVINO has convolutions in eight bits. With AMX, torch's bfloat16 is as fast: of the
shipped driver's 200 frames, tracking and start included, 25 s and 24 s on two cores, after the half minute
that OpenVINO takes at its first use."""


class Placement(NamedTuple):
    """Where and by what a network is computed, and why."""

    device: str
    backend: Backend
    reason: str


def place(backend: str, asked: str) -> Placement:
    """The back end asked for and a device for it; for "auto" OpenVINO where a CPU without AMX computes and it
    is there.

    InputError if the two do not go together, or it is not installed.
    """
    if backend not in BACKENDS:
        raise InputError(f"--backend {backend}", "unknown", f"take {' or '.join(BACKENDS)}")
    there = find_spec("openvino") is not None
    if backend != "openvino":
        device, reason = choose_device(asked)
        if backend == "torch" or device != "cpu" or platform.machine().lower() not in _EIGHT_BITS:
            return Placement(device, "torch", reason)
        if has_amx():
            return Placement(device, "torch", f"{reason}; with AMX torch is as fast as OpenVINO")
        if there:
            return Placement(device, "openvino", f"{reason}; OpenVINO in eight bits is faster than torch")
        return Placement(device, "torch", f"{reason}; OpenVINO would be faster, but is not installed")
    if asked not in ("auto", "cpu"):
        raise InputError(f"--backend {backend}", "it computes on the CPU", f"leave --device {asked} out")
    if not there:
        raise InputError(
            f"--backend {backend}", "it needs OpenVINO", "install it with: pip install 'gfla[export]'"
        )
    return Placement("cpu", "openvino", "OpenVINO computes there")


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
