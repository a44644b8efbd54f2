"""What a GPU is trusted with: each thing is tried on it before its first use, and the answer remembered.

Kernels and half precision depend on a GPU, its driver and the versions above it, which nobody can try all. So
each is compared with the plain form on a small input; what fails is not used, and why not can be said.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from . import reference

Trial = Callable[[torch.device], float]
"""Gives the largest error relative to the plain form's largest value."""
KERNEL_ERROR = 2e-3
"""Relative; kernels and definition differ by the order of sums, some 1e-5, and TF32 where it is allowed."""


def fault(
    device: torch.device, what: str, trial: Trial, most: float, memory: Path | None = None
) -> str | None:
    """Why `what` is not to be used on `device`, a GPU; None if it may be.

    Tried once for a GPU, driver and versions, by `trial`, whose error may be `most`. memory: the file that
    remembers, by default `devices.json` in the user's cache; one that cannot be read or written is done
    without.
    """
    memory = memory or _user_file()
    known: dict[str, str | None] = {}
    with suppress(OSError, ValueError):
        read = json.loads(memory.read_text())
        known = read if isinstance(read, dict) else {}
    key = f"{what}: {machine(device)}"
    if key not in known:
        known[key] = _tried(device, trial, most)
        with suppress(OSError):
            memory.parent.mkdir(parents=True, exist_ok=True)
            part = memory.with_name(f".{memory.name}.{os.getpid()}.part")
            part.write_text(json.dumps(known, indent=1))
            os.replace(part, memory)
    return known[key]


@cache
def kernel_fault(device: torch.device) -> str | None:
    """`fault` of the Triton kernels."""
    return fault(device, "kernels", _try_kernels, KERNEL_ERROR)


def machine(device: torch.device) -> str:
    """GPU, driver, versions and the hash of our kernels: what an answer holds for."""
    driver = ""
    with suppress(OSError):
        driver = Path("/proc/driver/nvidia/version").read_text().splitlines()[0]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    code = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        code.update(file.read_bytes())
    return ", ".join((name, driver, torch.__version__, torch.version.cuda or "", code.hexdigest()[:12]))


def kernel_error(
    device: torch.device,
    warp: Callable[[Tensor, Tensor], Tensor],
    attend: Callable[..., tuple[Tensor, Tensor]],
) -> float:
    """The relative error of a `warp` and of an `attend` (see `fused`) against the definition, float32."""
    random = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random).to(device)

    source, target, flow = noise(2, 24, 20, 20), noise(2, 24, 20, 20), 3 * noise(2, 2, 20, 20)
    net = reference.KernelNet(
        0.1 * noise(8, 24, 3, 3), 0.1 * noise(8, 24, 3, 3), noise(8), noise(9, 8), noise(9)
    )
    border = [F.pad(x, (wide,) * 4, mode="replicate") for x, wide in ((source, 3), (target, 1))]
    halves = F.conv2d(border[0], net.source_weight), F.conv2d(border[1], net.target_weight, net.bias)
    made = (warp(source, flow), *attend(source, *halves, flow, net.tap_weight, net.tap_bias, 0.1))
    right = (reference.warp(source, flow), *reference.local_attention(source, target, flow, net, 0.1))
    return max(relative_error(one, other) for one, other in zip(made, right, strict=True))


def relative_error(made: Tensor, right: Tensor) -> float:
    """The largest difference over the largest value; infinite if any value is not finite."""
    apart = (made.float() - right.float()).abs().max() / right.float().abs().max().clamp_min(1e-6)
    return float(apart.nan_to_num(nan=float("inf")))


def _try_kernels(device: torch.device) -> float:
    from . import triton_attention, triton_warp

    return kernel_error(device, triton_warp.warp, triton_attention.attend)


def _tried(device: torch.device, trial: Trial, most: float) -> str | None:
    """Why it failed, if it did. Nothing that it raises is the user's: what cannot be tried is not used."""
    try:
        with torch.inference_mode(False), torch.no_grad(), torch.autocast(device.type, enabled=False):
            error = trial(device)
    except Exception as error:
        return f"{type(error).__name__} when tried"
    return None if error <= most else f"wrong by {error:.1g} when tried"


def _user_file() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gfla" / "devices.json"


@cache
def has_triton() -> bool:
    return find_spec("triton") is not None
