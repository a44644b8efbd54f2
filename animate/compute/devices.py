"""Which device to compute on and in which precision, and why, so that nobody has to guess."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...models import CONFIGS, Generator
from ...models.ops.trial import fault, has_triton, kernel_fault, relative_error
from ..errors import InputError

_HALF_ERROR = 0.1
"""Of a frame, relative: half precision itself gives some .01."""
_WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI")
"""Values of ONEDNN_MAX_CPU_ISA under which torch's convolutions do not multiply in bfloat16."""


def choose_device(asked: str = "auto") -> tuple[str, str]:
    """("cuda", "mps" or "cpu", why): the fastest that torch sees for "auto", or the one asked for.

    InputError if the one asked for is not there.
    """
    if asked not in ("auto", "cpu", "cuda", "mps"):
        raise InputError(f"--device {asked}", "unknown", "take auto, cpu, cuda or mps")
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if asked != "auto":
        if not there[asked]:
            raise InputError(f"--device {asked}", "torch sees no such device here", "leave --device out")
        return asked, "; ".join(("as asked", *device_faults(torch.device(asked))))
    chosen = next(name for name, is_there in there.items() if is_there)
    if chosen == "cpu":
        return chosen, "torch sees no GPU"
    name = torch.cuda.get_device_name() if chosen == "cuda" else "Apple GPU"
    return chosen, "; ".join((f"the fastest torch sees: {name}", *device_faults(torch.device(chosen))))


def device_faults(device: torch.device) -> list[str]:
    """What is not used on a GPU because it was tried there and is wrong: a sentence's part for each."""
    if device.type != "cuda":
        return []
    found = {"float32 alone": half_fault(device) if _multiplies_halves() else None}
    if has_triton():
        found["without our kernels"] = kernel_fault(device)
    return [f"{without}: {reason}" for without, reason in found.items() if reason]


@cache
def half_fault(device: torch.device) -> str | None:
    """Why a GPU is not to compute in half precision, tried on one frame of a small generator."""
    return fault(device, "half precision", half_error, _HALF_ERROR)


def half_error(device: torch.device) -> float:
    """How far a frame in half precision is from float32, relative to its largest value."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = Generator(CONFIGS["face-tiny"]).eval().to(device)
    size, frames = generator.config.size, []
    random = torch.Generator().manual_seed(0)
    image = (torch.rand(1, 3, size, size, generator=random) * 2 - 1).to(device)
    structure = torch.rand(1, 1, generator.config.structure_channels, size // 4, size // 4, generator=random)
    points = torch.rand(1, 1, 68, 2, generator=random).to(device) * size
    structure = structure.to(device)
    for half in (False, True):
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=half):
            reference = generator.encode_reference(image, structure[:, 0], points[:, 0])
            frames.append(generator(structure, points, reference)[0])
    return relative_error(frames[1], frames[0])


def _multiplies_halves() -> bool:
    return torch.cuda.is_bf16_supported(including_emulation=False)


def has_amx() -> bool:
    """Whether the processor multiplies matrices of bfloat16 in tiles, and may."""
    return (
        bool(torch.cpu.get_capabilities().get("amx_bf16"))
        and fast_precision(torch.device("cpu")) == torch.bfloat16
    )


def fast_precision(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it faster than float32, and rightly, else float32."""
    if device.type == "cuda":
        good = _multiplies_halves() and half_fault(device) is None
        return torch.bfloat16 if good else torch.float32
    if device.type == "cpu":
        can = torch.cpu.get_capabilities()
        # Without AMX, Intel's AVX512-BF16 took 1.3 to 1.6 times as long as float32, AMD's .7 times.
        vectors = can.get("avx512_bf16") and not str(can.get("cpu_name", "")).startswith("Intel")
        there = can.get("amx_bf16") or vectors
        allowed = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() not in _WITHOUT_BFLOAT16
        return torch.bfloat16 if there and allowed else torch.float32
    return torch.float32


def fast_arithmetic(device: torch.device, *, cached: bool = True) -> torch.autocast:
    """Autocast to `fast_precision`, none where that is float32. cached: keep cast weights until it ends."""
    precision = fast_precision(device)
    return torch.autocast(device.type, precision, enabled=precision != torch.float32, cache_enabled=cached)


class ThreadCounts(NamedTuple):
    """How many threads torch may use in a stage, so that all stages together use the cores there are.

    Another number of threads rounds differently: the same pictures need the same numbers.
    """

    few: int
    most: int
    one: int = 1

    @classmethod
    def of(cls, device: torch.device, *, alone: bool = False) -> "ThreadCounts":
        """For a pipeline on `device`. On a CPU the network gets most cores; beside a GPU no stage is worth
        more than a quarter of them. alone: for one stage at a time, which may use them all."""
        cores = torch.get_num_threads()
        if alone and device.type == "cpu":
            return cls(cores, cores, cores)
        quarter = max(1, cores // 4)
        return cls(quarter, max(1, cores - quarter) if device.type == "cpu" else quarter)


def set_thread_count(count: int) -> None:
    """Set torch's thread count for the calling thread, and OpenCV's to one, which is quick enough.

    MKL has one count for all threads, so a thread that set its own back and forth would change how others
    round: in a pipeline each thread sets its count once.
    """
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)
    if cv2.getNumThreads() != 1:
        cv2.setNumThreads(1)


@contextmanager
def restore_thread_count() -> Iterator[None]:
    """Set the calling thread's count back to what it was, at the end."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        set_thread_count(before)


def to_device(array: NDArray[Any], device: torch.device) -> Tensor:
    """`array` on `device`."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)


def to_host(tensors: Sequence[Tensor]) -> list[NDArray[Any]]:
    """Tensors of one device as contiguous arrays."""
    return [tensor.contiguous().cpu().numpy() for tensor in tensors]
