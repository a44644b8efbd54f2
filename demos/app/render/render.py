"""A render on a thread of its own, and its progress for whoever shows it."""

import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gfla.animate import Animator
from gfla.animate.errors import Cancelled
from gfla.animate.motion.recording import DriverMotion
from gfla.animate.video import Frame
from gfla.demos.app.ui.progress import Progress


@dataclass(frozen=True)
class RenderRequest:
    """What to render. driving: a video's path or a shipped motion's name. options: keyword arguments of
    `Animator.render`."""

    portrait: Path
    driving: Path | str
    options: Mapping[str, Any] = field(default_factory=dict)


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
    progress, ended, left = Progress(), threading.Event(), threading.Event()
    failed: list[BaseException] = []
    began: list[float] = []

    def tracked(done: int, expected: int | None) -> None:
        progress.done, progress.expected, progress.tracking = done, expected, True

    def rendered(done: int, expected: int | None) -> None:
        if not began:
            began.append(time.perf_counter())
        progress.done, progress.expected, progress.tracking = done, expected, False
        progress.seconds = time.perf_counter() - began[0]

    def work() -> None:
        try:
            animator.render(
                request.portrait,
                request.driving,
                output,
                **request.options,
                recording=recording,
                overwrite=True,
                progress=rendered,
                tracking=tracked,
                cancel=lambda: left.is_set() or cancel(),
                show=show,
            )
        except BaseException as error:
            failed.append(error)
        ended.set()

    thread = threading.Thread(target=work, name="render", daemon=True)
    thread.start()
    try:
        while not ended.wait(every):
            yield progress
        thread.join()
        if failed and isinstance(failed[0], Cancelled):
            raise Cancelled("Stopped before the first frame was done", remedy="there is nothing to keep")
        if failed:
            raise failed[0]
        yield progress
    finally:
        left.set()
        thread.join()
