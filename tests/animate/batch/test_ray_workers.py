"""A batch on a Ray cluster of two nodes, one of them killed midway: results and ledger as on one machine."""

import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import batch_stub
import pytest
from batch_runs import SCRIPT, finish, left_over, undisturbed
from gfla.animate import InputError
from gfla.animate.batch.scheduler import render_batch
from gfla.animate.batch.tasks import BatchOptions
from ray_nodes import Nodes

pytest.importorskip("ray", reason="Ray is not installed: pip install 'gfla[cluster]'")


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    nodes = Nodes()
    yield nodes
    nodes.close()


def lose_a_node(tmp_path: Path, nodes: Nodes, **size: int) -> list[str]:
    """Make a batch on the cluster, kill a node midway and compare with one machine; how attempts ended."""
    wanted = undisturbed(tmp_path / "calm", **size)
    folder = tmp_path / "cluster"
    jobs = batch_stub.write_batch(folder, **size)
    frames = random.randint(len(jobs), len(jobs) * size["frames"] // 2)
    command = [sys.executable, str(SCRIPT), str(folder), "1", nodes.address]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=nodes.environment, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        last, seen = "", 0
        for line in process.stdout:
            if line.startswith(("progress ", "report", "failed")):
                last = line.strip()
            seen += line.startswith("progress ")
            if line.startswith("progress ") and seen == frames:
                nodes.kill_one()
    assert last == f"report {len(jobs)} 0 0"
    assert batch_stub.same(batch_stub.decoded(folder), wanted)
    assert not left_over(folder)
    assert finish(folder, 1) == f"report 0 {len(jobs)} 0"
    with sqlite3.connect(folder / "batch" / "ledger.sqlite") as base:
        outcomes = [row[0] for row in base.execute("select outcome from attempts")]
    base.close()
    assert outcomes.count("done") == len(jobs)
    assert set(outcomes) <= {"done", "lost"}
    print(f"node killed after {frames} frames; attempts: {outcomes}")
    return outcomes


@pytest.mark.long
def test_two_nodes_one_killed_with_a_dozen_jobs(tmp_path: Path, nodes: Nodes):
    lose_a_node(tmp_path, nodes, sources=4, drivers=3, frames=50)


@pytest.mark.long
def test_two_nodes_one_killed(tmp_path: Path, nodes: Nodes):
    lose_a_node(tmp_path, nodes, sources=2, drivers=1, frames=24)


def test_no_cluster_is_one_sentence(tmp_path: Path):
    jobs = batch_stub.write_batch(tmp_path / "work", sources=1, drivers=1, frames=9)
    with pytest.raises(InputError, match=r"--ray 127.0.0.1:1: no cluster answers there"):
        render_batch(jobs, tmp_path / "batch", BatchOptions(ray="127.0.0.1:1"))


def test_without_ray_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    jobs = batch_stub.write_batch(tmp_path / "work", sources=1, drivers=1, frames=9)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'gfla\[cluster\]'"):
        render_batch(jobs, tmp_path / "batch", BatchOptions(ray="auto"))
