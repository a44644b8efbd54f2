"""gfla-render: a table of portraits and driving videos in, a video for each row out; it can be resumed."""

import argparse
import copy
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

from ..batch.manifest import COLUMNS, Row, pair_globs, read_manifest
from ..batch.tasks import Event
from ..errors import InputError
from ..options import AnimateOptions, ModelOptions
from ..streaming.job import Job
from .animate import job_of
from .options import INTERRUPTED, add_options, add_quiet, count_option, run
from .progress import ProgressLines
from .terminal import has_terminal

_FAILED = 10
_MOST = 100

_EPILOG = f"""MANIFEST is a .csv file with the header source,driving,output, whose further columns are any
option of gfla-animate but save-motion and stats, without the dashes (motion, crop-only, start, ...), or
.jsonl with one such object a line. Relative paths in it are taken from its own folder. Options given here
hold for the rows that do not say otherwise. The ledger and unfinished work lie in MANIFEST.gfla, or in
OUT-FOLDER/batch.gfla.

Exit status: 0 if every job is done; {_FAILED} plus the number of jobs that failed, at most {_FAILED + _MOST};
2 if nothing was begun, for bad input; {INTERRUPTED} if interrupted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the command line's); returns the exit code."""
    status = [0]
    return run(lambda: status.append(_render(_parser().parse_args(arguments)))) or status[-1]


def jobs_of(rows: Sequence[Row], arguments: Sequence[str] = ()) -> list[Job]:
    """The jobs of these rows. arguments: options, as on the command line, for rows that do not say otherwise.
    InputError, naming the row, for what it does not take."""
    options = _parser().parse_args([*arguments, "rows"])
    return [_job(row, options) for row in rows]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gfla-render",
        description="Make many portraits move, each like the person in its driving video.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [options] MANIFEST\n"
        "       %(prog)s [options] SOURCES-GLOB DRIVERS-GLOB -o OUT-FOLDER",
    )
    parser.add_argument("inputs", nargs="+", metavar="MANIFEST | GLOB GLOB", help="the jobs; quote the globs")
    batch = parser.add_argument_group("batch")
    batch.add_argument(
        "-o", "--output", metavar="OUT-FOLDER", help="with globs: where SOURCE--DRIVER.mp4 are written"
    )
    batch.add_argument("--jobs", type=count_option, default=1, metavar="N", help="jobs at once (default: 1)")
    batch.add_argument("--resume", action="store_true", help="finish what an earlier run has not")
    batch.add_argument(
        "--parallel-segments",
        type=_frames,
        metavar="N",
        help="spread each job over the workers, every segment warmed up on the N frames before it; "
        "the pictures after a cut differ a little from those of a render in order",
    )
    batch.add_argument(
        "--ray", metavar="ADDRESS", help="work on this Ray cluster (needs: pip install 'gfla[cluster]')"
    )
    add_quiet(batch)
    _add_job_options(parser)
    return parser


def _add_job_options(parser: argparse.ArgumentParser) -> None:
    add_options(parser, ModelOptions)
    add_options(parser, AnimateOptions)
    parser.set_defaults(save_motion=None)


def _render(options: argparse.Namespace) -> int:
    rows, folder = _rows(options)
    jobs = [_job(row, options) for row in rows]

    from ..batch.scheduler import render_batch

    with closing(_BatchProgress(jobs, options.quiet)) as progress:
        try:
            report = render_batch(
                jobs,
                folder,
                workers=options.jobs,
                resume=options.resume,
                warm=options.parallel_segments,
                ray=options.ray,
                watch=progress,
            )
        except KeyboardInterrupt:
            progress.close()
            print(f"Stopped; pass --resume to finish the {progress.left()} jobs left.", file=sys.stderr)
            return INTERRUPTED
    earlier = f", {len(report.earlier)} done earlier" if report.earlier else ""
    print(f"{len(report.done)} done{earlier}, {len(report.failed)} failed: {folder / 'ledger.sqlite'}")
    return _FAILED + min(len(report.failed), _MOST) if report.failed else 0


def _rows(options: argparse.Namespace) -> tuple[list[Row], Path]:
    """The rows and the batch's folder."""
    if len(options.inputs) > 2:
        remedy = "give one manifest, or two globs, in quotes so that the shell leaves them as they are"
        raise InputError("MANIFEST", f"{len(options.inputs)} inputs", remedy)
    if len(options.inputs) == 1:
        if options.output:
            raise InputError("-o", "it is for globs", "a manifest names each output itself")
        path = Path(options.inputs[0])
        return read_manifest(path), path.with_name(f"{path.name}.gfla")
    if not options.output:
        raise InputError("-o", "it is missing", "two globs need -o OUT-FOLDER")
    folder = Path(options.output)
    sources, drivings = options.inputs
    rows = pair_globs(sources, drivings, folder)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(folder, f"cannot be made or is no folder ({error.strerror})") from None
    return rows, folder / "batch.gfla"


def _job(row: Row, options: argparse.Namespace) -> Job:
    """The row's job, its cells read as gfla-animate reads its options; InputError names the row."""
    parser = _RowParser(add_help=False, allow_abbrev=False)
    _add_job_options(parser)
    known = {flag.lstrip("-"): action for action in parser._actions for flag in action.option_strings}
    arguments, base = [], copy.copy(options)
    for column, cell in row.cells.items():
        name = column.replace("_", "-").lstrip("-")
        if name in COLUMNS:
            continue
        if name not in known:
            raise InputError(
                row.where, f"no option {column!r}", f"the columns are {', '.join((*COLUMNS, *sorted(known)))}"
            )
        if known[name].nargs == 0:
            setattr(base, known[name].dest, known[name].default)
            arguments += [f"--{name}"] if _yes(row, column, cell) else []
        elif known[name].nargs in (None, "?"):
            arguments.append(f"--{name}={cell}")
        else:
            arguments += [f"--{name}", *cell.split()]
    try:
        given = parser.parse_args(arguments, base)
    except InputError as error:
        raise error.at(row.where) from None
    for name in COLUMNS:
        setattr(given, name, row.cells[name])
    return job_of(given, row.where)


def _yes(row: Row, column: str, cell: str) -> bool:
    if cell.lower() in ("true", "yes", "1", "on"):
        return True
    if cell.lower() in ("false", "no", "0", "off"):
        return False
    raise InputError(row.where, f"{column} is {cell!r}", "write yes or no")


class _RowParser(argparse.ArgumentParser):
    """Raises what a command line would print and exit for."""

    def error(self, message: str) -> NoReturn:
        subject, _, reason = message.removeprefix("argument ").partition(": ")
        raise InputError(subject, reason)


class _BatchProgress:
    """Progress of the batch and of each job under way: bars on a terminal, else a line every few seconds and
    when a job ends; warnings and failures alone if `quiet`."""

    def __init__(self, jobs: Sequence[Job], quiet: bool = False):
        self._quiet = quiet
        self._names = {job.key: Path(job.output).name for job in jobs}
        self._unfinished = set(self._names)
        self._live = has_terminal() and not quiet
        self._bars: dict[str, Any] = {}
        self._lines: dict[str, ProgressLines] = {}

    def __call__(self, event: Event) -> None:
        from tqdm import tqdm

        name = self._names[event.key]
        if event.kind == "began":
            if self._live:
                self._bars.setdefault("", tqdm(total=len(self._names), unit=" jobs", dynamic_ncols=True))
                self._bars.setdefault(
                    event.key, tqdm(unit=" frames", dynamic_ncols=True, leave=False, desc=name)
                )
        elif event.kind == "progress":
            if bar := self._bars.get(event.key):
                bar.total = event.expected
                bar.update(event.frames - bar.n)
            elif not self._quiet:
                self._lines.setdefault(event.key, ProgressLines(name))(event.frames, event.expected)
        elif event.kind == "warning":
            tqdm.write(event.text, file=sys.stderr)
        else:
            self._end(event, name)

    def _end(self, event: Event, name: str) -> None:
        from tqdm import tqdm

        self._unfinished.discard(event.key)
        if bar := self._bars.pop(event.key, None):
            bar.close()
        ended = len(self._names) - len(self._unfinished)
        if bar := self._bars.get(""):
            bar.update(ended - bar.n)
        if event.kind == "failed":
            tqdm.write(f"failed: {event.text}", file=sys.stderr)
        elif not self._live and not self._quiet:
            print(f"{ended}/{len(self._names)} {name}: {event.frames} frames", file=sys.stderr)

    def left(self) -> int:
        """How many jobs have not ended."""
        return len(self._unfinished)

    def close(self) -> None:
        while self._bars:
            self._bars.popitem()[1].close()


def _frames(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of frames; write 0 or more")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
