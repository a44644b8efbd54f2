"""A render as a visitor sees it: the player and the progress, from the click to the finished video."""

import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
from gfla.animate import Animator
from gfla.animate.errors import sentence
from gfla.animate.motion.recording import DriverMotion
from gfla.demos.app.render.growing_video import GrowingVideo
from gfla.demos.app.render.render import RenderRequest, render
from gfla.demos.app.render.workspace import workspace_of
from gfla.demos.app.ui import markup
from gfla.demos.app.ui.progress import Progress
from gfla.demos.app.ui.widgets import player_value
from gfla.demos.app.visitors.session import Visit


def play_render(
    animator: Animator,
    visit: Visit,
    request: RenderRequest,
    name: str,
    recording: DriverMotion | None = None,
) -> Iterator[tuple[Any, str]]:
    """Render `request` into a file of that name for the visitor; yields values of the player and the status.

    recording: the driver's motion; None takes the workspace's, once its tracking has ended. At the end the
    workspace has the video as its `last`. InputError as `render`.
    """
    workspace = workspace_of(visit)
    folder = workspace.render_folder()
    output = folder / name
    growing, progress = GrowingVideo(folder / "growing.mp4"), Progress()
    cancel = visit.cancel.is_set
    try:
        yield player_value(visit.serve(growing), growing=True), markup.bar("Starting", None)
        while recording is None and workspace.is_tracking and not cancel():
            yield gr.skip(), markup.render_bar(workspace.progress, None)
            time.sleep(0.1)
        recording = recording or workspace.recorded(request.driving)
        steps = render(animator, request, output, recording=recording, cancel=cancel, show=growing.show)
        for progress in steps:
            yield gr.skip(), markup.render_bar(progress, growing.last)
    finally:
        growing.close()
    workspace.last = request, output
    warnings = (sentence("", each.reason, each.remedy) for each in progress.warnings)
    notes = markup.notes([_summary(progress, cancel()), *warnings])
    yield player_value(visit.serve(output), name=output.name), notes


def _summary(progress: Progress, cancelled: bool) -> str:
    if cancelled and progress.expected and progress.done < progress.expected:
        return f"Stopped. The first {progress.done} of {progress.expected} frames are kept."
    return f"Done: {progress.done} frames, {progress.rate:.1f} a second."
