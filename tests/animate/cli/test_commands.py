"""The list of commands is the list of what is installed."""

import subprocess
import sys
import tomllib
from pathlib import Path

from gfla.animate.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[3]


def test_every_installed_command_is_listed():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert set(COMMANDS) == set(scripts) - {"gfla"}


def test_the_package_lists_them():
    done = subprocess.run([sys.executable, "-m", "gfla.animate"], capture_output=True, text=True, check=True)
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
