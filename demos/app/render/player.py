"""A run as a visitor sees it: the player and the progress, from the click to the finished film."""

import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
from gfla.animate import Animator
from gfla.animate.motion.recording import DriverMotion
from gfla.demos.app.render.growing_video import Playing
from gfla.demos.app.render.render import Order, make
from gfla.demos.app.render.workspace import Run, desk_of
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.progress import Progress
from gfla.demos.app.visitors.session import Visit


def run(
    animator: Animator, visit: Visit, order: Order, name: str, recording: DriverMotion | None = None
) -> Iterator[tuple[Any, str]]:
    """Make `order` into a file of that name for the visitor; yields what the player and the progress show.

    recording: of the driver; else what the desk knows, as soon as the look at it is over. In the end the desk
    has the run. InputError as of `Animator.render`.
    """
    desk = desk_of(visit)
    folder = desk.new_run()
    output = folder / name
    playing, progress = Playing(folder / "playing.mp4"), Progress()
    try:
        yield widgets.film(visit.give(playing), making=True), markup.bar("Starting", None)
        while recording is None and desk.is_looking and not visit.cancel.is_set():
            yield gr.skip(), markup.run_bar(desk.progress, None)
            time.sleep(0.1)
        recording = recording or desk.known(order.driving)
        ways: dict[str, Any] = {"cancel": visit.cancel.is_set, "show": playing.show}
        for progress in make(animator, order, output, recording=recording, **ways):
            yield gr.skip(), markup.run_bar(progress, playing.last)
    finally:
        playing.close()
    desk.run = Run(order, output, recording)
    notes = [note.partition(": ")[2] or note for note in progress.notes]
    told = markup.notes([_done(progress, visit.cancel.is_set()), *notes])
    yield widgets.film(visit.give(output), name=output.name), told


def _done(progress: Progress, cancelled: bool) -> str:
    if cancelled and progress.expected and progress.done < progress.expected:
        return f"Stopped. The first {progress.done} of {progress.expected} frames are kept."
    rate = (progress.done - 1) / progress.seconds if progress.seconds else 0.0
    return f"Done: {progress.done} frames, {rate:.1f} a second."
