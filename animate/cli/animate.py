"""gfla-animate: a portrait and a driving video in, a video out; torch is loaded only for work."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from ..errors import Stopped
from ..io.once import as_file
from ..io.paths import check_not_input, check_video_input, new_file, video_file
from ..options import AnimateOptions, ModelOptions
from ..video.formats import Output
from .options import Bar, add_options, add_quiet, read_options, run, show_warning

if TYPE_CHECKING:
    from ..streaming.job import Job


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the command line's); returns the exit code."""
    return run(lambda: _with_source(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gfla-animate", description="Make a still portrait move like the person in a driving video."
    )
    parser.add_argument("source", metavar="SOURCE", help="the portrait: jpg, png or webp; or a video")
    parser.add_argument(
        "driving",
        metavar="DRIVING",
        help="the video that moves it: a file, frames/%%05d.png, a URL, or - for standard input; or a "
        "motion: a .motion file, blink, nod, shake, smile, talk or look-around",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        help="the video to write, a name in .mp4, .mov, .webm, .mkv, .gif, .webp or %%05d.png; - is standard "
        "output; udp://, rtmp:// and srt:// send it",
    )
    parser.add_argument("--save-motion", metavar="OUT.motion", help="save the motion: numbers, no picture")
    add_quiet(parser)
    parser.add_argument("--stats", action="store_true", help="print how long each stage took")
    add_options(parser, ModelOptions)
    add_options(parser, AnimateOptions)
    return parser


def job_of(given: argparse.Namespace) -> "Job":
    """The job that parsed arguments ask for."""
    from ..streaming.job import Job

    options, model = read_options(AnimateOptions, given), read_options(ModelOptions, given)
    return Job(given.source, given.driving, given.output, options, model, given.save_motion)


def _with_source(given: argparse.Namespace) -> None:
    with as_file(given.source) as given.source:
        _animate(given)


def _animate(given: argparse.Namespace) -> None:
    from ..motion.presets import SUFFIX, names_motion

    options = read_options(AnimateOptions, given)
    source = video_file(given.source)
    if not names_motion(given.driving):
        check_video_input(given.driving)
    output = Output.of(given.output, options.codec, options.overwrite, options.quality)
    if output.path:
        check_not_input(output.path, source, given.driving)
    if options.sidecar:
        output.check_sidecar(options.overwrite)
    if given.save_motion:
        check_not_input(new_file(given.save_motion, options.overwrite, (SUFFIX,)), source, given.driving)

    from ..animator import Animator
    from ..streaming.render import RenderHooks, RenderResult, render

    job = job_of(given)
    animator = Animator.from_pretrained(**vars(job.model))
    by = animator.computed_by()
    device = f"device: {by['device']} ({animator.device_reason}; {by['precision']}, {by['backend']})"
    quiet = given.quiet
    tracking = Bar("looking at the driver", quiet=quiet)
    bar = Bar(device, f"weights: {animator.name}", quiet=quiet)
    result: RenderResult | None = None
    try:
        with closing(tracking), closing(bar):
            result = render(animator, job, RenderHooks(tracking=tracking, progress=bar, warn=show_warning))
    except Stopped as stop:
        if isinstance(stop.result, RenderResult):
            result = stop.result
        raise
    finally:  # after Ctrl-C too
        if given.stats and result:
            print(result.stats, file=sys.stderr)
    if output.path and result:
        print(result.path)


if __name__ == "__main__":
    raise SystemExit(main())
