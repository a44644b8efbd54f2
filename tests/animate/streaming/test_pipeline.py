"""Stages on threads: the same pictures as the plain loop, at the same time, with errors that say where."""

import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from gfla.animate import AnimationState, Animator, Frame, InputError, VideoReader
from gfla.animate.errors import Cancelled, Stopped
from gfla.animate.options import AnimateOptions, MotionOptions
from gfla.animate.source_video import Pair
from gfla.animate.stages import Item
from gfla.animate.streaming.pipeline import DEPTH, Stage, Stream, ThreadedStep
from gfla.animate.streaming.render import RenderHooks, RenderResult
from gfla.models import CONFIGS, Generator

TICK = Fraction(1, 25)
Picture = Callable[..., np.ndarray]
MakeVideo = Callable[..., Path]


DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def tiny(landmarker, device: str) -> Animator:
    torch.manual_seed(0)
    return Animator(Generator(CONFIGS["face-tiny"]), landmarker, device=device, name="face-tiny")


@pytest.fixture
def animator(landmarker) -> Animator:
    return tiny(landmarker, "cpu")


@pytest.fixture
def clip(make_video: MakeVideo, head_picture: Picture) -> Path:
    return make_video("driving.mp4", picture=head_picture, size=(128, 128), sound="aac", pts=range(90))


def run(animator: Animator, state: AnimationState, frames: list[Frame]) -> tuple[list[Item], AnimationState]:
    step = ThreadedStep(animator.networks, state)
    with Stream(map(Pair, frames), step.stages) as stream:
        return list(stream), step.state


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "options", [AnimateOptions(), AnimateOptions(motion=MotionOptions("copy"), crop_only=True)]
)
def test_threads_give_the_plain_loop_bit_for_bit(
    landmarker, head_picture: Picture, grey_picture: Picture, options: AnimateOptions, device: str
):
    """With frames that have no face at the beginning, in the middle and at the end."""
    animator = tiny(landmarker, device)
    pictures = [(grey_picture if i in (0, 7, 8, 19) else head_picture)(i) for i in range(20)]
    frames = [Frame(picture, i, TICK) for i, picture in enumerate(pictures)]
    state = animator.prepare(head_picture(3), options)
    states: list[AnimationState] = []
    plain = list(animator.animate(state, frames, lambda _, left: states.append(left)))
    items, last = run(animator, state, frames)
    for item, frame, left in zip(items, plain, states, strict=True):
        assert np.array_equal(item.frame.image, frame.image)
        assert item.frame.pts == frame.pts
        assert (item.drawing is None) == (left.drawing is None)
        if item.drawing and left.drawing:
            assert all(np.array_equal(a, b) for a, b in zip(item.drawing[:3], left.drawing[:3], strict=True))
        assert (item.landmarks is None) == (left.landmarks is None)
        assert item.motion is not None
        assert item.motion.square == left.motion.square
    for one, other in zip(last.memory.previous, states[-1].memory.previous, strict=True):
        assert torch.equal(one.image, other.image)
    assert last.motion is items[-1].motion


def test_so_they_do_with_many_cores(animator: Animator, head_picture: Picture):
    """Another number of threads rounds otherwise: loop and stream once differed by two levels of 255."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        frames = [Frame(head_picture(i), i, TICK) for i in range(4)]
        state = animator.prepare(head_picture(3))
        plain = [frame.image for frame in animator.animate(state, frames)]
        assert torch.get_num_threads() == 4
        threaded = [item.frame.image for item in run(animator, state, frames)[0]]
    finally:
        torch.set_num_threads(before)
    assert all(np.array_equal(a, b) for a, b in zip(plain, threaded, strict=True))


@pytest.mark.slow
def test_a_state_from_the_threads_can_be_gone_on_with(animator: Animator, head_picture: Picture):
    frames = [Frame(head_picture(i), i, TICK) for i in range(10)]
    state = animator.prepare(head_picture(3))
    whole = [frame.image for frame in animator.animate(state, frames)]
    _, middle = run(animator, state, frames[:5])
    rest = [item.frame.image for item in run(animator, middle, frames[5:])[0]]
    assert all(np.array_equal(a, b) for a, b in zip(rest, whole[5:], strict=True))


def test_the_network_goes_on_while_eyes_are_drawn(animator: Animator, head_picture: Picture, monkeypatch):
    """Each drawing waits until the network is asked for the frame after: in one stage it would for ever."""
    asked = [threading.Event() for _ in range(6)]
    networks, following, asking = animator.networks, iter(asked[1:]), iter(asked)
    generate, draw = networks.generate, networks.draw

    def note(*given):
        next(asking).set()
        return generate(*given)

    def wait(*given):
        after = next(following, None)
        assert after is None or after.wait(30)
        return draw(*given)

    monkeypatch.setattr(networks, "generate", note)
    monkeypatch.setattr(networks, "draw", wait)
    state = animator.prepare(head_picture(3))
    items, _ = run(animator, state, [Frame(head_picture(i), i, TICK) for i in range(6)])
    assert len(items) == 6
    assert all(event.is_set() for event in asked)


def test_stages_work_at_once():
    """Each waits for all the others to be at work too: one after another they would wait for ever."""
    together = threading.Barrier(3)

    def wait(place: int, item: int) -> int:
        if 2 - place <= item <= 7 - place:  # a at item 2, b at 1 and c at 0 open the barrier for each other
            together.wait(timeout=30)
        return item

    stages = [Stage(name, partial(wait, place)) for place, name in enumerate("abc")]
    with Stream(range(8), stages) as stream:
        assert list(stream) == list(range(8))


def test_a_fast_stage_waits_for_a_slow_one():
    made: list[int] = []
    allowed = threading.Semaphore(0)

    def slow(item: int) -> int:
        allowed.acquire()
        return item

    def source() -> Iterator[int]:
        for item in count():
            made.append(item)
            yield item

    with Stream(source(), [Stage("slow", slow)]) as stream:
        results = iter(stream)
        for index in range(20):
            allowed.release()
            assert next(results) == index
            assert len(made) <= index + 2 * DEPTH + 3
        stream.stop()
        allowed.release(2 * DEPTH + 5)
        rest = list(stream)
        assert rest == list(range(20, made[-1] + 1))
        assert not stream.complete


def test_after_a_stop_only_what_the_slow_stage_has_begun_still_comes():
    """Else a dozen frames would go through a slow network first."""
    begun: list[int] = []
    third, go = threading.Event(), threading.Event()

    def slow(item: int) -> int:
        begun.append(item)
        if item == 2:
            third.set()
            assert go.wait(30)
        return item

    stages = [Stage("before", int), Stage("slow", slow), Stage("after", int)]
    with Stream(count(), stages, drop_before="after") as stream:
        assert third.wait(30)
        stream.stop()
        go.set()
        assert list(stream) == begun == [0, 1, 2]
        assert not stream.complete


def test_an_error_says_in_which_stage_and_at_which_item():
    def fail(item: int) -> int:
        if item == 7:
            raise RuntimeError("out of memory")
        return item

    stages = [Stage("good", int), Stage("bad", fail)]
    with (
        pytest.raises(RuntimeError, match="out of memory") as caught,
        Stream(count(), stages, describe=lambda item: f"item {item}") as stream,
    ):
        list(stream)
    assert caught.value.__notes__ == ["stage bad, at item 7"]
    assert threading.active_count() == 1 or not [
        t for t in threading.enumerate() if t.name in ("good", "bad")
    ]


def test_an_error_of_the_source_says_after_which_item():
    def source() -> Iterator[int]:
        yield 1
        raise OSError("the line is dead")

    with pytest.raises(OSError, match="dead") as caught, Stream(source(), [], first="decode") as stream:
        list(stream)
    assert caught.value.__notes__ == ["stage decode, after 1"]


@pytest.mark.slow
def test_an_error_of_the_network_names_the_time(
    animator: Animator, clip: Path, head_picture, tmp_path, monkeypatch
):
    generate = animator.networks.generate
    calls = iter(range(100))

    def broken(target, portrait, memory):
        if next(calls) == 12:
            raise RuntimeError("CUDA error")
        return generate(target, portrait, memory)

    monkeypatch.setattr(animator.networks, "generate", broken)
    with pytest.raises(RuntimeError, match="CUDA error") as caught:
        animator.render(head_picture(0), clip, tmp_path / "out.mp4")
    assert caught.value.__notes__ == ["stage generate, at the frame at 0:00.480"]
    assert [p.name for p in tmp_path.iterdir()] == ["driving.mp4"]


def test_the_account_counts_every_stage_and_names_the_slowest():
    ready = threading.Event()

    def slow(item: int) -> int:
        ready.wait(0.01)
        return item

    with Stream(range(20), [Stage("quick", int), Stage("slow", slow), Stage("late", int)]) as stream:
        list(stream)
        stats = stream.stats
    assert stream.complete
    assert [(s.name, s.items) for s in stats.stages] == [(n, 20) for n in ("decode", "quick", "slow", "late")]
    assert stats.slowest.name == "slow"
    assert stats.stages[2].depth > stats.stages[3].depth
    assert stats.memory > 2**20
    assert "the slowest stage is slow" in str(stats)


@pytest.mark.slow
def test_cancelling_keeps_what_was_done(
    animator: Animator, clip: Path, head_picture: Picture, tmp_path: Path
):
    enough = threading.Event()
    hooks = RenderHooks(
        progress=lambda done, expected: enough.set() if done == 5 else None, cancel=enough.is_set
    )
    result = animator.render(head_picture(0), clip, tmp_path / "out.mp4", hooks=hooks)
    with VideoReader(result.path) as reader:
        assert 5 <= len(list(reader)) == result.frames < 90
    assert sorted(p.name for p in tmp_path.iterdir()) == ["driving.mp4", "out.mp4"]
    stopped, none = RenderHooks(cancel=lambda: True), tmp_path / "none.mp4"
    with pytest.raises(InputError, match="before the first face"):  # while looking at the driver
        animator.render(head_picture(0), clip, none, hooks=stopped)
    with pytest.raises(Cancelled, match="before the first face"):
        animator.render(head_picture(0), clip, none, AnimateOptions(motion=MotionOptions("copy")), stopped)
    assert not none.exists()


@pytest.mark.slow
def test_interrupting_once_keeps_the_file_and_twice_does_not(
    animator: Animator, clip: Path, head_picture: Picture, tmp_path: Path
):
    def interrupt(*at: int) -> RenderHooks:
        def progress(done: int, expected: int | None) -> None:
            if done in at:
                raise KeyboardInterrupt

        return RenderHooks(progress=progress)

    with pytest.raises(Stopped, match=r"Stopped at 0:0.*one\.mp4 holds") as caught:
        animator.render(head_picture(0), clip, tmp_path / "one.mp4", hooks=interrupt(5))
    result = caught.value.result
    assert isinstance(result, RenderResult)
    assert result.path == tmp_path / "one.mp4"
    assert 5 <= result.frames < 90
    assert result.stats.stages[-1].items == result.frames
    with pytest.raises(KeyboardInterrupt):
        animator.render(head_picture(0), clip, tmp_path / "two.mp4", hooks=interrupt(5, 6))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["driving.mp4", "one.mp4"]
