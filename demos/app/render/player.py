"""A render as a visitor sees it: the player and the progress, from the click to the finished video."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import gradio as gr
from gfla.animate import Animator
from gfla.animate.errors import InputWarning
from gfla.animate.motion.recording import DriverMotion
from gfla.demos.app.render.growing_video import GrowingVideo
from gfla.demos.app.render.render import RenderRequest, render
from gfla.demos.app.render.workspace import workspace_of
from gfla.demos.app.ui import markup
from gfla.demos.app.ui.progress import Progress
from gfla.demos.app.ui.widgets import player_value
from gfla.demos.app.visitors.errors import message_of
from gfla.demos.app.visitors.session import Visit
from gfla.demos.app.visitors.turns import Turn


def play_render(
    animator: Animator,
    visit: Visit,
    turn: Turn,
    request: RenderRequest,
    name: str,
    recording: DriverMotion | None = None,
) -> Iterator[tuple[Any, str]]:
    """Render `request` into a file of that name for the visitor, whose `turn` it is; yields values of the
    player and the status.

    recording: the driver's motion; None takes the workspace's, once its tracking has ended. At the end the
    workspace has the video as its `last`. InputError as `render`.
    """
    workspace = workspace_of(visit)
    folder = workspace.render_folder()
    output = folder / name
    growing, progress = GrowingVideo(folder / "growing.mp4"), Progress()
    address, plays = visit.serve(growing), False
    try:
        yield player_value(address, growing=True, plays=False), markup.bar("Starting", None)
        while recording is None and workspace.is_tracking and not turn.cancel.is_set():
            yield gr.skip(), markup.render_bar(workspace.progress)
            time.sleep(0.1)
        recording = recording or workspace.recorded(request.driver)
        cancel = turn.cancel.is_set
        for progress in render(
            animator, request, output, recording=recording, cancel=cancel, show=growing.show
        ):
            player = gr.skip()
            if not plays and progress.runs_through(growing.seconds):
                plays, player = True, player_value(address, growing=True)
            yield player, markup.render_bar(progress, turn.cancel.is_set())
    finally:
        growing.close()
    workspace.keep(request, output, growing.last)
    told = (_summary(progress, turn.cancel.is_set()), *warnings_of(progress.warnings, request.names))
    yield player_value(visit.serve(output), name=output.name), markup.notes(told)


def warnings_of(found: Iterable[InputWarning], names: dict[str, str]) -> Iterator[str]:
    """The warnings of a render as sentences, with the files' names on the visitor's side (by our paths)."""
    return (message_of(each, names) for each in found)


def _summary(progress: Progress, cancelled: bool) -> str:
    if cancelled and progress.expected and progress.done < progress.expected:
        return f"Stopped. The first {progress.done} of {progress.expected} frames are kept."
    return f"Done: {progress.done} frames, {progress.rate:.1f} a second."
