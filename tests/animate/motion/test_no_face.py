"""Frames without a face: four policies, the frame count always kept."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from gfla.animate import AnimationState, Frame, InputError, VideoReader
from gfla.animate.motion.no_face import Presence
from gfla.animate.options import AnimateOptions, MotionOptions

Picture = Callable[..., np.ndarray]
TICK = Fraction(1, 25)


def driver(head_picture: Picture, grey_picture: Picture, away: range, count: int) -> list[Frame]:
    return [Frame((grey_picture if i in away else head_picture)(i), i, TICK) for i in range(count)]


@pytest.mark.slow
def test_passthrough_shows_the_portrait_itself(animator, head_picture: Picture, grey_picture: Picture):
    source = head_picture(0)
    frames = driver(head_picture, grey_picture, range(3, 6), 8)
    for crop_only in (False, True):
        state = animator.prepare(source, AnimateOptions(no_face="passthrough", crop_only=crop_only))
        plain = state.portrait.face if crop_only else source
        out = [frame.image for frame in animator.animate(state, frames)]
        assert len(out) == 8
        assert all(np.array_equal(image, plain) for image in out[3:6])
        assert not any(np.array_equal(image, plain) for image in (*out[1:3], *out[6:]))


@pytest.mark.slow
def test_fade_comes_to_rest_in_half_a_second_and_returns(animator, head_picture, grey_picture, monkeypatch):
    """The points drawn go step by step to the portrait's own, stay, and come back the same way."""
    frames = driver(head_picture, grey_picture, range(4, 24), 40)
    frames = [Frame(f.image, f.pts, TICK) for f in frames]
    options = AnimateOptions(motion=MotionOptions("copy"), no_face="fade")
    state = animator.prepare(head_picture(30), options)
    rest = torch.from_numpy(np.concatenate((state.portrait.points, state.portrait.shoulders)))
    drawn: list[float] = []
    generate = animator.networks.generate

    def note(target, portrait, memory):
        drawn.append(float((target.points[0] - rest).abs().max()))
        return generate(target, portrait, memory)

    monkeypatch.setattr(animator.networks, "generate", note)
    states: list[AnimationState] = []
    out = [f.image for f in animator.animate(state, frames, lambda _, s: states.append(s))]
    assert len(out) == 40
    away = drawn[4:17]  # 12.5 frames from full to none, then nothing is drawn
    assert all(a > b for a, b in pairwise(away))
    assert away[-1] == 0
    assert np.array_equal(out[17], out[23])
    assert len(drawn) == 4 + 13 + 16
    assert [float(s.motion.presence.share) for s in states[24:27]] == pytest.approx([0.08, 0.16, 0.24])
    assert states[-1].motion.presence.share == 1


def test_presence_counts_time_not_frames():
    presence = Presence().after(True, Fraction(0)).after(False, Fraction(1, 4))
    assert presence.share == Fraction(1, 2)
    assert presence.after(False, Fraction(9)).share == 0
    assert presence.after(True, Fraction(3, 8)).share == Fraction(3, 4)


def test_fail_is_one_sentence_and_leaves_nothing(
    animator, head_picture, grey_picture, make_video, tmp_path: Path
):
    clip = make_video(
        "d.mp4",
        picture=lambda i, w, h: (grey_picture if i == 5 else head_picture)(i, w, h),
        size=(128, 128),
        pts=range(8),
    )
    with pytest.raises(InputError, match=r"no face at 0:00\.200"):
        animator.render(head_picture(0), clip, tmp_path / "out.mp4", AnimateOptions(no_face="fail"))
    assert [p.name for p in tmp_path.iterdir()] == ["d.mp4"]


@pytest.mark.parametrize(
    ("policy", "says"), [("passthrough", "is shown unmoved there"), ("fade", "comes to rest there")]
)
def test_the_times_are_reported_once(
    animator, head_picture, grey_picture, make_video, tmp_path: Path, policy, says
):
    clip = make_video(
        "d.mp4",
        picture=lambda i, w, h: (grey_picture if i == 5 else head_picture)(i, w, h),
        size=(128, 128),
        pts=range(8),
    )
    result = animator.render(head_picture(0), clip, tmp_path / "out.mp4", AnimateOptions(no_face=policy))
    (warning,) = result.warnings
    assert str(warning) == f"{clip}: no face from 0:00.200 to 0:00.240; the portrait {says}."
    with VideoReader(result.path) as reader:
        assert len(list(reader)) == 8


def test_edges_cannot_fade():
    with pytest.raises(InputError, match="--no-face fade"):
        AnimateOptions(no_face="fade", guidance="edges", motion=MotionOptions("copy"))
