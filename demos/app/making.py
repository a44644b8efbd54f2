"""A run: the render on a thread of its own, and what it tells meanwhile, so that a page can show it."""

import logging
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gfla.animate import Animator, InputError
from gfla.animate.recording import Recording
from gfla.animate.video import Frame


@dataclass(frozen=True)
class Order:
    """What is to be made. driving: a video's path or a shipped motion's name. ways: of `Animator.prepare`."""

    portrait: Path
    driving: Path | str
    ways: dict[str, Any]
    label: bool = False


@dataclass
class Progress:
    """How far a run is. done, expected: frames; expected may be unknown. seconds: since the first frame came;
    looking: whether the driver is still looked at. notes: sentences of what was lost or held."""

    done: int = 0
    expected: int | None = None
    seconds: float = 0.0
    looking: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def share(self) -> float | None:
        """0 to 1, None if unknown."""
        return min(self.done / self.expected, 1.0) if self.expected else None

    @property
    def left(self) -> float | None:
        """Seconds to go, None if that cannot be said yet."""
        if not self.expected or self.done < 3 or not self.seconds:
            return None
        return max(self.expected - self.done, 0) * self.seconds / (self.done - 1)


def make(
    animator: Animator,
    order: Order,
    output: Path,
    *,
    recording: Recording | None = None,
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
