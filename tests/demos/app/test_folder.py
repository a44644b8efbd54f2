"""A server's files end with it, however it ends."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from gfla.demos.app.visitors.folder import server_folder

SERVER = """
import signal, sys, time
from pathlib import Path
from typing import Any
from gfla.animate.cli.options import run
from gfla.demos.app.visitors.folder import server_folder
def work():
    with server_folder() as folder:
        (folder / "visits").mkdir()
        (folder / "visits" / "face.jpg").write_text("somebody")
        print(folder, flush=True)
        while True:  # a signal just before a read that never returns would not be seen
            time.sleep(0.02)
raise SystemExit(run(work))
"""


def test_what_a_killed_server_left_is_deleted_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A server that runs, an empty folder and a link are left alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", SERVER]
    pipes: dict[str, Any] = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.DEVNULL,
    }
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "inside").mkdir(parents=True)
    (elsewhere / "server.lock").touch()
    (tmp_path / "gfla-app-link").symlink_to(elsewhere)
    (tmp_path / "gfla-app-new").mkdir()
    with subprocess.Popen(command, env=environment, **pipes) as killed:
        assert killed.stdout
        left = Path(killed.stdout.readline().decode().strip())
        killed.kill()
    assert (left / "visits" / "face.jpg").exists()
    with subprocess.Popen(command, env=environment, **pipes) as running:
        assert running.stdout
        kept = Path(running.stdout.readline().decode().strip())
        with server_folder() as own:
            assert own.is_dir()
            assert not left.exists()
            assert (kept / "visits" / "face.jpg").exists()
        assert not own.exists()
        assert (elsewhere / "inside").is_dir()
        assert (tmp_path / "gfla-app-new").is_dir()
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 130
    assert not kept.exists()
