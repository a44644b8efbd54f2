"""One animation to make, as a value: what a command line or a manifest's row asks of any worker."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, Self

from .files import stands_for


@dataclass(frozen=True)
class Job:
    """A portrait, a driving video and the file to make of them.

    loading: keyword arguments of `Animator.from_pretrained`. ways: of `Animator.prepare`. start, end:
    seconds, what to take of `driving`. overwrite: replace `output` if it is there. codec: another than is
    usual for its name. source_motion: as `Animator.render` takes it. label: draw into every
    frame that it is synthetic. sidecar: write a JSON of all this beside the output. where: its place in a
    manifest. reference_frame: as `Animator.render` takes it.
    """

    source: str
    driving: str
    output: str
    loading: Mapping[str, Any] = field(default_factory=dict)
    ways: Mapping[str, Any] = field(default_factory=dict)
    start: Fraction | float | None = None
    end: Fraction | float | None = None
    overwrite: bool = False
    codec: str | None = None
    source_motion: Literal["keep", "replace"] = "keep"
    label: bool = False
    sidecar: bool = False
    where: str = ""
    reference_frame: int | None = None

    @classmethod
    def of(cls, source: str | Path, driving: str | Path, output: str | Path, **more: Any) -> Self:
        """The same from paths of any kind."""
        return cls(str(source), str(driving), str(output), **more)

    def __str__(self) -> str:
        return f"{self.where}: {self.output}" if self.where else self.output

    @property
    def key(self) -> str:
        """A short name made of the output's whole path: two jobs of a batch never share it."""
        return hashlib.sha256(os.path.abspath(self.output).encode()).hexdigest()[:16]

    @property
    def record(self) -> str:
        """The sidecar's path: OUT.mp4 has OUT.mp4.json."""
        return f"{self.output}.json"

    def settings(self) -> str:
        """What is asked for beside the three files, as JSON."""
        asked = asdict(self)
        for name in ("source", "driving", "output", "overwrite", "sidecar", "where"):
            del asked[name]
        return json.dumps(asked, sort_keys=True, default=str)

    def fingerprint(self) -> str:
        """Changes when what is asked for changes, or the size or date of an input file."""
        inputs = [stamp(path) for path in (self.source, self.driving)]
        return hashlib.sha256(json.dumps([self.settings(), inputs]).encode()).hexdigest()


@dataclass(frozen=True)
class Share:
    """Every `of`-th segment from `index` on, each warmed up on the `warm` frames before it.

    Such a segment begins from the first face's motion (relative motion refers to it) and an empty memory, so
    its first frames differ a little from those of a render in order.
    """

    index: int
    of: int
    warm: int


@dataclass(frozen=True)
class Task:
    """What a worker does at once: a job; a share of its segments; or, with `join`, making one file of them.

    track: where the landmarks of the job's driver are kept for other jobs, None if no other has that driver.
    """

    job: Job
    share: Share | None = None
    join: bool = False
    track: str | None = None


class Event(NamedTuple):
    """What a worker tells. kind: "began" (text: on which machine), "at" (frames, expected), "said" (text: a
    warning), "done" (frames) or "failed" (text: the error). key: the job's."""

    kind: Literal["began", "at", "said", "done", "failed"]
    key: str
    frames: int = 0
    expected: int | None = None
    text: str = ""


Say = Callable[[Event], None]


class Crew(Protocol):
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


def stamp(path: str) -> list[str | int]:
    """A file's whole name, size and date, of a pattern those of all its files, the name alone if there is
    none: changes when a file does."""
    told: list[str | int] = []
    for file in stands_for(path):
        try:
            found = os.stat(file)
        except OSError:
            continue
        told += [os.path.realpath(file), found.st_size, found.st_mtime_ns]
    return told or [path]
