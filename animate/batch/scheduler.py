"""A batch: many jobs on many workers, each output whole or absent, and a ledger of what became of them.

Whatever interrupts it, a second run with `resume` finishes what is missing, from where each job was cut off.
"""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from ..io.atomic import clear_parts, file_lock
from ..streaming.job import Job, stamp
from ..video.formats import Output
from .ledger import Ledger
from .local_workers import LocalWorkers
from .manifest import check_jobs
from .segments import in_segments
from .tasks import BatchOptions, Doer, Event, SegmentRange, Start, Task, Watch, Workers, clear_job


class Report(NamedTuple):
    """What became of a batch: jobs finished now, finished earlier, and failed, with the error."""

    done: list[Job]
    earlier: list[Job]
    failed: list[tuple[Job, InputError]]


def render_batch(
    jobs: Sequence[Job],
    folder: str | os.PathLike,
    options: BatchOptions | None = None,
    watch: Watch | None = None,
) -> Report:
    """Make every job's output; one that fails stops no other.

    folder: for the ledger (`ledger.sqlite`) and unfinished work; one batch at a time uses it. watch: is
    called with each event, in this thread.

    InputError, with nothing begun, if the jobs contradict each other or files that are there, or the ledger
    cannot be used.
    """
    check_jobs(jobs)
    options, folder = options or BatchOptions(), Path(folder)
    with ExitStack() as stack:
        try:
            folder.mkdir(exist_ok=True)
            stack.enter_context(file_lock(folder / "batch.lock", wait=False))
        except BlockingIOError:
            raise InputError(folder, "another gfla-render works there", "wait for it or stop it") from None
        except OSError as error:
            raise InputError(folder, f"cannot keep the ledger there ({error.strerror})") from None
        ledger = stack.enter_context(Ledger(folder / "ledger.sqlite"))
        todo, earlier = _sorted(jobs, folder, ledger, options.resume)
        ledger.plan(todo)
        if not todo:
            return Report([], earlier, [])
        start = _StartWorker(folder.absolute(), options.load, options.length)
        crew = stack.enter_context(closing(start_workers(options.workers, options.ray, start)))
        batch = _Batch(folder, ledger, crew, watch)
        for task in _tasks(jobs, todo, folder.absolute(), options):
            batch.submit(task)
        try:
            batch.run()
        except BaseException:
            crew.close()
            if options.ray is None:  # nobody writes any more
                for output in (Path(job.output) for job in todo):
                    if output.parent.is_dir():
                        clear_parts(output)
            raise
        return Report(batch.done, earlier, batch.failed)


class _Batch:
    """Tasks under way: events in, ledger entries out."""

    def __init__(self, folder: Path, ledger: Ledger, workers: Workers, watch: Watch | None):
        self._folder, self._ledger, self._workers, self._watch = folder, ledger, workers, watch
        self._jobs: dict[str, Job] = {}
        self._left: Counter[str] = Counter()  # tasks of each job that have not ended
        self._errors: dict[str, InputError] = {}
        self._begun: set[str] = set()
        self._parted: set[str] = set()  # jobs in several parts
        self._unjoined: set[str] = set()  # of these, not yet one file
        self.done: list[Job] = []
        self.failed: list[tuple[Job, InputError]] = []

    def submit(self, task: Task) -> None:
        key = task.job.key
        self._jobs[key] = task.job
        self._left[key] += 1
        if task.part:
            self._unjoined.add(key)
            self._parted.add(key)
        self._workers.submit(task)

    def run(self) -> None:
        """Until every job is done or has failed."""
        while self._left:
            event = self._workers.next()
            self._take(event)

    def _take(self, event: Event) -> None:
        key, job = event.key, self._jobs[event.key]
        if event.kind == "began":
            if key not in self._begun:  # all parts together are one attempt
                self._ledger.began(key, event.host)
            if key in self._parted:
                self._begun.add(key)
        elif event.kind in ("done", "failed"):
            self._left[key] -= 1
            if isinstance(event.note, InputError):
                self._errors.setdefault(key, event.note)
            if self._left[key]:
                return
            del self._left[key]
            if key in self._errors:
                error = self._errors[key]
                event = Event("failed", key, note=error)
                self._ledger.failed(key, str(error))
                self.failed.append((job, error))
            elif key in self._unjoined:
                self._unjoined.remove(key)  # the parts are there, the file is not
                self._left[key] = 1
                self._workers.submit(Task(job, join=True))
                return
            else:
                self._ledger.done(key, event.frames)
                clear_job(self._folder, job)
                self.done.append(job)
        if self._watch:
            self._watch(event)


def _sorted(jobs: Sequence[Job], folder: Path, ledger: Ledger, resume: bool) -> tuple[list[Job], list[Job]]:
    """The jobs to do and those done earlier; InputError where that would replace a file without
    --overwrite."""
    entries = ledger.entries()
    if entries and not resume:
        if not all(job.options.overwrite for job in jobs):
            raise InputError(
                ledger.path, "a batch was begun there", "pass --resume to finish it, --overwrite to redo it"
            )
        ledger.forget()
        for kept in ("jobs", "tracks"):
            shutil.rmtree(folder / kept, ignore_errors=True)
        entries = {}
    todo, earlier = [], []
    for job in jobs:
        entry, there = entries.get(job.key), os.path.exists(job.output)
        if entry and entry.state == "done" and entry.fingerprint == job.fingerprint() and there:
            earlier.append(job)
            clear_job(folder, job)  # left over if the batch was interrupted between the two
            continue
        for path in (job.output, *([job.sidecar] if job.options.sidecar else [])):
            if os.path.exists(path) and not job.options.overwrite and not (entry and entry.attempts):
                name = f"{job.where}: {path}" if job.where else path
                raise InputError(name, "the file exists", "pass --overwrite to replace it")
        todo.append(job)
    return todo, earlier


def _tasks(jobs: Sequence[Job], todo: Sequence[Job], folder: Path, options: BatchOptions) -> Iterator[Task]:
    """One task for each job, or one for each part of it."""
    tracks = Counter(_track(job) for job in jobs)
    for job in todo:
        name = _track(job)
        track = str(folder / "tracks" / f"{name}.safetensors") if tracks[name] > 1 else None
        if options.warm is None or not in_segments(
            Output.of(job.output, job.options.codec, True, job.options.quality)
        ):
            yield Task(job, track=track)
        else:
            for index in range(options.workers):
                yield Task(job, SegmentRange(index, options.workers, options.warm), track=track)


def _track(job: Job) -> str:
    """The same name for jobs whose drivers have the same motion."""
    inputs = [vars(job.model), stamp(str(job.driving)), str(job.options.start), str(job.options.end)]
    inputs.append(job.options.driving_face)
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class _StartWorker:
    """Makes a worker that renders. The arguments are those of `Worker`; without `load` it takes the shipped
    weights."""

    folder: Path
    load: Callable[..., Any] | None
    length: int

    def __call__(self) -> Doer:
        from ..animator import Animator
        from .worker import Worker

        return Worker(self.folder, self.load or Animator.from_pretrained, self.length)


def start_workers(count: int, ray: str | None, start: Start) -> Workers:
    """`count` processes here, or with an address those of a Ray cluster. InputError if no cluster answers."""
    if ray is None:
        return LocalWorkers(count, start)
    from .ray_workers import RayWorkers

    return RayWorkers(ray, start)
