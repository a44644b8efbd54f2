"""A batch as a visitor asks for it: sent files and a manifest in, jobs out, each file where nobody else's is.

Names in a manifest are only looked up among the files that were sent: none is ever opened as a path.
"""

import csv
import io
import os
import re
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gfla.animate import InputError
from gfla.animate.batch.manifest import Row, read_manifest
from gfla.animate.batch.scheduler import render_batch
from gfla.animate.batch.tasks import Event
from gfla.animate.cli.render import jobs_of
from gfla.animate.io.paths import OUTPUTS
from gfla.animate.motion.presets import SHIPPED
from gfla.animate.streaming.job import Job

OPTIONS = (
    *("motion", "guidance", "crop-only", "start", "end", "detail", "no-face", "source-face", "driving-face"),
    *(
        "source-motion",
        "label",
        "reference-frame",
        "only",
        "head",
        "eyes",
        "mouth",
        "brows",
        "gaze",
        "smoothing",
    ),
)
"""The columns that a manifest may have beside source, driving and output: none names a file or a device."""
MANIFESTS = (".csv", ".jsonl", ".ndjson", ".json")
_LONGEST, _MANIFEST = 60, 2**20  # letters of a file's name, bytes of a manifest


@dataclass
class Line:
    """One job in the table. state: "waiting", "running", "done", "failed" or "stopped". note: the error, or
    what was lost. expected: frames, None if unknown. address: of the film, once it was given one."""

    portrait: str
    driver: str
    job: Job
    state: str = "waiting"
    done: int = 0
    expected: int | None = None
    note: str = ""
    address: str = ""


@dataclass(eq=False)
class Batch:
    """The jobs of one visitor and what became of them. folder: outputs, ledger, zip."""

    folder: Path
    lines: list[Line]
    begun: bool = False

    @property
    def left(self) -> int:
        """How many jobs are not done."""
        return sum(line.state != "done" for line in self.lines)

    @property
    def outputs(self) -> list[Path]:
        return [Path(line.job.output) for line in self.lines if line.state == "done"]

    def run(
        self,
        cancel: Callable[[], bool],
        load: Callable[..., Any] | None = None,
        every: float = 0.3,
    ) -> Iterator[None]:
        """Make what is not done, yielding each `every` seconds. What is done when `cancel` says True stays; a
        further run goes on from there. load: as `render_batch` takes it. InputError if nothing can begin."""
        failed: list[BaseException] = []
        for line in self.lines:
            if line.state != "done":
                line.state, line.done, line.note = "waiting", 0, ""
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
            _tell(lines[event.key], event)
            if cancel():
                raise _StoppedError

        try:
            again, self.begun = self.begun, True
            render_batch(
                [line.job for line in self.lines], self.folder / "work", resume=again, load=load, watch=watch
            )
        except _StoppedError:
            pass
        except BaseException as error:
            failed.append(error)

    def pack(self) -> Path:
        """What is done as one zip, with a table of all jobs."""
        path = self.folder / "animations.zip"
        part = self.folder / ".animations.part"
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as packed:
            for output in self.outputs:
                packed.write(output, output.name)
            packed.writestr("jobs.csv", self.table())
        os.replace(part, path)
        return path

    def table(self) -> str:
        """CSV: a row a job."""
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(("source", "driving", "output", "state", "note"))
        for line in self.lines:
            cells = (line.portrait, line.driver, Path(line.job.output).name, line.state, line.note)
            rows.writerow([f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell for cell in cells])
        return text.getvalue()


class _StoppedError(BaseException):
    """Carries a cancel out of the batch."""


def _tell(line: Line, event: Event) -> None:
    if event.kind == "began":
        line.state = "running"
    elif event.kind == "at":
        line.done, line.expected = event.frames, event.expected
    elif event.kind == "said":
        line.note = event.text
    else:
        line.state = event.kind
        line.note = event.text or line.note
        if event.kind == "done":
            line.done = line.expected = event.frames


def plan(
    folder: Path,
    portraits: Mapping[str, Path],
    drivers: Mapping[str, Path],
    motions: Sequence[str],
    manifest: Path | None,
    most: int,
    arguments: Sequence[str] = (),
) -> Batch:
    """The batch of these files, by the names under which they were sent: every portrait by every driver and
    motion, or what the manifest says. folder: what lies there from a batch before is deleted. most: jobs.
    arguments: options of gfla-animate for all jobs. InputError for what cannot be, with nothing deleted."""
    rows = _pairs(portraits, [*drivers, *motions]) if manifest is None else _read(manifest)
    if len(rows) > most:
        raise InputError(f"These are {len(rows)} jobs and at most {most} can be taken here; send fewer.")
    out = folder / "out"
    shown, safe = [], []
    for row in rows:
        where, cells = row.where, dict(row.cells)
        source, driving = (Path(cells[name]).name for name in ("source", "driving"))
        shown.append((source, driving))
        cells["source"] = str(_sent(portraits, source, where, "portrait"))
        motion = driving in SHIPPED and driving not in drivers
        cells["driving"] = driving if motion else str(_sent(drivers, driving, where, "driving video"))
        cells["output"] = str(out / _output(Path(cells["output"]).name, where))
        for column in cells:
            if column not in ("source", "driving", "output") and column.replace("_", "-") not in OPTIONS:
                raise InputError(f"{where}: the column {column} is not taken here.")
        safe.append(Row(where, cells))
    jobs = jobs_of(safe, arguments)
    together = zip(shown, jobs, strict=True)
    lines = [Line(source, driver, job) for (source, driver), job in together]
    shutil.rmtree(folder, ignore_errors=True)  # the films of the batch before: only once there is another
    out.mkdir(parents=True)
    return Batch(folder, lines)


def _read(manifest: Path) -> list[Row]:
    """Its rows; it is called by its name alone."""
    if manifest.stat().st_size > _MANIFEST:
        raise InputError(f"{manifest.name}: this manifest is too large; send at most 1 MB.")
    try:
        rows = read_manifest(manifest)
    except InputError as error:
        raise InputError(str(error).replace(str(manifest), manifest.name)) from None
    return [Row(row.where.replace(str(manifest), manifest.name), row.cells) for row in rows]


def _pairs(portraits: Mapping[str, Path], drivers: Sequence[str]) -> list[Row]:
    if not portraits or not drivers:
        raise InputError("Send at least one portrait, and at least one driving video or motion.")
    return [
        Row(
            f"{source} x {driving}",
            {
                "source": source,
                "driving": driving,
                "output": f"{number:02}-{_plain(Path(source).stem)}-{_plain(Path(driving).stem)}.mp4",
            },
        )
        for number, (source, driving) in enumerate(
            ((source, driving) for source in portraits for driving in drivers), 1
        )
    ]


def _sent(files: Mapping[str, Path], name: str, where: str, what: str) -> Path:
    if name not in files:
        raise InputError(f"{where}: no {what} of the name {name} was sent; send it too.")
    return files[name]


def _output(name: str, where: str) -> str:
    path = Path(name)
    if path.suffix.lower() not in OUTPUTS:
        raise InputError(f"{where}: let the output's name end in {', '.join(OUTPUTS)}.")
    return _plain(path.stem) + path.suffix.lower()


def _plain(name: str) -> str:
    """Letters, digits and dashes of a name alone: it is to be a file's, here and in the visitor's zip."""
    return re.sub(r"[^\w-]+", "-", name).strip("-")[:_LONGEST] or "file"


def by_name(files: Sequence[tuple[str, Path]]) -> dict[str, Path]:
    """Sent files by the names that they had; InputError where two have the same."""
    named: dict[str, Path] = {}
    for name, path in files:
        name = Path(name.replace("\\", "/")).name
        if name in named:
            raise InputError(f"{name}: two files of that name were sent; rename one.")
        named[name] = path
    return named
