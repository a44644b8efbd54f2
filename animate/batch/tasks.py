"""What is asked of workers and what they tell: tasks, events, and where a job's unfinished work lies."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from ..streaming.job import Job


@dataclass(frozen=True)
class SegmentRange:
    """Every `step`-th segment from `index` on, each warmed up on the `warm` frames before it.

    Such a segment begins from the first face's motion (relative motion refers to it) and an empty memory, so
    its first frames differ a little from those of a render in order.
    """

    index: int
    step: int
    warm: int


@dataclass(frozen=True)
class Task:
    """What a worker does at once: a job; some of its segments; or, with `join`, making one file of them.

    track: where the motion of the job's driver is kept for other jobs, None if no other has that driver.
    """

    job: Job
    part: SegmentRange | None = None
    join: bool = False
    track: str | None = None


class Event(NamedTuple):
    """What a worker tells of the job `key`.

    kind: "began" (text: on which machine), "progress" (frames, expected), "warning" (text), "done" (frames)
    or "failed" (text: the error).
    """

    kind: Literal["began", "progress", "warning", "done", "failed"]
    key: str
    frames: int = 0
    expected: int | None = None
    text: str = ""


Tell = Callable[[Event], None]


class Workers(Protocol):
    """Workers, here or elsewhere. Every task submitted ends in one event "done" or "failed"."""

    def submit(self, task: Task) -> None: ...

    def next(self) -> Event:
        """The next event; waits for it."""
        ...

    def close(self) -> None:
        """End the workers, in the middle of their work too."""
        ...


def job_folder(folder: Path, job: Job) -> Path:
    """Where the unfinished work of a job lies."""
    return folder / "jobs" / job.key


def clear_job(folder: Path, job: Job) -> None:
    """Delete the unfinished work of a job, if there is any."""
    shutil.rmtree(job_folder(folder, job), ignore_errors=True)
