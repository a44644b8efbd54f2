"""gfla-inspect: what pictures, videos and this machine offer, before anything is rendered."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..options import ModelOptions
from .options import BAD_INPUT, Bar, add_options, add_quiet, run

if TYPE_CHECKING:
    from ..animator import Animator
    from ..inspection.estimate import Estimate
    from ..inspection.file import Inspection


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the command line's); returns the exit code."""
    bad: list[InputError] = []
    return run(lambda: _inspect(_parser().parse_args(arguments), bad)) or (BAD_INPUT if bad else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gfla-inspect",
        description="Say what portraits and videos offer: the file, its clock and sound, faces and their "
        "numbers, where they are away, cuts, the frame to take as reference, and what a render would cost: "
        "of each video with the first picture that shows a face, or with a face of its own.",
    )
    parser.add_argument("files", metavar="FILES", nargs="*", help="pictures and videos")
    parser.add_argument(
        "--system", action="store_true", help="list what this machine has: device, versions, codecs, weights"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        type=Path,
        help="write there NAME.faces.png, with numbered faces, "
        "and NAME.layers.png, the largest one's person, background and head",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of text")
    add_options(parser, ModelOptions, ("landmarks",))
    parser.add_argument("--overwrite", action="store_true", help="replace pictures that exist")
    add_quiet(parser)
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
    from ..inspection.file import inspect_file

    done = []
    for file in options.files:
        try:
            pictures = _pictures(options, file)
            with closing(Bar(str(file), quiet=options.quiet)) as bar:
                inspection = inspect_file(file, animator.networks.landmarker, bar)
        except InputError as error:
            bad.append(error)
            print(error, file=sys.stderr)
            continue
        drawn = [f"  {path}" for path in _draw(inspection, pictures)]
        done.append(inspection)
        if not options.json:
            print(*inspection.lines(), *drawn, sep="\n")
    return done


def _draw(inspection: "Inspection", paths: Sequence[Path]) -> list[Path]:
    """Write the pictures of `_pictures`; returns those that there are: without a face there are no layers."""
    from ..face.pose import face_pose
    from ..inspection.file import draw_face_numbers
    from ..inspection.layers import layers_picture, take_apart
    from ..io.image import write_image

    if not paths:
        return []
    faces, layers = paths
    write_image(draw_face_numbers(inspection), faces)
    if not inspection.faces:
        return [faces]
    largest = max(inspection.faces, key=lambda face: face_pose(face.points).size)
    write_image(layers_picture(inspection.image, take_apart(inspection.image, largest.points)), layers)
    return [faces, layers]


def _costs(animator: "Animator", looked: list["Inspection"]) -> Iterator["Estimate"]:
    """Of every video: moved by it is the first picture that shows a face, or else a face of its own."""
    from ..inspection.estimate import estimate

    portraits = [inspection for inspection in looked if inspection.media is None and inspection.faces]
    for inspection in looked:
        if inspection.media is not None:
            cost = estimate(animator, (portraits or [inspection])[0], inspection)
            if cost is not None:
                yield cost


def _pictures(options: argparse.Namespace, file: str) -> list[Path]:
    """Where the faces and the layers of `file` are to be drawn; nowhere without --output."""
    if not options.output:
        return []
    paths = [options.output / f"{Path(file).stem}.{kind}.png" for kind in ("faces", "layers")]
    for path in paths:
        if path.exists() and not options.overwrite:
            raise InputError(path, "the file exists", "pass --overwrite to replace it")
    return paths


if __name__ == "__main__":
    raise SystemExit(main())
