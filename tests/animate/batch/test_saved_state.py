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
from gfla.animate.io.timecode import Span
from gfla.animate.motion import retarget as motion
from gfla.animate.motion.retarget import MotionState
from gfla.models import CONFIGS, Generator
from safetensors.torch import save_file
from torch import Tensor

CPU = torch.device("cpu")


def equal(a: Any, b: Any) -> bool:
    """The same type and content, all the way down, tensors laid out alike."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        return a.dtype == b.dtype and a.stride() == b.stride() and torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.strides == b.strides and np.array_equal(a, b)
    if dataclasses.is_dataclass(a):
        return all(equal(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return a == b


@pytest.fixture
def streamed(landmarker, head_picture: Callable[..., np.ndarray]):
    """An animator, the state before the first frame, and the state after four."""
    torch.manual_seed(0)
    animator = Animator(Generator(CONFIGS["face-tiny"]), landmarker)
    start = state = animator.prepare(head_picture(0))
    for index in range(4):
        _, state = animator.step(Frame(head_picture(index), index, Fraction(1, 25)), state)
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
        frame = Frame(head_picture(index), index, Fraction(1, 25))
        (one, state), (two, loaded) = animator.step(frame, state), animator.step(frame, loaded)
        assert np.array_equal(one.image, two.image)


def test_a_new_field_is_saved_too(streamed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Whatever MotionState and the things in it come to hold."""
    _, start, state = streamed
    added = [
        ("speed", np.ndarray, dataclasses.field(default_factory=lambda: np.zeros((2, 3)))),
        ("told", tuple, ()),
        ("times", list, dataclasses.field(default_factory=list)),
        ("table", dict, dataclasses.field(default_factory=dict)),
        ("last", object, None),
    ]
    grown = dataclasses.make_dataclass("MotionState", added, bases=(MotionState,), frozen=True)
    grown.__module__ = motion.__name__
    monkeypatch.setattr(motion, "MotionState", grown)
    old = {field.name: getattr(state.motion, field.name) for field in dataclasses.fields(MotionState)}
    moved = grown(
        **old,
        speed=np.arange(6, dtype=np.float64).reshape(2, 3).T,
        told=(1, "two", None, 3.5),
        times=[Fraction(1, 3), Span(Fraction(0), Fraction(1))],
        table={"a": torch.ones(2, dtype=torch.bfloat16)},
        last=np.float32(0.1),
    )
    state = dataclasses.replace(state, motion=moved)
    save_state(tmp_path / "state", state, start)
    assert equal(load_state(tmp_path / "state", start, CPU), state)


def test_what_cannot_be_saved_is_an_error_and_leaves_nothing(streamed, tmp_path: Path):
    _, start, state = streamed
    odd = dataclasses.replace(state, motion=dataclasses.replace(state.motion, driver=object()))
    with pytest.raises(TypeError, match=r"state.motion.driver is a object"):
        save_state(tmp_path / "state", odd, start)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "plan",
    [
        '{"object": "subprocess:Popen", "parts": {"args": {"value": ["true"]}}}',
        '{"object": "gfla.animate.io.paths:fsync_path", "parts": {"path": {"value": "x"}}}',
        '{"object": "gfla.animate.motion.retarget:Gone", "parts": {}}',
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
