"""The networks behind NumPy: a frame that is not finite is computed again in float32, or forgotten."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from gfla.animate import Animator, Frame
from gfla.animate.options import AnimateOptions, MotionOptions
from gfla.models import CONFIGS, Generator

Picture = Callable[..., np.ndarray]
TICK = Fraction(1, 25)
COPY = AnimateOptions(motion=MotionOptions("copy"))


@pytest.fixture
def animator(landmarker) -> Animator:
    torch.manual_seed(0)
    animator = Animator(Generator(CONFIGS["face-tiny"]), landmarker)
    animator.networks.precision = torch.float32
    return animator


def test_a_frame_that_overflows_is_computed_again_in_float32(
    animator: Animator, head_picture: Picture, monkeypatch: pytest.MonkeyPatch
):
    """A layer that overflows in half precision alone gives the picture of float32."""
    networks = animator.networks
    networks.precision = torch.bfloat16
    assert isinstance(networks.generator, Generator)
    paint = networks.generator.paint.forward

    def overflow(x: torch.Tensor) -> torch.Tensor:
        return paint(x) * (torch.inf if torch.is_autocast_enabled("cpu") else 1)

    state = animator.prepare(head_picture(0), COPY)
    monkeypatch.setattr(networks.generator.paint, "forward", overflow)
    made, after = animator.step(Frame(head_picture(1), 0, TICK), state)
    networks.precision = torch.float32
    exact, _ = animator.step(Frame(head_picture(1), 0, TICK), animator.prepare(head_picture(0), COPY))
    assert after.memory.previous[0].image.isfinite().all()
    assert np.abs(made.image.astype(int) - exact.image).max() <= 4  # the reference was encoded in half


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_what_is_never_finite_is_not_remembered(
    animator: Animator, head_picture: Picture, monkeypatch: pytest.MonkeyPatch, precision: torch.dtype
):
    """The frame shows something, and the next one begins as a first frame does."""
    networks = animator.networks
    networks.precision = precision
    assert isinstance(networks.generator, Generator)
    state = animator.prepare(head_picture(0), COPY)
    whole, _ = animator.step(Frame(head_picture(2), 1, TICK), state)
    paint = networks.generator.paint.forward
    with monkeypatch.context() as broken:
        broken.setattr(networks.generator.paint, "forward", lambda x: paint(x) * torch.nan)
        frame, after = animator.step(Frame(head_picture(1), 0, TICK), state)
    assert frame.image.shape == head_picture(0).shape
    assert after.memory.previous == ()
    following, _ = animator.step(Frame(head_picture(2), 1, TICK), animator.prepare(head_picture(0), COPY))
    assert np.array_equal(following.image, whole.image)
    _, again = animator.step(Frame(head_picture(2), 1, TICK), after)
    assert again.memory.previous[0].image.isfinite().all()


def test_streams_in_turns_do_not_touch_where_faces_come_and_go(
    animator: Animator, head_picture: Picture, grey_picture: Picture
):
    """Three streams of which one has no face at first and another none in the middle: memories differ."""
    drivers = [
        [
            Frame((grey_picture if (s, i) in ((1, 0), (2, 2)) else head_picture)(i + s), i, TICK)
            for i in range(4)
        ]
        for s in range(3)
    ]
    states = [animator.prepare(head_picture(s), COPY) for s in range(3)]
    alone = [list(animator.animate(state, frames)) for state, frames in zip(states, drivers, strict=True)]
    for index in range(4):
        for stream in range(3):
            frame, states[stream] = animator.step(drivers[stream][index], states[stream])
            assert np.array_equal(frame.image, alone[stream][index].image)


def test_weights_hold_no_state_of_a_stream(animator: Animator, head_picture: Picture):
    before = {name: value.clone() for name, value in animator.networks.generator.state_dict().items()}
    attributes = dict(vars(animator.networks))
    list(animator.animate(head_picture(0), [Frame(head_picture(i), i, TICK) for i in range(2)]))
    assert all(torch.equal(before[n], v) for n, v in animator.networks.generator.state_dict().items())
    assert vars(animator.networks) == attributes
