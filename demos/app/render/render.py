"""A render on a thread of its own, and its progress, for a view of it."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from gfla.animate import Animator
from gfla.animate.errors import Cancelled
from gfla.animate.motion.recording import DriverMotion
from gfla.animate.options import AnimateOptions
from gfla.animate.streaming.job import Job
from gfla.animate.streaming.render import RenderHooks
from gfla.animate.streaming.render import render as render_job
from gfla.animate.video import Frame
from gfla.demos.app.render.background import in_background
from gfla.demos.app.ui.progress import Progress


class DriverPart(NamedTuple):
    """What is tracked of a driver. driving: a video's or template's path or a shipped motion's name. start,
    end: seconds, None for its own. face: number from the left, None for the largest."""

    driving: Path | str
    start: Any = None
    end: Any = None
    face: int | None = None


@dataclass(frozen=True)
class RenderRequest:
    """What to render. portrait: a picture's or a video's path. driving: as in `DriverPart`. names: of the
    files on the visitor's side, by path."""

    portrait: Path
    driving: Path | str
    options: AnimateOptions = field(default_factory=AnimateOptions)
    names: dict[str, str] = field(default_factory=dict)

    @property
    def driver(self) -> DriverPart:
        options = self.options
        return DriverPart(self.driving, options.start, options.end, options.driving_face)


def render(
    animator: Animator,
    request: RenderRequest,
    output: Path,
    *,
    recording: DriverMotion | None = None,
    cancel: Callable[[], bool],
    show: Callable[[Frame], object] | None = None,
    every: float = 0.2,
) -> Generator[Progress, None, None]:
    """Render `request` into `output`; yields the progress each `every` seconds and at the end.

    recording: the driver's motion if known. cancel: asked before each frame; True ends the render and keeps
    the finished frames. show: called with each frame. Closing the generator cancels too.
    InputError as `Animator.render`; Cancelled before the first frame.
    """
    progress = Progress()
    began: list[float] = []

    def tracked(done: int, expected: int | None) -> None:
        progress.done, progress.expected, progress.tracking = done, expected, True

    def rendered(done: int, expected: int | None) -> None:
        if not began:
            began.append(time.perf_counter())
        progress.done, progress.expected, progress.tracking = done, expected, False
        progress.seconds = time.perf_counter() - began[0]

    def work(left: Callable[[], bool]) -> None:
        options = replace(request.options, overwrite=True)
        hooks = RenderHooks(
            tracking=tracked,
            progress=rendered,
            cancel=lambda: left() or cancel(),
            warn=progress.warnings.append,
            show=show,
            driver=recording,
        )
        render_job(animator, Job(request.portrait, request.driving, output, options), hooks)

    try:
        yield from in_background(work, "render", lambda: progress, every)
    except Cancelled:
        raise Cancelled(
            "Stopped before the first frame was done", remedy="there is nothing to keep"
        ) from None
    yield progress
