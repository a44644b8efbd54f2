"""Two machines joined by torchrun: a process of one is killed, and the run goes on by itself as if not."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gfla.animate.errors import InputError
from gfla.train.processes import join_group
from training_runs import RUN, losses

STEPS = 16
STORE = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
AGENT = """
import sys
from torch.distributed.run import main
main(sys.argv[1:])
"""


def start(folder: Path, drawn: Path, run: Path, port: int, log) -> subprocess.Popen:
    """One machine's agent, with one process that trains."""
    script = folder / "run.py"
    script.write_text(RUN)
    command = [sys.executable, "-c", AGENT, "--nnodes=2", "--nproc-per-node=1", "--max-restarts=2"]
    command += ["--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", "--rdzv-id=one"]
    command += [str(script), "--config", "face-tiny", "--data", str(drawn), "--steps", str(STEPS)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"} | STORE
    return subprocess.Popen(
        [*command, "--out", str(run)], env=environment, stdout=log, stderr=subprocess.STDOUT
    )


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def wait(agents: list[subprocess.Popen], metrics: Path, said: Path, kill_at: int) -> None:
    """Wait for the end of a run; kill a process of the second agent at a step, unless that is 0."""
    end = time.monotonic() + 300
    while kill_at and not (metrics.is_file() and metrics.read_text().count("\n") >= kill_at):
        assert time.monotonic() < end
        assert all(agent.poll() is None for agent in agents), said.read_text()
        time.sleep(0.02)
    if kill_at:
        os.kill(children(agents[1].pid)[-1], signal.SIGKILL)
    assert [agent.wait(timeout=300) for agent in agents] == [0, 0], said.read_text()


def train(folder: Path, drawn: Path, run: Path, kill_at: int = 0) -> str:
    """A run on two machines, in which a process of the second one is killed at a step; what they said."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = folder / "said.txt"
    with said.open("w") as log:
        agents = [start(folder, drawn, run, port, log) for _ in range(2)]
        try:
            wait(agents, run / "metrics.jsonl", said, kill_at)
        finally:
            for agent in agents:
                agent.kill()
                agent.wait()
    return said.read_text()


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc to find the processes")
def test_a_killed_process_costs_nothing_but_time(drawn, tmp_path):
    """The losses after the restart are those of an undisturbed run; one log holds each step once."""
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    train(tmp_path / "whole", drawn, tmp_path / "whole" / "run")
    said = train(tmp_path / "killed", drawn, tmp_path / "killed" / "run", kill_at=6)
    assert "continues at step" in said
    wanted = losses(tmp_path / "whole" / "run")
    assert [line["step"] for line in wanted] == list(range(1, STEPS + 1))
    assert losses(tmp_path / "killed" / "run") == wanted
    a, b = ((tmp_path / name / "run" / "generator.safetensors").read_bytes() for name in ("whole", "killed"))
    assert a == b


def test_a_shared_store_is_refused_with_restarts(monkeypatch):
    """A group that starts again would wait for the addresses of processes that are gone."""
    torchrun = {"RANK": "0", "TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_MAX_RESTARTS": "3"}
    for name, value in torchrun.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"):
        join_group("cpu")
