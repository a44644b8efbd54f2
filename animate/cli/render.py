"""gfla-render: a table of portraits and driving videos in, a video for each row out; it can be resumed."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ..batch.manifest import Row, jobs_of, pair_globs, read_manifest
from ..batch.tasks import BatchOptions, Event
from ..errors import InputError
from ..options import AnimateOptions, ModelOptions
from ..streaming.job import Job
from .options import INTERRUPTED, add_options, add_quiet, read_options, run
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
    parser.add_argument(
        "-o", "--output", metavar="OUT-FOLDER", help="with globs: where SOURCE--DRIVER.mp4 are written"
    )
    for kind in (BatchOptions, ModelOptions, AnimateOptions):
        add_options(parser, kind)
    add_quiet(parser)
    return parser


def _render(options: argparse.Namespace) -> int:
    asked = read_options(BatchOptions, options)
    rows, folder = _rows(options)
    jobs = jobs_of(rows, read_options(AnimateOptions, options), read_options(ModelOptions, options))

    from ..batch.scheduler import render_batch

    with closing(_BatchProgress(jobs, options.quiet)) as progress:
        try:
            report = render_batch(jobs, folder, asked, progress)
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
            tqdm.write(f"{self._whose(name)}{event.note}", file=sys.stderr)
        else:
            self._end(event, name)

    def _whose(self, name: str) -> str:
        """Before a note, which job it is of: two may have the same driver."""
        return f"{name}: " if len(self._names) > 1 else ""

    def _end(self, event: Event, name: str) -> None:
        from tqdm import tqdm

        self._unfinished.discard(event.key)
        if bar := self._bars.pop(event.key, None):
            bar.close()
        ended = len(self._names) - len(self._unfinished)
        if bar := self._bars.get(""):
            bar.update(ended - bar.n)
        if event.kind == "failed":
            tqdm.write(f"failed: {self._whose(name)}{event.note}", file=sys.stderr)
        elif not self._live and not self._quiet:
            print(f"{ended}/{len(self._names)} {name}: {event.frames} frames", file=sys.stderr)

    def left(self) -> int:
        """How many jobs have not ended."""
        return len(self._unfinished)

    def close(self) -> None:
        while self._bars:
            self._bars.popitem()[1].close()


if __name__ == "__main__":
    raise SystemExit(main())
