"""Which device to compute on and in which precision, and why, so that nobody has to guess."""

from collections.abc import Callable
from functools import partial

import cv2
import torch

from .errors import InputError


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
        return torch.bfloat16 if can.get("amx_bf16") or can.get("avx512_bf16") else torch.float32
    return torch.float32


def share_cores(device: torch.device) -> dict[str, Callable[[], None]]:
    """What each stage's thread does before it works, so that together they ask for the cores there are.

    Every thread that calls torch would else start as many threads as there are cores. On a CPU the network
    gets most; beside a GPU nothing on the CPU is worth more than a quarter.
    """
    cores = torch.get_num_threads()
    quarter = max(1, cores // 4)
    most = quarter if device.type != "cpu" else max(1, cores - quarter)
    shares = {"track": quarter, "aim": 1, "generate": most, "compose": quarter}
    return {stage: partial(_take, share, quarter) for stage, share in shares.items()}


def _take(threads: int, opencv: int) -> None:
    """torch keeps the number of threads for each thread that calls it, OpenCV one for all."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    if cv2.getNumThreads() != opencv:
        cv2.setNumThreads(opencv)
