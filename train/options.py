"""What gfla-train may be asked for beside its config, declared once: length, device, and how it computes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..animate.declare import check_options, option
from .config import TrainConfig
from .record.tracking import TRACKERS

_COMPUTING, _WATCHING = "computing", "watching"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a run is done. InputError for a value out of range.

    `accumulate` and `patience` change what is learnt; the others only round differently.
    """

    steps: int | None = option(None, "count", "length of the run (default: the config's)")
    device: str = option("cpu", "text", "auto, cpu, cuda or mps (default: cpu)", _COMPUTING)
    precision: str = option(
        "auto",
        "choice",
        "fp32, bf16, fp16, or auto: bf16 where it is faster, else fp32 (default: auto)",
        _COMPUTING,
        choices=("auto", "fp32", "bf16", "fp16"),
    )
    accumulate: int = option(
        1,
        "count",
        "samples gathered for each step: N times the batch in the memory of one (default: 1)",
        _COMPUTING,
        least=1,
        metavar="N",
    )
    checkpointing: bool = option(
        False,
        "flag",
        "recompute activations: the memory of a frame instead of a chunk, a third slower",
        _COMPUTING,
    )
    cache: float | None = option(
        None,
        "number",
        "memory for clips and their decoded frames (default: a quarter of what is free)",
        _COMPUTING,
        least=0,
        most=1e6,
        metavar="GB",
    )
    workers: int | None = option(
        None,
        "count",
        "processes that make the samples; 0 makes them in the run's own (default: half of the cores)",
        _COMPUTING,
        least=0,
        most=1024,
        metavar="N",
    )
    compile: bool = option(False, "flag", "torch.compile the network (needs a C++ compiler)", _COMPUTING)
    average_on_cpu: bool = option(
        False, "flag", "keep the weights' moving average in the machine's memory, not the GPU's", _COMPUTING
    )
    tracking: str | None = option(
        None,
        "choice",
        "also show the run with this library (needs: pip install 'gfla[wandb]' or 'gfla[mlflow]')",
        _WATCHING,
        choices=TRACKERS,
    )
    patience: int = option(
        0,
        "count",
        "stop when N evaluations in a row by gfla-evaluate --follow are not better than the best (default: "
        "never)",
        _WATCHING,
        least=0,
        metavar="N",
    )
    dry_run: bool = option(
        False,
        "flag",
        "take a few steps of each stage, say batch, memory, time per step and to the end; keep nothing",
        _WATCHING,
    )

    def __post_init__(self) -> None:
        check_options(self)

    def applied(self, schedule: TrainConfig) -> TrainConfig:
        """The schedule computed as asked for. InputError for less than one step."""
        if self.steps is not None:
            schedule = schedule.scaled(self.steps)
        return replace(
            schedule,
            precision=self.precision,
            accumulate=self.accumulate,
            checkpointing=self.checkpointing or schedule.checkpointing,
            compile="inductor" if self.compile else schedule.compile,
            average_on="cpu" if self.average_on_cpu else schedule.average_on,
            patience=self.patience,
        )
