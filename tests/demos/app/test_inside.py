"""A walk to any frame gives what the stream gives there, however one came to it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from gfla.animate import Animator, VideoReader
from gfla.animate.inspection.explain import Inside, look_inside
from gfla.animate.motion.template import open_motion
from gfla.demos.app.tabs.inside import Walk
from gfla.models import CONFIGS, Generator


@pytest.fixture
def animator(landmarker) -> Animator:
    torch.manual_seed(0)
    return Animator(Generator(CONFIGS["face-tiny"]), landmarker)


@pytest.fixture
def driving(make_video, head_picture, grey_picture) -> Path:
    """Thirty frames, the face away in 20 to 22."""
    return make_video(
        "driving.mp4",
        picture=lambda i, w, h: (grey_picture if 20 <= i < 23 else head_picture)(i, w, h),
        size=(128, 128),
        pts=range(30),
    )


@pytest.fixture
def walk(animator: Animator, driving: Path, head_picture) -> Walk:
    recording = animator.record(driving)
    state = animator.follow(animator.prepare(head_picture(0), crop_only=True), recording)
    return Walk(animator, state, driving, recording)


def flow(inside: Inside | None) -> np.ndarray:
    assert inside is not None
    return inside.output.motions[2].flow.numpy()


def go_on() -> bool:
    return False


@pytest.mark.slow
def test_any_order_gives_the_streams_frames(walk: Walk, animator: Animator, driving: Path):
    state, straight = walk.start, {}
    with VideoReader(driving) as reader:
        for number, frame in enumerate(reader):
            straight[number] = look_inside(animator, frame, state)
            _, state = animator.step(frame, state)
    for number in (17, 18, 3, 17, 29, 0):
        inside = walk.look(number, go_on)
        assert inside is not None
        assert np.array_equal(flow(inside), flow(straight[number]))
        assert np.array_equal(inside.driving, straight[number].driving)
    assert len(walk.states) <= 30 // 2 + 2
    assert walk.look(21, go_on) is None
    assert len(walk) == 30


def test_a_cancelled_walk_shows_nothing(walk: Walk):
    assert walk.look(5, lambda: True) is None


def test_the_first_frame_to_show_does_something(walk: Walk):
    assert walk.recording.found[walk.first]
    assert walk.first < 25


def test_a_motion_shows_its_landmarks(animator: Animator, head_picture):
    recording = open_motion("nod")
    assert recording is not None
    state = animator.follow(animator.prepare(head_picture(0), crop_only=True), recording)
    inside = Walk(animator, state, "nod", recording).look(10, go_on)
    assert inside is not None
    assert inside.driving.shape == (64, 64, 3)
    assert len(np.unique(inside.driving.reshape(-1, 3), axis=0)) > 5
