"""Live: the newest frame wins, the overtaken are counted, a file runs at its own speed; no camera needed."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
import pytest
import torch
from gfla.animate import Animator, Frame, InputError, VideoReader, stages
from gfla.animate.cli.live import main
from gfla.animate.face.landmarks import Landmarker
from gfla.animate.face.tracking import Sighting, sight
from gfla.animate.streaming.live import CLOCK, Controls, LiveCount, Newest, animate_live
from gfla.animate.streaming.sinks import FileSink, UnhurriedSink, VirtualCamera, Window
from gfla.models import CONFIGS, Generator
from PIL import Image

MakeVideo = Callable[..., Path]
Picture = Callable[..., np.ndarray]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def animator(landmarker, monkeypatch: pytest.MonkeyPatch) -> Animator:
    torch.manual_seed(0)
    made = Animator(Generator(CONFIGS["face-tiny"]), landmarker, name="face-tiny", reason="a test")
    monkeypatch.setattr(Animator, "from_pretrained", lambda *_, **__: made)
    return made


@pytest.fixture
def clip(make_video: MakeVideo, head_picture: Picture) -> Path:
    return make_video("driving.mp4", picture=head_picture, size=(128, 128), pts=range(10))


def step_of(animator: Animator):
    return partial(animator.step, alone=True)


class Kept:
    """A sink that remembers, and may do something at each frame."""

    def __init__(self, then: Callable[[int], None] = lambda count: None):
        self.frames: list[Frame] = []
        self._then = then

    def show(self, frame: Frame) -> None:
        self.frames.append(frame)
        self._then(len(self.frames))

    def close(self) -> None:
        pass


def test_a_file_is_played_at_its_own_speed_with_nothing_dropped(clip: Path):
    newest = Newest(lambda: VideoReader(clip))
    with closing(newest):
        times = [frame.seconds for frame in newest]
    assert len(times) + newest.dropped == 10
    assert times[-1] - times[0] > 0.3
    assert times == sorted(times)


def test_the_newest_frame_wins_and_the_others_are_counted(clip: Path):
    """Whoever is slow sees fewer frames, but never an old one."""
    newest = Newest(lambda: VideoReader(clip))
    seen = []
    with closing(newest):
        for frame in newest:
            seen.append(frame)
            threading.Event().wait(0.15)
    assert newest.dropped >= 4
    assert len(seen) + newest.dropped == 10
    assert len(seen) >= 3


def test_a_loop_goes_on_and_ends_when_told(clip: Path, animator: Animator, head_picture: Picture):
    controls = Controls()
    kept = Kept(lambda count: controls.stop.set() if count == 15 else None)
    newest = Newest(lambda: VideoReader(clip), again=True)
    count = animate_live(step_of(animator), animator.prepare(head_picture(0)), newest, [kept], controls)
    assert count.frames == len(kept.frames) == 15
    assert not [thread for thread in threading.enumerate() if thread.name == "capture"]
    pts = [frame.pts for frame in kept.frames]
    assert all(a < b for a, b in pairwise(pts))
    assert 0 < count.latency <= count.worst


@pytest.mark.slow
def test_latency_is_of_one_frame_however_slow(
    clip: Path, animator: Animator, head_picture: Picture, monkeypatch: pytest.MonkeyPatch
):
    """A queue would make it grow with every frame."""
    seen = []

    def slow(*given: Any) -> Sighting:
        threading.Event().wait(0.12)
        return sight(*given)

    monkeypatch.setattr(stages, "sight", slow)
    newest = Newest(lambda: VideoReader(clip), again=True)
    controls = Controls()
    kept = Kept(lambda count: controls.stop.set() if count == 12 else None)

    def watch(count: LiveCount) -> None:
        seen.append((count.latency, count.dropped))

    animate_live(step_of(animator), animator.prepare(head_picture(0)), newest, [kept], controls, watch)
    latencies = sorted(latency for latency, _ in seen)
    assert latencies[0] >= 0.12
    assert latencies[len(latencies) // 2] < 1
    assert seen[-1][1] > 12


class Aged:
    """Stands for `Newest`: frames that were taken so many seconds before their turn."""

    dropped = 0

    def __init__(self, image: np.ndarray, ages: list[float]):
        self.began, self._image, self._ages = time.perf_counter(), image, ages

    def __iter__(self) -> Iterator[Frame]:
        for age in self._ages:
            taken = time.perf_counter() - self.began - age
            yield Frame(self._image, round(taken / CLOCK), CLOCK)

    def close(self) -> None:
        pass


def test_a_frame_that_would_be_late_gives_way_but_never_two(animator: Animator, head_picture: Picture):
    image, kept = head_picture(0), Kept()
    frames = Aged(image, [0, 500, 0, 500, 500, 0])
    seen: list[str] = []
    state = animator.prepare(image)
    step, watch = step_of(animator), lambda count: seen.append(str(count))
    count = animate_live(step, state, cast(Newest, frames), [kept], watch=watch, budget=400)
    assert (count.frames, count.dropped, count.late) == (4, 2, 1)
    assert len(kept.frames) == 4
    assert count.worst > 400
    assert seen[-1].startswith("4 frames, 2 dropped, 1 late, ")


def test_a_budget_that_cannot_be_kept_starves_nobody(animator: Animator, head_picture: Picture):
    """Where even a fresh frame is late, all are shown."""
    image, kept = head_picture(0), Kept()
    frames = Aged(image, [1e-9] * 5)
    step, state = step_of(animator), animator.prepare(image)
    count = animate_live(step, state, cast(Newest, frames), [kept], budget=1e-9)
    assert count.frames - 1 <= count.late <= count.frames
    assert count.frames + count.dropped == 5
    assert count.frames >= 4


def test_mirror_calibrate_and_swap(animator: Animator, head_picture: Picture):
    frame = head_picture(4)
    first, second = (animator.prepare(picture) for picture in (head_picture(0), head_picture(9)))
    _, state = animator.step(Frame(frame, 0, Fraction(1, 25)), first)
    assert state.motion.motion.driver is not None
    controls = Controls()
    assert controls.applied(state) is state
    controls.calibrate()
    fresh = controls.applied(state)
    assert fresh.motion.motion.driver is None
    assert fresh.motion.square is None
    assert fresh.portrait is state.portrait
    assert controls.applied(fresh) is fresh
    controls.swap(second)
    other = controls.applied(fresh)
    assert other.portrait is second.portrait
    assert other.landmarks is state.landmarks


def test_the_mirror_turns_what_is_seen(
    clip: Path, animator: Animator, head_picture: Picture, monkeypatch: pytest.MonkeyPatch
):
    seen: list[np.ndarray] = []

    def watched(landmarker: Landmarker, image: np.ndarray, *given: Any) -> Sighting:
        seen.append(image)
        return sight(landmarker, image, *given)

    monkeypatch.setattr(stages, "sight", watched)
    for mirror in (False, True):
        controls = Controls(mirror)
        newest = Newest(lambda: VideoReader(clip))
        kept = Kept(lambda count, controls=controls: controls.stop.set())
        animate_live(step_of(animator), animator.prepare(head_picture(0)), newest, [kept], controls)
    straight, mirrored = seen[0], seen[-1]
    assert (straight[..., 0] > 150).any()
    assert np.abs(straight[:, ::-1].astype(int) - mirrored).mean() < 12


@pytest.mark.usefixtures("animator")
def test_the_command_records_a_file(portrait: Path, clip: Path, tmp_path: Path, capsys: Capture):
    out = tmp_path / "out.mp4"
    assert main([str(portrait), str(clip), "--sink", str(out)]) == 0
    said = capsys.readouterr().err
    with VideoReader(out) as reader:
        assert reader.size == (160, 120)
        count = len(list(reader))
    with av.open(str(out)) as container:
        assert "Synthetic media" in container.metadata["comment"]
    assert f"{count} frames, {10 - count} dropped, " in said
    assert "ms at worst" in said


@pytest.mark.usefixtures("animator")
def test_the_sound_of_a_file_goes_with_its_pictures(
    portrait: Path, make_video: MakeVideo, head_picture: Picture, tmp_path: Path
):
    clip = make_video("heard.mp4", picture=head_picture, size=(128, 128), pts=range(10), sound="aac")
    assert main([str(portrait), str(clip), "--sink", str(tmp_path / "out.mp4"), "--quiet"]) == 0
    spans = []
    for path in (clip, tmp_path / "out.mp4"):
        with av.open(str(path)) as container:
            times = [p.pts * p.time_base for p in container.demux(audio=0) if p.pts is not None and p.size]
        spans.append((times[0], times[-1]))
    assert abs(spans[1][0] - spans[0][0]) < 0.1
    assert 0.2 < spans[1][1] <= spans[0][1] + Fraction(1, 10)


@pytest.mark.usefixtures("animator")
def test_bad_input_is_one_sentence_and_never_a_camera(
    portrait: Path, clip: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    sink = ["--sink", str(tmp_path / "out.mp4")]
    Image.fromarray(np.zeros((50, 50, 3), np.uint8)).save(tmp_path / "small.png")
    for arguments, words in [
        ([portrait, tmp_path / "missing.mp4", *sink], "missing.mp4: no such file."),
        ([portrait, "http://127.0.0.1:9/a.mp4", *sink], "cannot be opened"),
        ([portrait, "--camera", "77", *sink], "camera 77: there is none"),
        ([portrait, *sink], "say what drives the portrait"),
        ([portrait, clip, "--camera", "0", *sink], "say what drives the portrait"),
        ([portrait, "--camera", "0", "--loop", *sink], "--loop: only a file"),
        ([portrait, "-", "--loop", *sink], "--loop: only a file"),
        ([portrait, clip, "--sink", tmp_path / "out.avi"], "let the output's name end in"),
        ([tmp_path / "none.png", clip, *sink], "none.png: no such file."),
        ([portrait, clip, "--swap", tmp_path / "small.png", *sink], "no face found"),
        *([([portrait, clip], "there is no screen")] if sys.platform == "linux" else []),
    ]:
        assert main([str(argument) for argument in arguments]) == 2
        said = capsys.readouterr()
        assert words in said.err, said.err
        assert len(said.err.splitlines()) == 1
        assert not (tmp_path / "out.mp4").exists()


@pytest.mark.usefixtures("animator")
def test_the_sink_is_never_an_input(portrait: Path, clip: Path, tmp_path: Path, capsys: Capture):
    swap = portrait.rename(tmp_path / "1.png")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for sink in (clip, tmp_path / "%d.png"):
        assert main([str(swap), str(clip), "--swap", str(swap), "--sink", str(sink), "--overwrite"]) == 2
        assert "an input; give the output another name" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_recording_of_nothing_is_no_file(tmp_path: Path):
    FileSink(str(tmp_path / "out.mp4"), (64, 64), Fraction(25)).close()
    assert not list(tmp_path.iterdir())


class Stalled:
    """A sink that takes nothing until it may."""

    def __init__(self) -> None:
        self.may, self.shown, self.closed = threading.Event(), [], False

    def show(self, frame: Frame) -> None:
        self.may.wait(10)
        if frame.pts == 99:
            raise InputError("udp://there", "cannot be written")
        self.shown.append(frame.pts)

    def close(self) -> None:
        self.closed = True


def test_where_nobody_listens_nobody_waits_and_it_recovers(head_picture: Picture):
    stalled, told = Stalled(), []
    sink = UnhurriedSink(stalled, "udp://there", told.append, patience=0.0)
    for number in range(50):
        sink.show(Frame(head_picture(0), number, CLOCK))
    assert not stalled.shown
    assert [str(warning) for warning in told] == [
        "udp://there: nobody takes the pictures there; they are left out until somebody does."
    ]
    stalled.may.set()
    sink.close()
    assert stalled.shown[-1] == 49
    assert len(stalled.shown) < 4
    assert stalled.closed


def test_an_error_of_a_sink_aside_is_raised(head_picture: Picture):
    stalled = Stalled()
    stalled.may.set()
    sink = UnhurriedSink(stalled, "udp://there")
    sink.show(Frame(head_picture(0), 99, CLOCK))
    with pytest.raises(InputError, match="cannot be written"):
        sink.close()
    assert stalled.closed


def test_a_virtual_camera_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gfla.animate.streaming.sinks.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install pyvirtualcam"):
        VirtualCamera((64, 64), Fraction(25))


def test_a_window_shows_and_hears_keys(monkeypatch: pytest.MonkeyPatch):
    shown, pressed = [], []
    keys = iter([255, ord("c")])
    monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "imshow", lambda title, picture: shown.append(picture))
    monkeypatch.setattr(cv2, "waitKey", lambda wait: next(keys))
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0)
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: None)
    window = Window("test", pressed.append)
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[..., 0] = 200  # red
    for pts in range(2):
        window.show(Frame(picture, pts, Fraction(1, 25)))
    window.close()
    assert shown[0][0, 0].tolist() == [0, 0, 200]  # OpenCV's order
    assert pressed == ["c"]


def test_help_loads_no_torch():
    code = "import sys; from gfla.animate.cli.live import main\n"
    code += "try: main(['--help'])\nexcept SystemExit: pass\n"
    code += "sys.exit(any(name in sys.modules for name in ('torch', 'cv2', 'av', 'tqdm')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--camera" in done.stdout
