"""gfla-prepare by many workers: the dataset of one, also when they are killed; a report of the rest."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import prepare_stub
import pytest
import torch
from gfla.train.data.prepare.options import PrepareOptions
from gfla.train.data.prepare.run import prepare

VIDEOS = 4


def start(folder, jobs, *more, **how) -> subprocess.Popen[str]:
    command = [sys.executable, prepare_stub.__file__, str(folder), str(jobs), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True, **how)


def finish(folder, jobs, *more, **how) -> str:
    with start(folder, jobs, *more, **how) as process:
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
    assert process.returncode == 0
    return lines[-1]


@pytest.fixture
def filmed(tmp_path):
    """A folder with footage."""
    folder = tmp_path / "calm"
    prepare_stub.write_footage(folder, VIDEOS)
    return folder


@pytest.fixture
def calm(filmed):
    """The same, and the dataset that one worker makes of it."""
    options = PrepareOptions(size=64)
    prepare([filmed / "footage"], filmed / "set", options, prepare_stub.load, say=lambda _: None)
    return filmed


def same(folder, calm) -> bool:
    """The same rows, landmarks and pictures, to the byte."""
    ours, others = (sorted((each / "set" / "clips").iterdir()) for each in (folder, calm))
    names = [path.name for path in others]
    assert [path.name for path in ours] == names, "nothing is lost, doubled or left over"
    for one, other in zip(ours, others, strict=True):
        if one.suffix == ".npz":
            with np.load(one) as a, np.load(other) as b:
                assert all(np.array_equal(a[name], b[name]) for name in ("lmk68", "iris"))
        elif one.suffix == ".mp4":
            assert one.read_bytes() == other.read_bytes()
    return prepare_stub.dataset(folder) == prepare_stub.dataset(calm)


def copied(calm, tmp_path):
    folder = tmp_path / "other"
    (folder / "footage").parent.mkdir()
    (folder / "footage").symlink_to(calm / "footage")
    return folder


@pytest.mark.slow
def test_two_jobs_killed_and_begun_again_make_the_dataset_of_one(calm, tmp_path):
    """kill -9 after the first video is done; then the rest; no file is left over, no clip is there twice."""
    folder = copied(calm, tmp_path)
    with start(folder, 2) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "1 clip" in line:
                os.killpg(process.pid, signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    (folder / "set" / "clips" / ".p03_0.1.part.mp4").touch()  # what a killed writer leaves
    assert finish(folder, 2) == f"report {VIDEOS} {VIDEOS} {VIDEOS + 1}"
    assert same(folder, calm)


@pytest.mark.slow
def test_a_worker_that_dies_is_reported_and_its_video_is_tried_again(filmed, tmp_path):
    folder, said = copied(filmed, tmp_path), []
    options = PrepareOptions(size=64)
    given = [folder / "footage" / "p00.mp4"]
    report = prepare(given, folder / "set", options, prepare_stub.die, jobs=2, say=said.append)
    (failed,) = report["videos_left_out"]["its worker died"]
    assert "exit status 3, 2 times" in failed["why"]
    assert report["clips"] == 0
    report = prepare(given, folder / "set", options, prepare_stub.load, say=said.append)
    assert report["clips"] == 1


@pytest.mark.slow
def test_the_report_says_what_was_left_out_and_why(calm, make_video, head_picture):
    footage = calm / "footage"
    make_video(str(footage / "short.mp4"), picture=head_picture, size=(128, 128), pts=tuple(range(9)))
    (footage / "text.mp4").write_text("no video")
    table = calm / "t.csv"
    table.write_text("file,start,end,identity\np00.mp4,0,1.2,zoe\ngone.mp4,,,\n")
    asked = []

    class Counted(type(prepare_stub.load())):
        def find(self, image):
            asked.append(1)
            return super().find(image)

    given = [footage, table]
    report = prepare(
        given, calm / "set", PrepareOptions(size=64), Counted, videos=footage, say=lambda _: None
    )
    left = {
        reason: [each["video"] for each in videos] for reason, videos in report["videos_left_out"].items()
    }
    assert left["no face"] == ["room.mp4"]
    assert left["too short"] == ["short.mp4"]
    assert left["unreadable"] == ["text.mp4"]
    assert left["no such video"] == ["gone.mp4"]
    assert report["frames_left_out"] == {"no face": 40, "too short": 9}
    assert report["people"] == {"train": VIDEOS, "val": 1}
    assert report["clips"] == VIDEOS + 1
    assert len(asked) < 40, "a short video is not searched for faces"
    assert json.loads((calm / "set" / "report.json").read_text()) == report
    assert (
        "1 videos left out: no face\n  room.mp4: 40 frames no face"
        in (calm / "set" / "report.txt").read_text()
    )


def test_an_empty_room_is_looked_at_twice_a_second(filmed):
    asked = []

    class Counted(type(prepare_stub.load())):
        def find(self, image):
            asked.append(1)
            return super().find(image)

    given = [filmed / "footage" / "room.mp4"]
    prepare(given, filmed / "other", PrepareOptions(size=64), Counted, say=lambda _: None)
    assert len(asked) == 25 + 1, "every frame of the first second, then frame 36"


def test_a_worker_computes_in_one_thread(filmed):
    """Landmarks must not depend on how many workers share the cores, and two jobs be twice as fast."""
    seen = set()

    class Noting(type(prepare_stub.load())):
        def find(self, image):
            seen.add(torch.get_num_threads())
            return super().find(image)

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        given = [filmed / "footage" / "p00.mp4"]
        prepare(given, filmed / "other", PrepareOptions(size=64), Noting, say=lambda _: None)
        assert (seen, torch.get_num_threads()) == ({1}, 2)
    finally:
        torch.set_num_threads(before)


@pytest.mark.long
def test_two_ray_nodes_one_killed(calm, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'gfla[cluster]'")
    from ray_nodes import Nodes

    folder, nodes = copied(calm, tmp_path), Nodes()
    try:
        with start(folder, 1, nodes.address, env=nodes.environment, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            killed, last = False, ""
            for line in process.stdout:  # Ray prints the killed node's log in between
                if "1 clip" in line and not killed:
                    nodes.kill_one()
                    killed = True
                last = line.strip()
        assert last == f"report {VIDEOS} {VIDEOS} {VIDEOS + 1}"
        assert same(folder, calm)
    finally:
        nodes.close()
