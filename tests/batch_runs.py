"""Batches of the stub run from outside and looked at afterwards: what the tests of kills share."""

import subprocess
import sys
from pathlib import Path

import batch_stub

SCRIPT = Path(batch_stub.__file__)


def start(folder: Path, workers: int, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(folder), str(workers), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def finish(folder: Path, workers: int) -> str:
    """Run to the end; its last line."""
    with start(folder, workers) as process:
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
    assert process.returncode == 0
    return lines[-1]


def undisturbed(folder: Path, **size: int) -> dict:
    jobs = batch_stub.write_batch(folder, **size)
    assert finish(folder, 2) == f"report {len(jobs)} 0 0"
    return batch_stub.decoded(folder)


def left_over(folder: Path) -> list[str]:
    """Files that are neither inputs, outputs nor the batch's own."""
    out = [path.name for path in (folder / "out").iterdir() if path.suffix != ".mp4" or path.name[0] == "."]
    return out + [path.name for path in (folder / "batch" / "jobs").iterdir()]
