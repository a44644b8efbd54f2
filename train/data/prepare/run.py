"""Raw videos to a dataset for training: square crops of one face, their landmarks, an index.

DATASET receives:

- `clips/NAME.mp4`, square, 25 frames a second, H.264, a key frame at least every half second, and beside each
- `clips/NAME.npz` with lmk68 (T, 68, 2) and iris (T, 2, 2), float32 pixels, x then y;
- `index.csv` and a contact sheet for each split; `report.json` and `report.txt` of what was left out;
- `prepared.jsonl`, a line for each finished video, so that a second run continues where the first stopped.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from ....animate.batch.scheduler import start_workers
from ....animate.batch.tasks import Event, Work, Workers
from ....animate.errors import InputError
from ....animate.io.atomic import file_lock
from ..clips import read_table
from .clip_files import write_sheets
from .ledger import Ledger
from .lists import Footage, find_footage
from .options import PrepareOptions
from .report import write_report
from .worker import LoadLandmarker, Prepared, StartWorker, Video

_AHEAD = 64  # tasks handed over beyond those of the workers, so that none waits and the queue stays short

Say = Callable[[str], object]


def prepare(
    given: Iterable[Path],
    out: Path,
    options: PrepareOptions | None = None,
    load: LoadLandmarker | None = None,
    *,
    videos: Path | None = None,
    identities: Path | None = None,
    jobs: int = 1,
    ray: str | None = None,
    say: Say = print,
) -> dict[str, Any]:
    """Add all footage to the dataset `out`; returns the report, see `write_report`.

    given, videos: see `find_footage`. load: makes the landmarker, None for the shipped one.
    identities: a CSV with the columns file and identity. Without a row for it or a list that says so, a
        video's person is the outermost sub-folder of the folder that was given, or the file itself.
    jobs: videos at once. ray: address of a Ray cluster that works instead of processes here, all its machines
        seeing the same files.
    say: receives a line about each video.

    The dataset is the same for any number of workers. A video that cannot be used is skipped. A finished
    video is not read again (only its person may change with `identities`); a video that changed is done
    again. InputError for what concerns all videos; what was finished before is kept.
    """
    options = options or PrepareOptions()
    people = _read_identities(identities) if identities else {}
    found, missing = find_footage(given, videos)
    names = {name for footage in found for name in (str(footage.path), footage.path.name)}
    if unused := [name for name in people if name not in names]:
        more = f" and {len(unused) - 3} more" if len(unused) > 3 else ""
        say(f"{identities}: files that were not given: {', '.join(unused[:3])}{more}.")
    for place, footage in enumerate(found):
        if listed := people.get(str(footage.path), people.get(footage.path.name)):
            found[place] = footage._replace(identity=listed, listed=True)
    for where, name in missing[:3]:
        say(f"skipped: {where}: there is no video {name}.")
    if len(missing) > 3:
        say(f"skipped: {len(missing) - 3} more videos that are listed and not there.")
    clips = out.absolute() / "clips"
    clips.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock(out / ".lock", wait=False))
        except BlockingIOError:
            raise InputError(out, "another gfla-prepare works there", "wait for it or stop it") from None
        for part in clips.glob(".*.part.*"):  # of a run that was killed
            part.unlink(missing_ok=True)
        run = _Run(found, Ledger(out, options.size), say)
        todo = run.unfinished()
        if todo:
            tasks = [
                Video(each.key, each.path, each.start, each.end, clips / run.ledger.free_name(each), options)
                for each in todo
            ]
            here = jobs == 1 and ray is None
            workers = _Here(StartWorker(load)) if here else start_workers(jobs, ray, StartWorker(load))
            run.work(tasks, stack.enter_context(closing(workers)), jobs + _AHEAD)
        run.finish()
        for split in ("train", "val"):
            write_sheets(out, split, [row for row in run.ledger.rows() if row["split"] == split])
        return write_report(run.ledger, missing, run.failed)


class _Run:
    """Footage under way: events in, lines of the ledger and splits out. failed: what the workers could not
    do, with the error."""

    def __init__(self, found: list[Footage], ledger: Ledger, say: Say):
        self._found, self.ledger, self._say = found, ledger, say
        self._named = {footage.key: footage for footage in found}
        self._settled = 0  # of `found`, from the front: finished or failed, their people have a split
        self.failed: dict[str, str] = {}

    def unfinished(self) -> list[Footage]:
        """What is to be done; what was done before gets its person, if that is another now."""
        todo = []
        for footage in self._found:
            line = self.ledger.finished(footage)
            if line is None:
                todo.append(footage)
            elif footage.listed and footage.identity != line["identity"]:
                self.ledger.rename(footage)
                self._say(f"{footage}: {footage.identity} now, before {line['identity']}.")
        self._left = {footage.key for footage in todo}
        self._settle()
        return todo

    def work(self, tasks: list[Video], workers: Workers, ahead: int) -> None:
        """Have all tasks done, with at most `ahead` of them handed over."""
        waiting = iter(tasks)
        try:
            for _, task in zip(range(ahead), waiting):  # noqa: B905 (the shorter ends it)
                workers.submit(task)
            while self._left:
                event = workers.next()
                if event.kind in ("done", "failed"):
                    self._take(event)
                    if task := next(waiting, None):
                        workers.submit(task)
        finally:
            self.ledger.write_index()

    def finish(self) -> None:
        """Give everybody a split and write the index."""
        for line in self.ledger.lines.values():
            self.ledger.assign(line["identity"])
        self.ledger.write_index()

    def _take(self, event: Event) -> None:
        footage = self._named[event.key]
        if event.kind == "failed":
            self.failed[str(footage)] = str(event.note)
            self._say(f"failed: {event.note}")
        else:
            self._enter(footage, event.result)
        self._left.discard(event.key)
        self._settle()

    def _enter(self, footage: Footage, prepared: Prepared) -> None:
        if prepared.unwritable:
            raise InputError(self.ledger.out, f"cannot be written ({prepared.unwritable})")
        if prepared.refused:
            if not self.ledger.clips_of(footage):  # clips made before the video broke stay
                self.ledger.add(footage, prepared)
            self._say(f"skipped: {prepared.refused}")
            return
        self.ledger.add(footage, prepared)
        reasons = ", ".join(f"{count} frames {reason}" for reason, count in prepared.left_out.items())
        if count := len(prepared.clips):
            clips = "1 clip" if count == 1 else f"{count} clips"
            self._say(f"{footage}: {clips}" + (f"; left out: {reasons}" if reasons else ""))
        else:
            self._say(f"skipped: {footage}: no usable frames ({reasons}).")

    def _settle(self) -> None:
        while self._settled < len(self._found) and self._found[self._settled].key not in self._left:
            if line := self.ledger.lines.get(self._found[self._settled].key):
                self.ledger.assign(line["identity"])
            self._settled += 1


class _Here:
    """A worker in this process, behind the interface of many."""

    def __init__(self, start: StartWorker):
        self._worker = start()
        self._tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def submit(self, task: Work) -> None:
        self._tasks.put(task)

    def next(self) -> Event:
        return self._worker.do(self._tasks.get_nowait(), lambda _: None)

    def close(self) -> None:
        """Nothing is left open."""


def _read_identities(path: Path) -> dict[str, str]:
    people = {}
    for line, row in read_table(path, ("file", "identity")):
        if not row["file"] or not row["identity"]:
            raise InputError(f"{path}, line {line}", "file or identity is missing")
        people[row["file"]] = row["identity"]
    return people
