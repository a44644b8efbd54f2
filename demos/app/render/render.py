"""A run: the render on a thread of its own, and what it tells meanwhile, so that a page can show it."""

import logging
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gfla.animate import Animator, InputError
from gfla.animate.motion.recording import DriverMotion
from gfla.animate.video import Frame
from gfla.demos.app.ui.progress import Progress


@dataclass(frozen=True)
class Order:
    """What is to be made. driving: a video's path or a shipped motion's name. ways: of `Animator.prepare`."""

    portrait: Path
    driving: Path | str
    ways: dict[str, Any]
    label: bool = False


def make(
    animator: Animator,
    order: Order,
    output: Path,
    *,
    recording: DriverMotion | None = None,
    cancel: Callable[[], bool],
    show: Callable[[Frame], object] | None = None,
    every: float = 0.2,
) -> Generator[Progress, None, None]:
    """Render `order` into `output`; tells how far it is each `every` seconds and when it is done.

    cancel: asked before each frame; True ends it there, what is done stays. show: is given each frame.
    InputError as of `Animator.render`. Leaving the iterator cancels.
    """
    progress, ended, left = Progress(), threading.Event(), threading.Event()
    failed: list[BaseException] = []
    began: list[float] = []

    def looked(done: int, expected: int | None) -> None:
        progress.done, progress.expected, progress.looking = done, expected, True

    def rendered(done: int, expected: int | None) -> None:
        if not began:
            began.append(time.perf_counter())
        progress.done, progress.expected, progress.looking = done, expected, False
        progress.seconds = time.perf_counter() - began[0]

    def work() -> None:
        try:
            with _Notes(progress.notes):
                animator.render(
                    order.portrait,
                    order.driving,
                    output,
                    **order.ways,
                    label=order.label,
                    recording=recording,
                    overwrite=True,
                    progress=rendered,
                    tracking=looked,
                    cancel=lambda: left.is_set() or cancel(),
                    show=show,
                )
        except BaseException as error:
            failed.append(error)
        ended.set()

    thread = threading.Thread(target=work, name="run", daemon=True)
    thread.start()
    try:
        while not ended.wait(every):
            yield progress
        thread.join()
        if failed and cancel() and isinstance(failed[0], InputError) and "stopped" in str(failed[0]).lower():
            raise InputError("Stopped before the first frame was done; there is nothing to keep.")
        if failed:
            raise failed[0]
        yield progress
    finally:
        left.set()
        thread.join()


class _Notes:
    """Collects what a render warns of, and its own modules alone: others may draw meanwhile."""

    def __init__(self, notes: list[str]):
        self._handler = _Collect(notes)
        self._loggers = [logging.getLogger(f"gfla.animate.{name}") for name in ("film", "video.writer")]

    def __enter__(self) -> None:
        for logger in self._loggers:
            logger.addHandler(self._handler)

    def __exit__(self, *_: object) -> None:
        for logger in self._loggers:
            logger.removeHandler(self._handler)


class _Collect(logging.Handler):
    def __init__(self, notes: list[str]):
        super().__init__(logging.WARNING)
        self._notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        self._notes.append(record.getMessage())
