"""A visitor's batch: uploads and a manifest in, jobs out, each output in the visitor's own folder.

Names in a manifest are only looked up among the uploads: none is ever opened as a path.
"""

import csv
import io
import itertools
import re
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gfla.animate import InputError
from gfla.animate.batch.manifest import COLUMNS, Row, jobs_of, read_manifest
from gfla.animate.batch.scheduler import render_batch
from gfla.animate.batch.tasks import BatchOptions, Event
from gfla.animate.io.atomic import atomic_file
from gfla.animate.io.paths import OUTPUTS
from gfla.animate.motion.presets import SHIPPED
from gfla.animate.options import AnimateOptions, ModelOptions
from gfla.animate.streaming.job import Job
from gfla.demos.app.ui.settings import ALLOWED
from gfla.demos.app.visitors.errors import message_of

MANIFESTS = (".csv", ".jsonl", ".ndjson", ".json")
_LONGEST, _MANIFEST = 60, 2**20  # characters of a file's name, bytes of a manifest


@dataclass
class Line:
    """One job in the table.

    portrait, driver: names on the visitor's side. state: "waiting", "running", "done", "failed" or "stopped".
    done, expected: frames; expected is None if unknown. notes: the warnings, and the error. address: of the
    video, once it is served.
    """

    portrait: str
    driver: str
    job: Job
    state: str = "waiting"
    done: int = 0
    expected: int | None = None
    notes: list[str] = field(default_factory=list)
    address: str = ""

    @property
    def output(self) -> Path:
        return Path(self.job.output)

    def update(self, event: Event) -> None:
        """What a worker reports of this job."""
        if event.kind == "began":
            self.state = "running"
        elif event.kind == "progress":
            self.done, self.expected = event.frames, event.expected
        elif event.kind != "warning":
            self.state = event.kind
            if event.kind == "done":
                self.done = self.expected = event.frames
        if event.note:
            names = {str(self.job.source): self.portrait, str(self.job.driving): self.driver}
            self.notes.append(message_of(event.note, names))


@dataclass(eq=False)
class Batch:
    """The jobs of one visitor. folder: outputs, ledger, zip. begun: a further run resumes."""

    folder: Path
    lines: list[Line]
    begun: bool = False

    @property
    def left(self) -> int:
        """How many jobs are not done."""
        return sum(line.state != "done" for line in self.lines)

    @property
    def outputs(self) -> list[Path]:
        """The finished videos."""
        return [line.output for line in self.lines if line.state == "done"]

    def run(
        self,
        cancel: Callable[[], bool],
        load: Callable[..., Any] | None = None,
        every: float = 0.3,
    ) -> Iterator[None]:
        """Render the jobs that are not done; yields each `every` seconds.

        cancel: asked at each event; True stops the batch and keeps the finished videos; a further run does
        the rest. load: as `render_batch` takes it. InputError if nothing can begin.
        """
        failed: list[BaseException] = []
        for line in self.lines:
            if line.state != "done":
                line.state, line.done, line.notes = "waiting", 0, []
        thread = threading.Thread(target=self._work, args=(cancel, load, failed), name="batch", daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(every)
            yield
        for line in self.lines:
            if line.state in ("waiting", "running"):
                line.state = "stopped"
        if failed:
            raise failed[0]

    def _work(self, cancel: Callable[[], bool], load: Any, failed: list[BaseException]) -> None:
        lines = {line.job.key: line for line in self.lines}

        def watch(event: Event) -> None:
            lines[event.key].update(event)
            if cancel():
                raise _StoppedError

        try:
            resume, self.begun = self.begun, True
            if not resume:
                shutil.rmtree(self.folder, ignore_errors=True)  # the earlier batch
                (self.folder / "out").mkdir(parents=True)
            jobs = [line.job for line in self.lines]
            render_batch(jobs, self.folder / "work", BatchOptions(resume=resume, load=load), watch)
        except _StoppedError:
            pass
        except BaseException as error:
            failed.append(error)

    def pack(self) -> Path:
        """The finished videos in one zip, with a table of all jobs."""
        path = self.folder / "animations.zip"
        with atomic_file(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as packed:
            for output in self.outputs:
                packed.write(output, output.name)
            packed.writestr("jobs.csv", self.table())
        return path

    def table(self) -> str:
        """CSV, one row a job; a cell that a spreadsheet would read as a formula gets a quote before it."""
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(("source", "driving", "output", "state", "note"))
        for line in self.lines:
            cells = (line.portrait, line.driver, line.output.name, line.state, "; ".join(line.notes))
            rows.writerow([f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell for cell in cells])
        return text.getvalue()


class _StoppedError(BaseException):
    """Carries a cancel out of the batch, past handlers of Exception."""


def plan(
    folder: Path,
    portraits: Mapping[str, Path],
    drivers: Mapping[str, Path],
    motions: Sequence[str],
    manifest: Path | None,
    most: int,
    options: AnimateOptions | None = None,
    model: ModelOptions | None = None,
) -> Batch:
    """The batch of these uploads, by their names: every portrait with every driver and motion, or the rows of
    the manifest.

    folder: an earlier batch there is deleted when this one first runs. most: jobs. options, model: for all.
    InputError for what cannot be used.
    """
    rows = _pairs(portraits, [*drivers, *motions]) if manifest is None else _read(manifest)
    if len(rows) > most:
        raise InputError("batch", f"these are {len(rows)} jobs, and at most {most} are allowed", "send fewer")
    out = folder / "out"
    names, safe = [], []
    for where, given in rows:
        cells = dict(given)
        source, driving = (Path(cells[column]).name for column in ("source", "driving"))
        names.append((source, driving))
        cells["source"] = str(_upload(portraits, source, where, "portrait"))
        motion = driving in SHIPPED and driving not in drivers
        cells["driving"] = driving if motion else str(_upload(drivers, driving, where, "driving video"))
        cells["output"] = str(out / _output_name(Path(cells["output"]).name, where))
        for column in cells:
            if column not in COLUMNS and column.replace("_", "-") not in ALLOWED:
                raise InputError(where, f"the column {column} is not allowed here", "leave it out")
        safe.append(Row(where, cells))
    jobs = jobs_of(safe, options, model)
    named = zip(names, jobs, strict=True)
    lines = [Line(portrait, driver, job) for (portrait, driver), job in named]
    return Batch(folder, lines)


def _read(manifest: Path) -> list[Row]:
    """Its rows, each placed by the manifest's name without the folder."""
    if manifest.stat().st_size > _MANIFEST:
        raise InputError(manifest.name, "this manifest is too large", "send at most 1 MB")
    here, name = str(manifest), manifest.name
    try:
        return [Row(row.where.replace(here, name), row.cells) for row in read_manifest(manifest)]
    except InputError as error:
        raise InputError(error.subject.replace(here, name), error.reason, error.remedy) from None


def _pairs(portraits: Mapping[str, Path], drivers: Sequence[str]) -> list[Row]:
    if not portraits or not drivers:
        remedy = "send at least one portrait, and at least one driving video or motion"
        raise InputError("batch", "there is nothing to pair", remedy)
    rows = []
    for number, (source, driving) in enumerate(itertools.product(portraits, drivers), 1):
        output = f"{number:02}-{_plain(Path(source).stem)}-{_plain(Path(driving).stem)}.mp4"
        rows.append(Row(f"{source} x {driving}", {"source": source, "driving": driving, "output": output}))
    return rows


def _upload(files: Mapping[str, Path], name: str, where: str, kind: str) -> Path:
    if name not in files:
        raise InputError(where, f"no {kind} of the name {name} was sent", "send it too")
    return files[name]


def _output_name(name: str, where: str) -> str:
    path = Path(name)
    if path.suffix.lower() not in OUTPUTS:
        endings = ", ".join(OUTPUTS)
        raise InputError(where, f"{name} is no name for a video", f"let the output's name end in {endings}")
    return _plain(path.stem) + path.suffix.lower()


def _plain(name: str) -> str:
    """Only letters, digits and dashes of a name: safe as a file's name here and in the visitor's zip."""
    return re.sub(r"[^\w-]+", "-", name).strip("-")[:_LONGEST] or "file"


def by_name(files: Sequence[tuple[str, Path]]) -> dict[str, Path]:
    """Uploads by their names on the visitor's side; InputError if two have the same."""
    named: dict[str, Path] = {}
    for name, path in files:
        name = Path(name.replace("\\", "/")).name
        if name in named:
            raise InputError(name, "two files of that name were sent", "rename one")
        named[name] = path
    return named
