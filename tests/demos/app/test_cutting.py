"""The framed part of a driver is cut with progress, ends when asked to, and leaves nothing half made."""

import threading
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest
from conftest import head_picture, write_video
from gfla.animate import InputError, VideoReader
from gfla.animate.errors import Cancelled
from gfla.animate.io.image import write_image
from gfla.animate.options import AnimateOptions
from gfla.demos.app.render.cutting import cut_driver
from gfla.demos.app.render.render import RenderRequest
from gfla.demos.app.tabs.animate_events import AnimateEvents
from gfla.demos.app.ui.settings import default_values
from gfla.demos.app.visitors.pictures import crop_video, fit_picture
from gfla.demos.app.visitors.session import Visit
from gfla.demos.app.visitors.turns import Turn

HALF = (0.0, 0.0, 0.5, 1.0)
FRAMED = '{"faces": [], "face": null, "crop": [0, 0, 0.5, 1]}'


@pytest.fixture
def visit(tmp_path):
    made = Visit(tmp_path / "visit", tmp_path / "cache")
    made.folder.mkdir()
    made.cache.mkdir()
    return made


@pytest.fixture
def driver(visit):
    return write_video(visit.cache / "you.mp4", pts=tuple(range(40)), size=(256, 128), picture=head_picture)


def left_in(visit) -> list[str]:
    return [path.name for path in visit.folder.rglob("*") if path.is_file()]


def test_a_cut_counts_its_frames(visit, driver):
    counted = []
    part = crop_video(visit, driver, HALF, progress=lambda *count: counted.append(count))
    assert counted == [(done, 40) for done in range(1, 41)]
    assert visit.cut == (40, 40)
    assert left_in(visit) == ["you.mp4"]
    counted.clear()
    assert crop_video(visit, driver, HALF, progress=lambda *count: counted.append(count)) == part
    assert counted == [], "made once"


def test_a_stopped_cut_leaves_no_file_and_may_be_made_again(visit, driver):
    counted = []
    with pytest.raises(Cancelled, match="Stopped while the driver was cut; nothing was rendered"):
        crop_video(
            visit,
            driver,
            HALF,
            progress=lambda *count: counted.append(count),
            cancel=lambda: len(counted) == 7,
        )
    assert counted[-1] == (7, 40)
    assert left_in(visit) == []
    with VideoReader(crop_video(visit, driver, HALF)) as reader:
        assert (reader.size, len(list(reader))) == ((128, 128), 40)


def test_while_a_driver_is_cut_pictures_are_made_and_a_second_cut_may_stop_waiting(visit, driver, tmp_path):
    """The second sees how far the first is."""
    write_image(head_picture(0, 144, 128), tmp_path / "me.png")
    begun, go_on = threading.Event(), threading.Event()

    def hold(done: int, expected: int | None) -> None:
        if done == 5:
            begun.set()
            assert go_on.wait(60)

    first = threading.Thread(target=crop_video, args=(visit, driver, HALF), kwargs={"progress": hold})
    first.start()
    assert begun.wait(60)
    assert fit_picture(visit, tmp_path / "me.png", 64).exists()
    seen = []
    with pytest.raises(Cancelled):
        crop_video(visit, driver, HALF, progress=lambda *count: seen.append(count), cancel=lambda: bool(seen))
    assert seen == [(5, 40)]
    go_on.set()
    first.join()
    assert sorted(left_in(visit)) == ["me.png", "you.mp4"]


def test_a_cut_request_is_of_the_part_alone(visit, driver):
    request = RenderRequest(driver, driver, AnimateOptions(start=0, end=1), {str(driver): "You (1).mov"})
    cutting = cut_driver(visit, request, HALF, lambda: False, lambda progress: progress.expected, every=0.001)
    shown = []
    while True:
        try:
            shown.append(next(cutting))
        except StopIteration as ended:
            made = ended.value
            break
    assert (made.options.start, made.options.end) == (None, None)
    assert made.names[str(made.driving)] == "You (1).mov"
    assert made.driver.driving == made.driving != driver
    with pytest.raises(InputError, match="this part of it is too small"):
        list(cut_driver(visit, request, (0, 0, 0.1, 1), lambda: False, str))


def test_leaving_ends_the_cut(visit, driver):
    go_on = threading.Event()
    cutting = cut_driver(visit, RenderRequest(driver, driver), HALF, go_on.is_set, lambda made: made, 0.0001)
    next(cutting)
    cutting.close()
    assert not any(thread.name == "cut" for thread in threading.enumerate())
    assert left_in(visit) in ([], ["you.mp4"]), "whole or absent"
    assert not visit.cutting.locked()


def test_stop_reaches_the_cut_of_a_render(visit, driver, tmp_path):
    """It is shown in the line of the render's progress; the player keeps what it shows, and nothing is
    left."""
    write_image(head_picture(0, 144, 128), tmp_path / "me.png")
    turn, turns = Turn("animate"), SimpleNamespace(wait=lambda turn: iter(()))
    service = SimpleNamespace(
        visit=lambda request: visit,
        turns=turns,
        job=lambda visit, name: nullcontext(turn),
        portrait=lambda visit, sent, crop: tmp_path / "me.png",
        source=lambda visit, portrait: portrait,
        driver=lambda visit, sent, motion, part: driver,
        animator=None,
    )
    sent = {"path": str(driver), "orig_name": "You (1).mov"}
    given = None, sent, "", None, FRAMED, None, True, 0, "MP4", *default_values()
    lines, rows = [], []
    visit.cutting.acquire()  # as if the preview were cutting it
    visit.cut = 12, 40
    for row in AnimateEvents(cast(Any, service)).render(cast(Any, None), *given):
        rows.append(row)
        if isinstance(row[1], str):
            lines.append(row[1])
        if 'aria-valuenow="30"' in "".join(lines):
            turn.cancel.set()
    visit.cutting.release()
    assert "Cutting the driver" in lines[0]
    assert 'aria-valuenow="30"' in lines[-2]
    *_, ended, error = rows
    assert [button.visible for button in ended[2:4]] == [True, False]
    assert "Stopped while the driver was cut; nothing was rendered." in error[6]
    assert [row[0] for row in rows] == [gr.skip()] * len(rows)
    assert left_in(visit) == []
