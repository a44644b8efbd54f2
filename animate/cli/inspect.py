"""gfla-inspect: what pictures and videos offer, before anything is rendered from them."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ..errors import InputError
from .options import BAD_INPUT, Bar, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the command line's); returns the exit code."""
    options = _parser().parse_args(arguments)
    bad: list[InputError] = []
    return run(lambda: _inspect(options, bad)) or (BAD_INPUT if bad else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gfla-inspect",
        description="Say what portraits and videos offer: faces and their numbers, where they are away, "
        "cuts, the frame to take as reference.",
    )
    parser.add_argument("files", metavar="FILES", nargs="+", help="pictures and videos")
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", type=Path, help="write NAME.faces.png, the faces numbered, there"
    )
    parser.add_argument("--json", action="store_true", help="a JSON list instead of text")
    parser.add_argument("--landmarks", choices=("builtin", "face-alignment"), default="builtin")
    parser.add_argument("--overwrite", action="store_true", help="replace pictures that exist")
    return parser


def _inspect(options: argparse.Namespace, bad: list[InputError]) -> None:
    """A file that cannot be read is named on stderr, and the next one follows."""
    if options.output and not options.output.is_dir():
        raise InputError(f"{options.output}: no such folder; make it first.")

    from ..inspection import inspect_file
    from ..landmarks import load_landmarker

    landmarker = load_landmarker(options.landmarks)
    done = []
    for file in options.files:
        try:
            picture = _picture(options, file)
            with closing(Bar(str(file))) as bar:
                inspection = inspect_file(file, landmarker, bar)
        except InputError as error:
            bad.append(error)
            print(error, file=sys.stderr)
            continue
        if picture:
            _write(inspection, picture)
        done.append(inspection.as_json())
        if not options.json:
            print(*inspection.lines(), *([f"  {picture}"] if picture else []), sep="\n")
    if options.json:
        print(json.dumps(done, indent=1))


def _picture(options: argparse.Namespace, file: str) -> Path | None:
    if not options.output:
        return None
    path = options.output / f"{Path(file).stem}.faces.png"
    if path.exists() and not options.overwrite:
        raise InputError(f"{path}: the file exists; pass --overwrite to replace it.")
    return path


def _write(inspection, path: Path) -> None:
    from PIL import Image

    from ..files import part_file
    from ..inspection import numbered

    part = part_file(path)
    try:
        Image.fromarray(numbered(inspection)).save(part)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written: {error.strerror}.") from None


if __name__ == "__main__":
    raise SystemExit(main())
