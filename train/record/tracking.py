"""Where a run's curves and pictures are shown: TensorBoard if it is installed, and on request Weights &
Biases or MLflow, each through its own library. metrics.jsonl has the same numbers whatever is installed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...animate.errors import InputError
from ...animate.io.atomic import atomic_file

TRACKERS = ("wandb", "mlflow")


class Tracker(Protocol):
    """One place where a run is shown."""

    def log(self, values: Mapping[str, float], step: int) -> None: ...

    def picture(self, grid: NDArray[np.uint8], step: int) -> None:
        """Show (H, W, 3) uint8 RGB."""
        ...

    def close(self) -> None: ...


def open_trackers(tracking: str, out: Path, step: int) -> list[Tracker]:
    """The trackers of the run in the folder `out`, which goes on from `step`: TensorBoard where it is
    installed, and the one that `tracking` names, one of `TRACKERS`, or "". InputError if that one's library
    is missing or refuses."""
    trackers: list[Tracker] = [_TensorBoard(out, step)] if find_spec("tensorboard") else []
    if tracking:
        if find_spec(tracking) is None:
            raise InputError(
                f"--tracking {tracking}", "its library is not installed", f"pip install 'gfla[{tracking}]'"
            )
        opened = _Wandb if tracking == "wandb" else _Mlflow
        try:
            trackers.append(opened(out))
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"--tracking {tracking}", f"the run cannot be opened ({reason})") from None
    return trackers


class _TensorBoard:
    """Event files in the run's folder; what a killed run wrote after `step` is hidden."""

    def __init__(self, out: Path, step: int):
        from torch.utils.tensorboard.writer import SummaryWriter

        self._board = SummaryWriter(str(out), purge_step=step + 1)

    def log(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._board.add_scalar(name, value, step)

    def picture(self, grid: NDArray[np.uint8], step: int) -> None:
        self._board.add_image("samples", grid, step, dataformats="HWC")

    def close(self) -> None:
        self._board.close()


class _Wandb:
    """Where and as whom is in its own settings (WANDB_MODE, WANDB_PROJECT, ...). A resumed run goes on in the
    same one."""

    def __init__(self, out: Path):
        import wandb  # pyright: ignore[reportMissingImports]  (optional)

        self._wandb: Any = wandb
        known = _kept(out / "wandb-run")
        self._run = wandb.init(
            dir=str(out), name=out.name, id=known, resume="allow", config={"out": str(out)}
        )
        _keep(out / "wandb-run", self._run.id)

    def log(self, values: Mapping[str, float], step: int) -> None:
        self._run.log(dict(values), step=step)

    def picture(self, grid: NDArray[np.uint8], step: int) -> None:
        self._run.log({"samples": self._wandb.Image(grid)}, step=step)

    def close(self) -> None:
        self._run.finish()


class _Mlflow:
    """Where is in its own settings (MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME). A resumed run goes on in
    the same one."""

    def __init__(self, out: Path):
        import mlflow  # pyright: ignore[reportMissingImports]  (optional)

        self._mlflow: Any = mlflow
        run = mlflow.start_run(run_id=_kept(out / "mlflow-run"), run_name=out.name)
        _keep(out / "mlflow-run", run.info.run_id)

    def log(self, values: Mapping[str, float], step: int) -> None:
        self._mlflow.log_metrics(dict(values), step=step)

    def picture(self, grid: NDArray[np.uint8], step: int) -> None:
        self._mlflow.log_image(grid, f"samples/{step:07d}.png")

    def close(self) -> None:
        self._mlflow.end_run()


def _kept(path: Path) -> str | None:
    return path.read_text().strip() or None if path.is_file() else None


def _keep(path: Path, name: str) -> None:
    with atomic_file(path) as part:
        part.write_text(name + "\n")
