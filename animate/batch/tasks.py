"""What is asked of a batch and its workers, what they report, and where unfinished work is kept."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from ..declare import check_options, option
from ..errors import InputError, InputWarning
from ..streaming.job import Job

LENGTH = 250
"""Frames a segment: x264 begins a new group of pictures after as many by itself, so the cuts cost nothing."""


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """How the jobs of a batch are run.

    workers: processes here. resume: leave out what the ledger says is done, go on with what was begun.
    warm: render the segments of each job side by side, each warmed up on as many frames; not quite what a
    render in order gives. ray: address of a Ray cluster that works instead of processes here, all its
    machines seeing the same files. load: makes the animator of `ModelOptions`, None for
    `Animator.from_pretrained`; it must be importable in a new process. length: frames a segment.
    InputError for a value out of range.
    """

    workers: int = option(1, "count", "jobs at once (default: 1)", "batch", flag="jobs", least=1)
    resume: bool = option(False, "flag", "finish what an earlier run has not", "batch")
    warm: int | None = option(
        None,
        "count",
        "spread each job over the workers, every segment warmed up on the N frames before it; the pictures "
        "after a cut differ a little from those of a render in order",
        "batch",
        flag="parallel-segments",
        least=0,
    )
    ray: str | None = option(
        None,
        "text",
        "work on this Ray cluster (needs: pip install 'gfla[cluster]')",
        "batch",
        metavar="ADDRESS",
    )
    load: Callable[..., Any] | None = None
    length: int = LENGTH

    def __post_init__(self) -> None:
        check_options(self)


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
    """One piece of a worker's work: a job; some of its segments; or, with `join`, making one file of them.

    track: where the motion of the job's driver is kept for other jobs, None if no other has that driver.
    """

    job: Job
    part: SegmentRange | None = None
    join: bool = False
    track: str | None = None

    @property
    def key(self) -> str:
        return self.job.key

    @property
    def subject(self) -> str:
        return str(self.job.output)

    @property
    def may_use_gpu(self) -> bool:
        return self.job.model.device in ("auto", "cuda")


class Event(NamedTuple):
    """What a worker reports of the job `key`.

    kind: "began" (host: on which machine), "progress" (frames, expected), "warning" (note), "done" (frames,
    result: what it found, for tasks that find something) or "failed" (note: the error).
    """

    kind: Literal["began", "progress", "warning", "done", "failed"]
    key: str
    frames: int = 0
    expected: int | None = None
    host: str = ""
    note: InputWarning | InputError | None = None
    result: Any = None


Watch = Callable[[Event], None]


class Work(Protocol):
    """One piece of work that can be sent to a worker: a `Task`, or another command's. key: its events' key.
    subject: what an error of it names. may_use_gpu: whether it runs faster on a GPU."""

    @property
    def key(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def may_use_gpu(self) -> bool: ...


class Doer(Protocol):
    """What works in a worker's process, on one piece of work after another."""

    def do(self, task: Any, watch: Watch) -> Event:
        """Do the task, reporting progress to `watch`; returns the last event, "done" or "failed"."""
        ...


Start = Callable[[], Doer]
"""Called once in each worker's process. It can be pickled, and equal ones make equal workers."""


class Workers(Protocol):
    """Workers, here or elsewhere. Every task submitted ends in one event "done" or "failed"."""

    def submit(self, task: Work) -> None: ...

    def next(self) -> Event:
        """The next event; waits for it."""
        ...

    def close(self) -> None:
        """End the workers, in the middle of their work too."""
        ...


def job_folder(folder: Path, job: Job) -> Path:
    """The folder of a job's unfinished work."""
    return folder / "jobs" / job.key


def clear_job(folder: Path, job: Job) -> None:
    """Delete the unfinished work of a job, if there is any."""
    shutil.rmtree(job_folder(folder, job), ignore_errors=True)
