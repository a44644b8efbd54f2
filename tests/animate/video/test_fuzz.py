"""Files with bytes flipped and cut: no traceback, crash, hang or leak, whatever is done to them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_FUZZ = Path(__file__).parents[2] / "fuzz.py"


def fuzz(folder: Path, first: int, count: int, seconds: float) -> None:
    """Try the cases from `first` on; memory, open files and threads that grow are a failure as well."""
    arguments = [str(folder), str(first), str(count), str(seconds)]
    done = subprocess.run(
        [sys.executable, str(_FUZZ), *arguments],
        capture_output=True,
        text=True,
        timeout=2 * seconds + 120,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    told: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    failed = [line for line in told if "case" in line]
    assert not failed, failed[0]["error"]
    assert done.returncode == 0, (
        f"case {told[-1]} ended the process: {done.returncode}\n{done.stderr[-2000:]}"
    )
    assert told[-1]["done"]


@pytest.mark.slow
def test_what_damaged_files_do(tmp_path: Path):
    """The full form takes an hour, below."""
    fuzz(tmp_path, 0, 60, 60)


@pytest.mark.long
def test_what_damaged_files_do_for_an_hour(tmp_path: Path):
    seconds = float(os.environ.get("GFLA_FUZZ_SECONDS", "3600"))
    fuzz(tmp_path, 1000, 10**9, seconds)
