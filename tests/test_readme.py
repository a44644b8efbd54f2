"""README's commands, in the order in which they are printed, in a home of their own."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {"gfla-demo", "gfla-live"}
"""What waits for a browser or a camera; their own tests start them."""


def printed_commands() -> list[str]:
    """Indented lines and code in the cells of tables that call a command of ours with arguments."""
    found = []
    for line in (ROOT / "README.md").read_text().splitlines():
        if line.startswith("    "):
            found.append(line.strip())
        elif line.startswith("|"):
            found += re.findall(r"`([^`]+)`", line)
    return [command for command in found if re.match(r"gfla-\w+ ", command)]


def test_the_readme_prints_commands():
    named = [command.split()[0] for command in printed_commands()]
    assert {"gfla-animate", "gfla-edit", "gfla-inspect", "gfla-render", "gfla-pose"} <= set(named)


@pytest.mark.long
def test_they_run_as_they_are_printed(tmp_path: Path):
    shutil.copytree(ROOT / "animate" / "assets", tmp_path / "animate" / "assets")
    (tmp_path / "outputs").mkdir()  # by `make demo`
    folder = Path(sys.executable).parent
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(tmp_path), "OMP_NUM_THREADS": "2"}
    for command in printed_commands():
        name, *arguments = shlex.split(command)
        if name in ELSEWHERE:
            continue
        if not (folder / name).exists():
            pytest.skip(f"{name} is not installed beside {sys.executable}")
        done = subprocess.run(
            [folder / name, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        outputs = [arguments[i + 1] for i, word in enumerate(arguments) if word == "-o"]
        assert all((tmp_path / output).exists() for output in outputs), command
    assert len(list((tmp_path / "outputs" / "batch").glob("*.mp4"))) == 2
