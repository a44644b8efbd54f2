"""gfla-animate: a portrait and a driving video in, an mp4 out; torch is loaded only for work."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing

from ..files import different_files, existing_file, new_file
from .options import Bar, run, time_option


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the command line's); returns the exit code."""
    options = _parser().parse_args(arguments)
    return run(lambda: _animate(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gfla-animate", description="Make a still portrait move like the person in a driving video."
    )
    parser.add_argument("source", metavar="SOURCE", help="the portrait: jpg, png or webp")
    parser.add_argument("driving", metavar="DRIVING", help="the video that moves it")
    parser.add_argument("-o", "--output", metavar="OUT.mp4", required=True, help="the mp4 to write")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    parser.add_argument(
        "--motion",
        choices=("relative", "copy"),
        default="relative",
        help="relative (default): the driver's changes, on the source's own face; copy: the driver's "
        "landmarks themselves, for the same person",
    )
    parser.add_argument(
        "--guidance",
        choices=("landmarks", "edges"),
        default="landmarks",
        help="landmarks (default), or the driving picture's edges, for the same person",
    )
    parser.add_argument("--landmarks", choices=("builtin", "face-alignment"), default="builtin")
    parser.add_argument(
        "--crop-only", action="store_true", help="write the 256 square, not the whole photograph"
    )
    parser.add_argument("--start", type=time_option, metavar="TIME", help="seconds or h:mm:ss of DRIVING")
    parser.add_argument("--end", type=time_option, metavar="TIME", help="seconds or h:mm:ss of DRIVING")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT.mp4 if it exists")
    stream = parser.add_argument_group("stream")
    stream.add_argument("--stats", action="store_true", help="say in the end what each stage took")
    return parser


def _animate(options: argparse.Namespace) -> None:
    source, driving = existing_file(options.source), existing_file(options.driving)
    different_files(new_file(options.output, options.overwrite), source, driving)

    from ..animator import Animator

    animator = Animator.from_pretrained(device=options.device, landmarks=options.landmarks)
    precision = str(animator.precision).removeprefix("torch.")
    device = f"device: {animator.device.type} ({animator.device_reason}; {precision})"
    account: list[object] = []
    with closing(Bar(device, f"weights: {animator.name}")) as bar:
        path = animator.render(
            source,
            driving,
            options.output,
            motion=options.motion,
            guidance=options.guidance,
            crop_only=options.crop_only,
            start=options.start,
            end=options.end,
            overwrite=options.overwrite,
            progress=bar,
            stats=account.append if options.stats else None,
        )
    if account:
        print(account[0], file=sys.stderr)
    print(path)


if __name__ == "__main__":
    raise SystemExit(main())
