"""A table of animations to make: CSV, JSON lines or two globs, checked whole before any work starts."""

import csv
import glob
import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..declare import list_options, make_options, option_values, read_texts
from ..errors import InputError
from ..io.paths import existing_file, input_files, is_url, output_files
from ..motion.presets import SHIPPED
from ..options import AnimateOptions, ModelOptions
from ..streaming.job import Job
from ..video.formats import Output

COLUMNS = ("source", "driving", "output")
_JSON = (".jsonl", ".ndjson", ".json")
_KNOWN = {option.flag: option for kind in (ModelOptions, AnimateOptions) for option, _ in list_options(kind)}


class Row(NamedTuple):
    """One row: its place in the file, for messages, and its non-empty cells by column."""

    where: str
    cells: dict[str, str]


def read_manifest(path: str | os.PathLike) -> list[Row]:
    """The rows of a CSV file with a header, or of a file of JSON objects, one a line.

    Relative paths in the columns source, driving, output and weights are taken from the manifest's own
    folder; a motion or weights that we ship keep their names, unless a file there has it.
    InputError, naming the line, for what cannot be understood.
    """
    path = existing_file(path)
    suffix = path.suffix.lower()
    if suffix not in (".csv", *_JSON):
        raise InputError(path, "a manifest is a .csv or .jsonl file", "for globs, give two of them")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(path, "not text in UTF-8", "save the manifest as UTF-8") from None
    read = _read_json(path, text) if suffix in _JSON else _read_csv(path, text)
    rows = [_complete(row, path.parent) for row in read]
    if not rows:
        raise InputError(path, "the manifest has no job in it", "write one row for each video to make")
    return rows


def pair_globs(sources: str, drivings: str, folder: str | os.PathLike) -> list[Row]:
    """Every file that matches `sources` with every one that matches `drivings`, sorted: the outputs are
    `folder`/SOURCE--DRIVING.mp4. InputError if nothing matches."""
    found = []
    for pattern in (sources, drivings):
        paths = sorted(name for name in glob.glob(pattern, recursive=True) if os.path.isfile(name))
        if not paths:
            raise InputError(pattern, "no file matches", "quote the glob and look at its folder")
        found.append(paths)
    return [
        Row(
            f"{Path(source).name} x {Path(driving).name}",
            {
                "source": source,
                "driving": driving,
                "output": str(Path(folder) / f"{Path(source).stem}--{Path(driving).stem}.mp4"),
            },
        )
        for source in found[0]
        for driving in found[1]
    ]


def jobs_of(
    rows: Sequence[Row], options: AnimateOptions | None = None, model: ModelOptions | None = None
) -> list[Job]:
    """The jobs of these rows. options, model: for what a row does not say. InputError, naming row and column,
    for a cell that cannot be used."""
    given = option_values(options or AnimateOptions()) | option_values(model or ModelOptions())
    return [_job(row, given) for row in rows]


def check_jobs(jobs: Sequence[Job]) -> None:
    """InputError, naming both places, if outputs collide with each other or with inputs, or cannot be made.

    A missing input fails its own job and no other.
    """
    made: dict[str, Job] = {}
    read: dict[str, Job] = {}
    for job in jobs:
        for given in (str(job.source), str(job.driving)):
            for path in [given, *input_files(given)]:
                read.setdefault(os.path.realpath(path), job)
    for job in jobs:
        output = os.path.realpath(job.output)
        if output in made:
            first = made[output].where or "an earlier job"
            raise InputError(job, f"the same output as that of {first}", "give each job its own")
        for path in output_files(Path(job.output)):
            if user := read.get(os.path.realpath(path)):
                raise InputError(
                    job, f"this is an input of {user.where or 'a job'}", "give the output another name"
                )
        made[output] = job
        try:
            target = Output.of(job.output, job.options.codec, True, job.options.quality)
            if target.path is None:
                raise InputError(target.name, "a batch writes files", "name one")
            if target.numbered and job.options.sidecar:
                raise InputError(target.name, "--sidecar goes beside one file", "give the output such a name")
            if job.driving == "-":
                raise InputError("-", "standard input is read once, by one command", "give a file")
        except InputError as error:
            raise error.at(job.where) from None


def _job(row: Row, given: dict[str, Any]) -> Job:
    texts = {column: cell for column, cell in row.cells.items() if column not in COLUMNS}
    try:
        values = given | read_texts(texts, _KNOWN)
        options, model = make_options(AnimateOptions, values), make_options(ModelOptions, values)
    except InputError as error:
        raise error.at(row.where) from None
    source, driving, output = (row.cells[name] for name in COLUMNS)
    return Job(source, driving, output, options, model, where=row.where)


def _read_csv(path: Path, text: str) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [(name or "").strip() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        if missing := [name for name in COLUMNS if name not in names]:
            remedy = "the header is source,driving,output and then options of gfla-animate"
            raise InputError(f"{path} line 1", f"no column {' and '.join(missing)}", remedy)
        if doubled := [name for name in names if names.count(name) > 1]:
            raise InputError(f"{path} line 1", f"the column {doubled[0]!r} stands there twice", "keep one")
        for cells in reader:
            where = f"{path} line {reader.line_num}"
            if None in cells:
                raise InputError(where, "more cells than the header has columns", "quote cells with commas")
            yield Row(where, {name: (cell or "").strip() for name, cell in cells.items()})
    except csv.Error as error:
        raise InputError(f"{path} line {reader.line_num}", f"not CSV ({error})") from None


def _read_json(path: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path} line {number}"
        try:
            cells = json.loads(line)
        except ValueError as error:
            raise InputError(where, f"not JSON ({error})") from None
        if not isinstance(cells, dict):
            raise InputError(where, "not a JSON object", 'write {"source": ..., "driving": ...}')
        for name, cell in cells.items():
            if isinstance(cell, list | dict):
                raise InputError(where, f"{name} is a list or an object", "give text, a number or true")
        texts = {name: "" if cell is None else str(cell).strip() for name, cell in cells.items()}
        yield Row(where, texts)


def _complete(row: Row, folder: Path) -> Row:
    for name in COLUMNS:
        if not row.cells.get(name):
            raise InputError(row.where, f"no {name}", f"every job needs {', '.join(COLUMNS)}")
    cells = {name: cell for name, cell in row.cells.items() if cell}
    for name in COLUMNS:
        shipped = name == "driving" and cells[name] in SHIPPED and not (folder / cells[name]).exists()
        if not is_url(cells[name]) and cells[name] != "-" and not shipped:
            cells[name] = str(folder / cells[name])
    if (folder / cells.get("weights", "")).is_file():
        cells["weights"] = str(folder / cells["weights"])
    return Row(row.where, cells)
