"""Which device to compute on and in which precision, and why, so that nobody has to guess."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .errors import InputError

_WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI")
"""What ONEDNN_MAX_CPU_ISA may hold torch's convolutions to, that does not multiply in bfloat16."""


def choose_device(asked: str = "auto") -> tuple[str, str]:
    """("cuda", "mps" or "cpu", why): the fastest that torch sees for "auto", or the one asked for.

    InputError if the one asked for is not there.
    """
    if asked not in ("auto", "cpu", "cuda", "mps"):
        raise InputError(f"--device {asked}: unknown; take auto, cpu, cuda or mps.")
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if asked != "auto":
        if not there[asked]:
            raise InputError(f"--device {asked}: torch sees no such device here; leave --device out.")
        return asked, "as asked"
    chosen = next(name for name, is_there in there.items() if is_there)
    if chosen == "cpu":
        return chosen, "torch sees no GPU"
    return (
        chosen,
        f"the fastest torch sees: {torch.cuda.get_device_name() if chosen == 'cuda' else 'Apple GPU'}",
    )


def fast_precision(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it faster than float32, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
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


def core_shares(device: torch.device, *, alone: bool = False) -> dict[str, int]:
    """How many threads each part of a step may have, so that together they ask for the cores there are.

    Every thread that calls torch would else start as many threads as there are cores. On a CPU the network
    gets most; beside a GPU nothing on the CPU is worth more than a quarter. alone: one part works at a time.
    """
    cores = torch.get_num_threads()
    quarter = max(1, cores // 4)
    most = quarter if device.type != "cpu" else max(1, cores - quarter)
    if alone and device.type == "cpu":
        return dict.fromkeys(("track", "aim", "look_ahead", "generate", "close_up", "draw", "compose"), cores)
    shares = {"track": quarter, "aim": 1, "look_ahead": quarter, "generate": most}
    return shares | {"close_up": quarter, "draw": 1, "compose": quarter}


def take_cores(count: int) -> None:
    """From now on torch uses so many threads for whichever thread this is, OpenCV one: it is quick enough."""
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)
    if cv2.getNumThreads() != 1:
        cv2.setNumThreads(1)


@contextmanager
def taking(count: int) -> Iterator[None]:
    """`take_cores` for a while. Another number of threads gives other roundings: whoever is to get the same
    pictures as somebody else takes the same number."""
    before = torch.get_num_threads()
    take_cores(count)
    try:
        yield
    finally:
        take_cores(before)


def take_stream(device: torch.device) -> None:
    """On CUDA this thread's work goes from now on to a stream of its own, beside that of other threads.

    A stream waits for no other: what a thread makes is handed on after `finish_stream` alone.
    """
    if device.type == "cuda":
        torch.cuda.set_stream(torch.cuda.Stream(device))


def finish_stream(device: torch.device) -> None:
    """Wait until a CUDA device has done all that this thread asked for, so that others may read it, and
    what it read may be freed."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()


def to_device(array: NDArray[Any], device: torch.device) -> Tensor:
    """`array` on `device`; to CUDA from pinned memory, so that nobody waits for the copy."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def to_host(tensors: Sequence[Tensor]) -> list[NDArray[Any]]:
    """Tensors of one device as contiguous arrays; from CUDA through pinned memory, with one wait for all."""
    if tensors[0].device.type != "cuda":
        return [tensor.contiguous().cpu().numpy() for tensor in tensors]
    copies = [
        torch.empty(t.shape, dtype=t.dtype, pin_memory=True).copy_(t, non_blocking=True) for t in tensors
    ]
    finish_stream(tensors[0].device)
    return [copy.numpy() for copy in copies]
