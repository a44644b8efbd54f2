"""gfla-inspect: what pictures, videos and this machine offer, before anything is rendered."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .options import BAD_INPUT, Bar, run

if TYPE_CHECKING:
    from ..animator import Animator
    from ..inspection.estimate import Estimate
    from ..inspection.file import Inspection


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the command line's); returns the exit code."""
    options = _parser().parse_args(arguments)
    bad: list[InputError] = []
    return run(lambda: _inspect(options, bad)) or (BAD_INPUT if bad else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gfla-inspect",
        description="Say what portraits and videos offer: the file, its clock and sound, faces and their "
        "numbers, where they are away, cuts, the frame to take as reference, and what a render would cost: "
        "of each video with the first picture that shows a face, or with a face of its own.",
    )
    parser.add_argument("files", metavar="FILES", nargs="*", help="pictures and videos")
    parser.add_argument(
        "--system", action="store_true", help="say what this machine has: device, versions, codecs, weights"
    )
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", type=Path, help="write NAME.faces.png, the faces numbered, there"
    )
    parser.add_argument("--json", action="store_true", help="a JSON list instead of text")
    parser.add_argument("--landmarks", choices=("builtin", "face-alignment"), default="builtin")
    parser.add_argument("--overwrite", action="store_true", help="replace pictures that exist")
    return parser


def _inspect(options: argparse.Namespace, bad: list[InputError]) -> None:
    if bool(options.files) == options.system:
        raise InputError("FILES", "name pictures or videos to look at, or ask for --system alone")
    if options.system:
        from ..inspection.system import describe_system

        system = describe_system()
        print(json.dumps(system.as_json(), indent=1) if options.json else "\n".join(system.lines()))
        return
    if options.output:
        try:
            options.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(options.output, f"no folder can be made there ({error.strerror})") from None

    from ..animator import Animator

    animator = Animator.from_pretrained(landmarks=options.landmarks, backend="torch")
    looked = _look(options, animator, bad)
    found = {inspection.path: inspection.as_json() for inspection in looked}
    for cost in _costs(animator, looked):
        found[cost.driving]["estimate"] = cost.as_json()
        if not options.json:
            print(cost.line())
    if options.json:
        print(json.dumps(list(found.values()), indent=1))


def _look(options: argparse.Namespace, animator: "Animator", bad: list[InputError]) -> list["Inspection"]:
    """A file that cannot be read is named on stderr, and the next one follows."""
    from ..inspection.file import draw_face_numbers, inspect_file
    from ..io.image import write_image

    done = []
    for file in options.files:
        try:
            picture = _picture(options, file)
            with closing(Bar(str(file))) as bar:
                inspection = inspect_file(file, animator.networks.landmarker, bar)
        except InputError as error:
            bad.append(error)
            print(error, file=sys.stderr)
            continue
        if picture:
            write_image(draw_face_numbers(inspection), picture)
        done.append(inspection)
        if not options.json:
            print(*inspection.lines(), *([f"  {picture}"] if picture else []), sep="\n")
    return done


def _costs(animator: "Animator", looked: list["Inspection"]) -> Iterator["Estimate"]:
    """Of every video: moved by it is the first picture that shows a face, or else a face of its own."""
    from ..inspection.estimate import estimate

    portraits = [inspection for inspection in looked if inspection.media is None and inspection.faces]
    for inspection in looked:
        if inspection.media is not None:
            cost = estimate(animator, (portraits or [inspection])[0], inspection)
            if cost is not None:
                yield cost


def _picture(options: argparse.Namespace, file: str) -> Path | None:
    if not options.output:
        return None
    path = options.output / f"{Path(file).stem}.faces.png"
    if path.exists() and not options.overwrite:
        raise InputError(path, "the file exists", "pass --overwrite to replace it")
    return path


if __name__ == "__main__":
    raise SystemExit(main())
