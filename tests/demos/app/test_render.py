"""A run tells how far it is, keeps what is done when it is stopped, and fails in the caller's thread."""

import threading
from types import SimpleNamespace
from typing import Any, cast

import av
import numpy as np
import pytest
from conftest import DiscLandmarker, head_picture, write_video
from gfla.animate import Animator, InputError, VideoReader
from gfla.animate.errors import Cancelled
from gfla.animate.io.image import write_image
from gfla.demos.app.render.render import RenderRequest, render
from gfla.demos.app.render.side_by_side import side_by_side
from gfla.demos.app.tabs.animate_events import EMPTY, AnimateEvents
from gfla.demos.app.ui.progress import Progress
from gfla.demos.app.ui.settings import default_values
from gfla.demos.app.visitors.session import Visit
from gfla.models import CONFIGS, Generator


@pytest.fixture
def order(tmp_path):
    write_image(head_picture(0, 144, 128), tmp_path / "me.png")
    clip = write_video(tmp_path / "you.mp4", pts=tuple(range(20)), size=(128, 128), picture=head_picture)
    return RenderRequest(tmp_path / "me.png", clip)


@pytest.fixture(scope="module")
def animator():
    return Animator(Generator(CONFIGS["face-tiny"]), DiscLandmarker())


def never() -> bool:
    return False


def frames(path):
    with VideoReader(path) as reader:
        return [frame.image for frame in reader]


@pytest.mark.slow
def test_a_run_shows_every_frame_and_ends_with_all(animator, order, tmp_path):
    shown = []
    *_, last = render(animator, order, tmp_path / "out.mp4", cancel=never, show=shown.append, every=0.01)
    assert (last.done, last.expected, last.tracking) == (20, 20, False)
    assert len(shown) == len(frames(tmp_path / "out.mp4")) == 20


@pytest.mark.slow
def test_stopping_keeps_what_is_done(animator, order, tmp_path):
    stop = threading.Event()
    shown = []
    clip = write_video(tmp_path / "long.mp4", pts=tuple(range(90)), size=(128, 128), picture=head_picture)
    order = RenderRequest(order.portrait, clip)

    def show(frame):
        shown.append(frame)
        if len(shown) == 5:
            stop.set()

    *_, last = render(animator, order, tmp_path / "out.mp4", cancel=stop.is_set, show=show, every=0.01)
    assert 5 <= last.done < 90
    assert len(frames(tmp_path / "out.mp4")) == last.done


def test_stopping_at_once_is_a_sentence(animator, order, tmp_path):
    with pytest.raises(Cancelled, match="nothing to keep"):
        list(render(animator, order, tmp_path / "out.mp4", cancel=lambda: True))
    assert not (tmp_path / "out.mp4").exists()


def test_leaving_stops_the_run(animator, order, tmp_path):
    run = render(animator, order, tmp_path / "out.mp4", cancel=never, every=0.001)
    next(run)
    run.close()
    assert threading.active_count() < 20
    assert not any(thread.name == "render" for thread in threading.enumerate())


def test_errors_come_to_the_caller(animator, order, tmp_path):
    write_image(np.zeros((64, 64, 3), np.uint8), tmp_path / "nobody.png")
    with pytest.raises(InputError, match="no face found"):
        list(
            render(
                animator,
                RenderRequest(tmp_path / "nobody.png", order.driving),
                tmp_path / "o.mp4",
                cancel=never,
            )
        )


def test_time_to_go():
    assert Progress(done=2, expected=10, seconds=1).left is None, "too early to say"
    assert Progress(done=11, expected=31, seconds=5).left == pytest.approx(10)
    assert Progress(done=31, expected=31, seconds=5).left == 0


@pytest.mark.slow
def test_side_by_side_holds_both(animator, order, tmp_path):
    list(render(animator, order, tmp_path / "out.mp4", cancel=never))
    both = side_by_side(order.driving, order.portrait, tmp_path / "out.mp4", "Synthetic media")
    made, pairs = frames(tmp_path / "out.mp4"), frames(both)
    assert [pair.shape for pair in pairs] == [(128, 288, 3)] * 20
    given = frames(order.driving)
    for index in (0, 7, 19):
        assert np.abs(pairs[index][:, 144:].astype(int) - made[index]).mean() < 6
        assert np.abs(pairs[index][:, 8:136].astype(int) - given[index]).mean() < 6
    alone = side_by_side("nod", order.portrait, tmp_path / "out.mp4", "")
    assert alone == both, "made once"
    with av.open(str(both)) as container:
        assert container.metadata["comment"] == "Synthetic media"


def test_what_was_cleared_and_chosen_again_is_shown_again(tmp_path):
    visit = Visit(tmp_path, tmp_path)
    events = AnimateEvents(
        cast(
            Any,
            SimpleNamespace(
                visit=lambda request: visit, animator=None, driver=lambda visit, sent, motion: motion
            ),
        )
    )
    asked = cast(Any, None)

    def shown(motion: str) -> str:
        given = None, None, motion, None, None, None, True, 0, "MP4", *default_values()
        return next(events.show_preview(asked, *given))[0]

    first = shown("nod")
    assert "Driver" in first
    assert EMPTY in shown("")
    assert shown("nod") == first


def test_a_video_plays_once_it_will_not_catch_up():
    slow = Progress(done=20, expected=100, seconds=19)  # a frame a second, of 25 a second
    assert not slow.runs_through(20 / 25)
    near = Progress(done=98, expected=100, seconds=97)
    assert near.runs_through(98 / 25), "2.6 s to go, 4 s to play"
    assert Progress(done=20, expected=100, seconds=0.5).runs_through(20 / 25)
    assert not Progress(done=5, expected=100, seconds=0.1).runs_through(5 / 25), "too early to say"
