"""Batches killed at random moments: after the last resume every output is what an undisturbed run makes."""

import os
import random
import signal
import sqlite3
import subprocess
from pathlib import Path

import batch_stub
import pytest
from batch_runs import finish, left_over, start, undisturbed

pytestmark = pytest.mark.slow


def kill(process: subprocess.Popen[str], whom: str) -> None:
    """SIGKILL to the parent alone, to it and its workers, or to one worker."""
    if whom == "all":
        os.killpg(process.pid, signal.SIGKILL)
    elif whom == "parent":
        process.kill()
    else:
        threads = Path(f"/proc/{process.pid}/task").iterdir()
        children = [child for thread in threads for child in (thread / "children").read_text().split()]
        names = {child: Path(f"/proc/{child}/cmdline").read_text() for child in children}
        workers = [int(child) for child, name in names.items() if "spawn_main" in name]
        os.kill(random.choice(workers or [process.pid]), signal.SIGKILL)  # it may be between two workers


def disturb(folder: Path, workers: int, kills: list[tuple[int, str]]) -> str:
    """Run; for each of `kills` wait so many frames and kill whom it says; then wait for the end, if there is
    one. The last line."""
    with start(folder, workers) as process:
        assert process.stdout is not None
        last, seen = "", 0
        for line in process.stdout:
            last = line.strip()
            seen += line.startswith("progress ")
            if kills and seen == kills[0][0]:
                kill(process, kills.pop(0)[1])
                seen = 0
    assert not kills, f"the batch ended before {kills}"
    return last


def attempts(folder: Path) -> list[tuple[str, int]]:
    with sqlite3.connect(folder / "batch" / "ledger.sqlite") as base:
        found = base.execute("select outcome, count(*) from attempts group by outcome").fetchall()
    base.close()
    return found


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc to find the workers")
def test_killed_once_at_a_random_moment(tmp_path: Path):
    size = {"sources": 2, "drivers": 1, "frames": 24}
    wanted = undisturbed(tmp_path / "calm", **size)
    folder = tmp_path / "killed"
    batch_stub.write_batch(folder, **size)
    disturb(folder, 2, [(random.randint(1, 40), random.choice(["all", "parent"]))])
    assert finish(folder, 2).split()[-1] == "0"
    assert batch_stub.same(batch_stub.decoded(folder), wanted)
    assert not left_over(folder)


@pytest.mark.long
def test_twenty_kills_of_a_dozen_jobs(tmp_path: Path):
    """20 kills -9, of the parent, a worker or all, at random moments of 12 jobs on 2 workers."""
    size = {"sources": 4, "drivers": 3, "frames": 50}
    wanted = undisturbed(tmp_path / "calm", **size)
    assert len(wanted) == 12
    folder = tmp_path / "killed"
    batch_stub.write_batch(folder, **size)
    count = 0
    while count < 20:
        end = random.choice(
            ["all", "parent", "worker"]
        )  # a batch outlives a worker: then another kill ends it
        whom = [end, random.choice(["all", "parent"])] if end == "worker" and count < 19 else [end]
        kills = [(random.randint(1, 45), name) for name in whom]
        count += len(kills)
        print(count, kills, end=" ", flush=True)
        last = disturb(folder, 2, kills)
        print(attempts(folder), flush=True)
        assert not last.startswith("failed"), last
    assert finish(folder, 2).split()[-1] == "0"
    assert batch_stub.same(batch_stub.decoded(folder), wanted)
    assert not left_over(folder)
