"""The Triton kernels' tests, `kernels.py`, in a process of their own; skipped where there is no Triton."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

TESTS = Path(__file__).parents[1]


@pytest.mark.skipif(
    find_spec("triton") is None, reason="triton is not installed, as it is with torch for CUDA"
)
def test_kernels_equal_the_definition():
    interpreted = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TESTS / "kernels.py")]
    done = subprocess.run(
        command, env=os.environ | interpreted, cwd=TESTS.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
