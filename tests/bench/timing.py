"""Measures forms of the same work against each other: interleaved, so that a busy machine is busy for all."""

import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median

import torch

Work = Callable[[], object]


@dataclass
class Row:
    """One form of one case.

    ms: median wall milliseconds. cpu: median processor milliseconds of all threads (what is left of a
    measurement on a machine that others use too). ratio: ms over that of the case's first form. more: what
    else was measured, by name.
    """

    part: str
    case: str
    form: str
    ms: float
    cpu: float
    ratio: float = 1.0
    more: dict[str, float] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.part, self.case, self.form


def compare(
    part: str, case: str, forms: Mapping[str, Work], device: torch.device, *, repeats: int = 9
) -> list[Row]:
    """A row for each form: medians of `repeats` rounds in each of which every form runs once, after one
    round that is not counted."""
    walls: dict[str, list[float]] = {name: [] for name in forms}
    cpus: dict[str, list[float]] = {name: [] for name in forms}
    for count in range(repeats + 1):
        for name, work in forms.items():
            wall, cpu = once(work, device)
            if count:
                walls[name].append(wall)
                cpus[name].append(cpu)
    rows = [Row(part, case, name, median(walls[name]) * 1e3, median(cpus[name]) * 1e3) for name in forms]
    for row in rows:
        row.ratio = row.ms / rows[0].ms
    return rows


def once(work: Work, device: torch.device) -> tuple[float, float]:
    """(wall, processor) seconds of `work`, the device's queue drained before and after."""
    _drain(device)
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    _drain(device)
    return time.perf_counter() - wall, time.process_time() - cpu


def _drain(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@dataclass(frozen=True)
class Floor:
    """What this machine can do at best, measured: bytes a second copied, operations a second multiplied."""

    bandwidth: float
    rate: float

    @classmethod
    def of(cls, device: torch.device, dtype: torch.dtype) -> "Floor":
        large = torch.empty(2**28 if device.type == "cuda" else 2**24, device=device)
        target = torch.empty_like(large)
        side = 4096 if device.type == "cuda" else 1024
        a = torch.randn(side, side, device=device, dtype=dtype)
        copied = min(once(lambda: target.copy_(large), device)[0] for _ in range(7))
        multiplied = min(once(lambda: a @ a, device)[0] for _ in range(7))
        return cls(2 * large.numel() * large.element_size() / copied, 2 * side**3 / multiplied)

    def ms(self, moved: float, operations: float) -> float:
        """The least milliseconds for so many bytes moved and operations done."""
        return 1e3 * max(moved / self.bandwidth, operations / self.rate)


def peak_bytes(device: torch.device) -> int:
    """The most memory held at once: the GPU's since `reset_peak`, or the process's ever."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
