"""gfla-turntable: one picture of a thing in, the thing turned once round out."""

import argparse
from collections.abc import Sequence
from contextlib import closing
from fractions import Fraction

from ..errors import InputError
from ..io.paths import OUTPUTS, check_not_input, existing_file, new_file
from ..options import AnimateOptions, ModelOptions
from .options import Bar, add_options, add_quiet, add_view, check_view, run, seeded, show_warning


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the command line's); returns the exit code."""
    return run(lambda: _turn(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gfla-turntable",
        description="Turn an object once round, from one picture of it.",
    )
    parser.add_argument(
        "source", metavar="SOURCE", help="a picture of one object; solid or solid:7 draws one"
    )
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="a video such as out.mp4")
    add_view(parser, "SOURCE")
    parser.add_argument("--frames", type=int, default=72, help="frames of one turn (default: %(default)s)")
    parser.add_argument(
        "--weights", default="view-64", help="a shipped name or a file (default: %(default)s)"
    )
    add_options(parser, ModelOptions, ("device",))
    add_options(parser, AnimateOptions, ("overwrite",))
    add_quiet(parser)
    return parser


def _turn(options: argparse.Namespace) -> None:
    seed = seeded(options.source, "solid")
    if seed is None:
        existing_file(options.source)
    check_view(options)
    if options.frames < 1:
        raise InputError("--frames", "out of range", "give 1 or more")
    output = new_file(options.output, options.overwrite, OUTPUTS)
    check_not_input(output, options.source)

    import numpy as np

    from ..io.image import read_image
    from ..pose_transfer.poser import Poser
    from ..synthetic.puppets import choose_solid, draw_solid

    if seed is None:
        image, _ = read_image(options.source, show_warning)
    else:
        image = draw_solid(choose_solid(seed), options.azimuth, options.elevation, (256, 256)).image
    poser = Poser.from_pretrained(options.weights, "view", options.device)
    state = poser.prepare(image, np.array([[options.azimuth, options.elevation]], np.float32))
    steps = options.azimuth + 360 * np.arange(options.frames) / options.frames
    views = [np.array([[azimuth % 360, options.elevation]], np.float32) for azimuth in steps]
    with closing(Bar(f"weights: {poser.name}", quiet=options.quiet)) as bar:
        poser.render(
            state,
            views,
            output,
            rate=Fraction(24),
            overwrite=options.overwrite,
            expected=len(views),
            progress=bar,
        )
    print(output)


if __name__ == "__main__":
    raise SystemExit(main())
