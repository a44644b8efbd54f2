"""A source that is a video: frames paired by time, its own movement kept or replaced, faces lost and cut."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from gfla.animate import AnimationState, Animator, Frame, InputError, VideoReader
from gfla.animate.options import AnimateOptions, SourceMotion
from gfla.animate.source_video import SourceVideo, open_source
from PIL import Image

Picture = Callable[..., np.ndarray]
MakeVideo = Callable[..., Path]
TICK = Fraction(1, 25)


def head_video(make_video: MakeVideo, picture: Picture, name: str = "own.mp4", **options) -> Path:
    settings = {"pts": range(12), "size": (128, 128)} | options
    return make_video(name, picture=picture, **settings)


def run(
    animator: Animator, path: Path, frames: list[Frame], motion: SourceMotion = "keep"
) -> tuple[list, list]:
    with SourceVideo(path) as source:
        state = animator.prepare(source, AnimateOptions(source_motion=motion))
        states: list[AnimationState] = []
        out = [f.image for f in animator.animate(state, source.pair(frames), lambda _, s: states.append(s))]
    return out, states


def test_frames_are_paired_by_time_not_by_number(make_video: MakeVideo):
    """A source of 10 frames a second under times of 25: each is shown until the next is due."""
    grey = lambda i, w, h: np.full((h, w, 3), 20 + 20 * i, np.uint8)  # noqa: E731
    path = make_video("ten.mp4", picture=grey, pts=range(10), time_base=Fraction(1, 10), rate=Fraction(10))

    def driving(count: int, tick: Fraction) -> list[Frame]:
        return [Frame(np.zeros((2, 2, 3), np.uint8), index, tick) for index in range(7, 7 + count)]

    with SourceVideo(path) as source:
        image, shown, fresh = source.first, [], []
        for frame, picture, _ in source.pair(driving(30, TICK)):
            fresh.append(picture is not None)
            image = image if picture is None else picture
            shown.append(round((int(image[5, 5, 0]) - 20) / 20))
            assert frame.pts == 7 + len(shown) - 1
        assert shown == [min(int(i * 0.4), 9) for i in range(30)]
        assert sum(fresh) == 9
        assert source.ended == 1
    with SourceVideo(path) as source:
        list(source.pair(driving(2, Fraction(99, 100))))
        assert source.ended is None


@pytest.mark.slow
def test_the_source_keeps_moving_under_a_still_driver(animator, make_video, head_picture: Picture):
    """The portrait is each moment's frame; outside the face it is that frame exactly."""
    path = head_video(make_video, lambda i, w, h: head_picture(4 * i, 128, 128))
    still = [Frame(head_picture(0), i, TICK) for i in range(12)]
    _, states = run(animator, path, still)
    with VideoReader(path) as reader:
        pictures = [frame.image for frame in reader]
    assert all(np.array_equal(s.portrait.image, p) for s, p in zip(states, pictures, strict=True))
    squares = {s.portrait.square for s in states}
    assert len(squares) == 1  # nothing swims
    middles = [float(s.portrait.points[:, 0].mean()) for s in states]
    assert max(middles) - min(middles) > 3
    for state in states:  # a still driver adds nothing to the source's own movement
        assert state.motion.target is not None
        away = np.abs(state.motion.target.points[0, :68].numpy() - state.portrait.points).max()
        assert away < 0.5


@pytest.mark.slow
def test_its_own_movement_can_be_replaced(animator, make_video, head_picture: Picture):
    """A source whose face grows longer under a driver that does not: replaced, it stays as it began."""
    path = head_video(make_video, lambda i, w, h: _stretched(head_picture(0, 128, 128), i))
    still = [Frame(head_picture(0), i, TICK) for i in range(12)]
    heights: dict[SourceMotion, list[float]] = {}
    kinds: tuple[SourceMotion, ...] = ("keep", "replace")
    for motion in kinds:
        _, states = run(animator, path, still, motion)
        heights[motion] = [float(np.ptp(s.motion.target.points[0].numpy()[:, 1])) for s in states]
    assert max(heights["keep"]) - min(heights["keep"]) > 2
    assert max(heights["replace"]) - min(heights["replace"]) < 0.5


def _stretched(picture: np.ndarray, index: int) -> np.ndarray:
    """The head `index` rows longer downwards."""
    out = picture.copy()
    out[100 : 100 + index] = picture[100]
    return out


@pytest.mark.slow
def test_a_source_frame_without_a_face_is_shown_as_it_is(animator, make_video, head_picture, grey_picture):
    path = head_video(make_video, lambda i, w, h: (grey_picture if 4 <= i < 7 else head_picture)(i, w, h))
    frames = [Frame(head_picture(3 * i), i, TICK) for i in range(12)]
    out, states = run(animator, path, frames)
    with VideoReader(path) as reader:
        pictures = [frame.image for frame in reader]
    assert [s.tracking.source.visible for s in states] == [not 4 <= i < 7 for i in range(12)]
    assert all(np.array_equal(out[i], pictures[i]) for i in (4, 5, 6))
    assert not np.array_equal(out[7], pictures[7])


@pytest.mark.slow
def test_a_source_face_that_walks_gets_another_square(animator, make_video, head_picture: Picture):
    def walking(index: int, width: int, height: int) -> np.ndarray:
        picture = np.full((height, width, 3), 90, np.uint8)
        picture[:, 12 * index : 12 * index + 128] = head_picture(0)
        return picture

    path = head_video(make_video, walking, size=(280, 128))
    _, states = run(animator, path, [Frame(head_picture(0), i, TICK) for i in range(12)])
    squares = [s.portrait.square for s in states]
    assert squares[-1].x > squares[0].x + 60
    assert 2 <= len(set(squares)) < 12
    for state in states:
        assert 0 < state.portrait.points.mean() < 64


@pytest.mark.slow
def test_render_takes_the_driver_s_clock_and_sound(animator, make_video, head_picture, tmp_path):
    own = head_video(make_video, head_picture, "own.mp4", pts=range(5), sound="aac")
    driving = head_video(make_video, head_picture, "driving.mp4", sound="aac")
    result = animator.render(own, driving, tmp_path / "out.mp4")
    out = result.path
    with VideoReader(out) as reader:
        assert [frame.seconds for frame in reader] == [i * TICK for i in range(12)]
    assert [str(w) for w in result.warnings] == [f"{own}: it ends at 0:00.200; its last frame is held."]
    import av

    sounds = []
    for file in (driving, out):
        with av.open(str(file)) as container:
            sounds.append([bytes(p) for p in container.demux(audio=0)])
    assert sounds[0] == sounds[1]


def test_pictures_and_broken_files_stay_what_they_were(animator, make_video, grey_picture, tmp_path: Path):
    picture = tmp_path / "a.png"
    Image.fromarray(grey_picture(0)).save(picture)
    with open_source(picture) as given:
        assert given == picture
    text = tmp_path / "text.png"
    text.write_text("no picture\n" * 20)
    with open_source(text) as given:
        assert given == text
    with pytest.raises(InputError, match="no such file"):
        open_source(tmp_path / "missing.mp4")
    grey = make_video("grey.mp4", picture=grey_picture, size=(128, 128), pts=range(3))
    with pytest.raises(InputError, match=r"grey.mp4: no face found"), open_source(grey) as given:
        animator.prepare(given)
