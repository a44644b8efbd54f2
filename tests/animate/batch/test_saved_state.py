"""A stream's state on disk: nothing of it is lost, added fields neither, and nothing foreign is made."""

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gfla.animate import Animator, Frame
from gfla.animate.batch.saved_state import load_state, save_state
from gfla.animate.face.crop import FaceSquare
from gfla.animate.options import AnimateOptions, MotionOptions
from gfla.animate.source_video import SourceVideo
from gfla.animate.state import AnimationState, RetargetState
from gfla.models import CONFIGS, Generator
from safetensors.torch import save_file
from torch import Tensor

CPU = torch.device("cpu")
TICK = Fraction(1, 25)


def equal(a: Any, b: Any) -> bool:
    """The same type and content, all the way down, tensors laid out alike."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        return a.dtype == b.dtype and a.stride() == b.stride() and torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and strides(a) == strides(b) and np.array_equal(a, b)
    if dataclasses.is_dataclass(a):
        return all(equal(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return a == b


def strides(array: np.ndarray) -> list[int]:
    """Of an axis of one there is none."""
    return [stride for stride, length in zip(array.strides, array.shape, strict=True) if length > 1]


@pytest.fixture
def streamed(landmarker, head_picture: Callable[..., np.ndarray]):
    """An animator, the state before the first frame, and the state after four."""
    torch.manual_seed(0)
    animator = Animator(Generator(CONFIGS["face-tiny"]), landmarker)
    start = state = animator.prepare(head_picture(0))
    for index in range(4):
        _, state = animator.step(Frame(head_picture(index), index, TICK), state)
    return animator, start, state


def test_a_state_comes_back_whole(streamed, tmp_path: Path):
    _, start, state = streamed
    save_state(tmp_path / "state", state, start)
    loaded = load_state(tmp_path / "state", start, CPU)
    assert loaded.portrait is start.portrait
    assert equal(loaded, state)
    assert loaded.memory.previous[0].features[0].abs().sum() > 0
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_the_stream_goes_on_as_if_nothing_had_been(streamed, tmp_path: Path, head_picture):
    animator, start, state = streamed
    save_state(tmp_path / "state", state, start)
    loaded = load_state(tmp_path / "state", animator.prepare(head_picture(0)), CPU)
    for index in range(4, 8):
        frame = Frame(head_picture(index), index, TICK)
        (one, state), (two, loaded) = animator.step(frame, state), animator.step(frame, loaded)
        assert np.array_equal(one.image, two.image)


def _stream(animator: Animator, start: AnimationState, pictures: list[np.ndarray]) -> list[AnimationState]:
    states: list[AnimationState] = []
    frames = [Frame(picture, index, TICK) for index, picture in enumerate(pictures)]
    list(animator.animate(start, frames, lambda _, state: states.append(state)))
    return states


def _source_video(animator: Animator, path: Path, pictures: list[np.ndarray]) -> list[AnimationState]:
    with SourceVideo(path) as source:
        start, states = animator.prepare(source), []
        frames = (Frame(picture, index, TICK) for index, picture in enumerate(pictures))
        list(animator.animate(start, source.pair(frames), lambda _, state: states.append(state)))
    return [start, *states]


@pytest.mark.slow
def test_every_state_that_a_stream_can_reach_comes_back(
    streamed, tmp_path: Path, make_video, head_picture, grey_picture
):
    """Whatever the options, with faces lost, cuts and a source that is a video: every type has its place."""
    animator, *_ = streamed
    pictures = [(grey_picture if i in (0, 5, 6) else head_picture)(3 * i) for i in range(9)]
    clip = make_video("driver.mp4", picture=head_picture, size=(128, 128), pts=range(9))
    driver = animator.record(clip)
    reached: list[tuple[AnimationState, AnimationState]] = []
    for options in (
        AnimateOptions(),
        AnimateOptions(motion=MotionOptions("absolute", smoothing=0), crop_only=True),
        AnimateOptions(motion=MotionOptions("copy"), no_face="passthrough"),
        AnimateOptions(no_face="fade"),
    ):
        start = animator.prepare(head_picture(0), options)
        reached += [(start, state) for state in _stream(animator, start, pictures)]
    followed = animator.follow(animator.prepare(head_picture(0)), driver)
    reached += [(followed, s) for s in _stream(animator, followed, [head_picture(i) for i in range(9)])]
    own = make_video("own.mp4", size=(128, 128), pts=range(7), picture=lambda i, *_: pictures[(i + 2) % 9])
    start, *states = _source_video(animator, own, pictures)
    reached += [(start, state) for state in states]
    assert {state.motion.presence.share < 1 for _, state in reached} == {False, True}
    for index, (begun, state) in enumerate(reached):
        save_state(tmp_path / "state", state, begun)
        assert equal(load_state(tmp_path / "state", begun, CPU), state), index


def test_a_type_that_is_not_listed_is_an_error(streamed, tmp_path: Path):
    """A new field of a new type cannot be forgotten: the first batch fails."""
    _, start, state = streamed
    grown = dataclasses.make_dataclass("Grown", [("speed", float, 1.0)], bases=(RetargetState,), frozen=True)
    old = {field.name: getattr(state.motion, field.name) for field in dataclasses.fields(RetargetState)}
    with pytest.raises(TypeError, match="Grown is not among the types"):
        save_state(tmp_path / "state", dataclasses.replace(state, motion=grown(**old)), start)
    assert not list(tmp_path.iterdir())


def test_plain_values_of_every_kind_come_back(streamed, tmp_path: Path):
    _, start, state = streamed
    held = {
        "array": np.arange(6, dtype=np.float64).reshape(2, 3).T,
        "tuple": (1, "two", None, 3.5, True),
        "list": [Fraction(1, 3), FaceSquare(1, 2, 3)],
        "dict": {"a": torch.ones(2, dtype=torch.bfloat16)},
        "scalar": np.float32(0.1),
    }
    odd = dataclasses.replace(state, drawing=held)
    save_state(tmp_path / "state", odd, start)
    assert equal(load_state(tmp_path / "state", start, CPU), odd)


def test_what_cannot_be_saved_is_an_error_and_leaves_nothing(streamed, tmp_path: Path):
    _, start, state = streamed
    odd = dataclasses.replace(state, motion=dataclasses.replace(state.motion, square=object()))
    with pytest.raises(TypeError, match=r"state.motion.square is a object"):
        save_state(tmp_path / "state", odd, start)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "plan",
    [
        '{"object": "subprocess:Popen", "parts": {"args": {"value": ["true"]}}}',
        '{"object": "gfla.animate.io.paths:fsync_path", "parts": {"path": {"value": "x"}}}',
        '{"object": "Popen", "parts": {}}',
        '{"object": "Presence", "parts": {"gone": {"value": 1}}}',
        '{"tensor": "missing", "stride": [1], "cpu": true}',
    ],
)
def test_nothing_foreign_is_made_of_a_file(tmp_path: Path, plan: str):
    save_file({"a": torch.zeros(1)}, tmp_path / "state", metadata={"plan": plan})
    with pytest.raises(ValueError, match="no state of ours"):
        load_state(tmp_path / "state", None, CPU)


def test_a_damaged_file_is_an_error(tmp_path: Path):
    (tmp_path / "state").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no state of ours"):
        load_state(tmp_path / "state", None, CPU)
