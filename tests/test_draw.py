"""Streams in lockstep draw what each draws alone; a frame that is not finite is made again, or forgotten."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from gfla.animate import Animator, Frame
from gfla.models import CONFIGS, Generator
from gfla.tests.bench.lockstep import step_together

Picture = Callable[..., np.ndarray]
TICK = Fraction(1, 25)


@pytest.fixture
def animator(landmarker) -> Animator:
    torch.manual_seed(0)
    animator = Animator(Generator(CONFIGS["face-tiny"]), landmarker)
    animator.precision = torch.float32  # half precision rounds otherwise in another batch
    return animator


def test_streams_in_lockstep_equal_streams_alone(
    animator: Animator, head_picture: Picture, grey_picture: Picture
):
    """Three streams of which one has no face at first and another none in the middle: memories differ."""
    drivers = [
        [
            Frame((grey_picture if (s, i) in ((1, 0), (2, 2)) else head_picture)(i + s), i, TICK)
            for i in range(5)
        ]
        for s in range(3)
    ]
    states = [animator.prepare(head_picture(s), motion="copy", crop_only=s == 2) for s in range(3)]
    alone = [list(animator.animate(state, frames)) for state, frames in zip(states, drivers, strict=True)]
    for index in range(5):
        frames, states = step_together(animator, [driver[index] for driver in drivers], states)
        for frame, single in zip(frames, alone, strict=True):
            assert frame.pts == single[index].pts
            apart = np.abs(frame.image.astype(int) - single[index].image)
            assert apart.max() <= 2
            assert apart.mean() < 0.01


def test_a_batch_is_one_call_of_the_network(animator: Animator, head_picture: Picture, monkeypatch):
    seen = []
    frame = animator.generator.frame
    monkeypatch.setattr(
        animator.generator, "frame", lambda ahead, *a: seen.append(len(ahead.x8)) or frame(ahead, *a)
    )
    states = [animator.prepare(head_picture(s), motion="copy") for s in range(4)]
    step_together(animator, [Frame(head_picture(s), 0, TICK) for s in range(4)], states)
    assert seen == [4]


def test_a_frame_that_overflows_is_made_again_in_float32(
    animator: Animator, head_picture: Picture, monkeypatch
):
    """A layer that overflows in half precision alone gives the picture of float32."""
    animator.precision = torch.bfloat16
    assert isinstance(animator.generator, Generator)
    paint = animator.generator.paint.forward

    def overflow(x: torch.Tensor) -> torch.Tensor:
        return paint(x) * (torch.inf if torch.is_autocast_enabled("cpu") else 1)

    state = animator.prepare(head_picture(0), motion="copy")
    monkeypatch.setattr(animator.generator.paint, "forward", overflow)
    made, after = animator.step(Frame(head_picture(1), 0, TICK), state)
    animator.precision = torch.float32
    state = animator.prepare(head_picture(0), motion="copy")
    exact, _ = animator.step(Frame(head_picture(1), 0, TICK), state)
    assert after.memory.previous[0].image.isfinite().all()
    assert np.abs(made.image.astype(int) - exact.image).max() <= 4  # the reference was encoded in half


def test_what_is_never_finite_is_not_remembered(animator: Animator, head_picture: Picture, monkeypatch):
    state = animator.prepare(head_picture(0), motion="copy")
    assert isinstance(animator.generator, Generator)
    paint = animator.generator.paint.forward
    monkeypatch.setattr(animator.generator.paint, "forward", lambda x: paint(x) * torch.nan)
    _, after = animator.step(Frame(head_picture(1), 0, TICK), state)
    assert after.memory.previous == ()
