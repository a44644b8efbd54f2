"""gfla-pose: a person and poses in, the person in these poses out, a picture or a video."""

import argparse
from collections.abc import Sequence
from contextlib import closing
from fractions import Fraction

from ..errors import InputError
from ..io.paths import OUTPUTS, check_not_input, existing_file, new_file
from ..options import AnimateOptions, ModelOptions
from ..synthetic.puppets import SEQUENCES
from .options import Bar, add_options, add_quiet, run, seeded, show_warning

PICTURES = (".png", ".jpg", ".webp")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the command line's); returns the exit code."""
    return run(lambda: _pose(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gfla-pose",
        description="Draw a person in other poses: a picture for one pose, a video for several. The weights "
        "that we ship know drawn puppets alone; for photographs train person-256 or import the authors'.",
    )
    parser.add_argument(
        "source", metavar="SOURCE", help="a picture of a person; puppet or puppet:7 draws one"
    )
    parser.add_argument(
        "poses",
        metavar="POSES",
        help="OpenPose's or COCO's JSON, a folder of OpenPose's, or one of " + ", ".join(SEQUENCES),
    )
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="a picture or a video")
    parser.add_argument(
        "--source-pose",
        metavar="FILE",
        help="the source's own joints (default: SOURCE with the suffix .json)",
    )
    parser.add_argument(
        "--weights", default="person-96", help="a shipped name or a file (default: %(default)s)"
    )
    parser.add_argument(
        "--cleaner",
        metavar="FILE",
        help="with the authors' dance weights: their skeleton cleaner, as gfla-import wrote it",
    )
    parser.add_argument(
        "--as-is",
        action="store_true",
        help="the poses are in the source's pixels: do not fit them to its trunk",
    )
    parser.add_argument("--rate", type=Fraction, default=Fraction(25), help="poses a second (default: 25)")
    add_options(parser, ModelOptions, ("device",))
    add_options(parser, AnimateOptions, ("overwrite",))
    add_quiet(parser)
    return parser


def _pose(options: argparse.Namespace) -> None:
    seed = seeded(options.source, "puppet")
    if seed is None:
        existing_file(options.source)
    if options.rate <= 0:
        raise InputError("--rate", "out of range", "give poses a second, more than 0")
    output = new_file(options.output, options.overwrite, (*OUTPUTS, *PICTURES))
    check_not_input(output, options.source)

    from ..io.image import read_image, write_image
    from ..pose_transfer.dance import clean_poses, open_cleaner
    from ..pose_transfer.pose_files import read_own_pose, read_poses
    from ..pose_transfer.poser import Poser, follow_person
    from ..streaming.provenance import tag

    if seed is not None:
        image, own = _puppet(seed)
    else:
        image, _ = read_image(options.source, show_warning)
        own = read_own_pose(options.source, options.source_pose)
    poses = _sequence(options.poses) if options.poses in SEQUENCES else read_poses(options.poses)
    if not options.as_is:
        poses = follow_person(poses, own)
    poser = Poser.from_pretrained(options.weights, "person", options.device)
    if options.cleaner is not None:
        if not poser.dances:
            raise InputError("--cleaner", "it is for the authors' dance weights alone", "leave it out")
        poses = clean_poses(poses, (image.shape[1], image.shape[0]), open_cleaner(options.cleaner))
    state = poser.prepare(image, own)
    if output.suffix.lower() in PICTURES and len(poses) == 1:
        write_image(poser.step(poses[0], state)[0], output, tag(poser.name))
    elif output.suffix.lower() in (".png", ".jpg"):
        raise InputError(output, f"{options.poses} has {len(poses)} poses", "name a video such as out.mp4")
    else:
        with closing(Bar(f"weights: {poser.name}", quiet=options.quiet)) as bar:
            poser.render(
                state,
                poses,
                output,
                rate=options.rate,
                overwrite=options.overwrite,
                expected=len(poses),
                progress=bar,
                warn=show_warning,
            )
    print(output)


def _puppet(seed: int):
    """A drawn person of 256 x 256, standing, and their joints."""
    from ..synthetic.puppets import STAGE, Pose, choose_look, draw

    pose = Pose(turn=15, right_arm_out=22, left_arm_out=22)
    drawn = draw(choose_look(seed), pose, STAGE, (256, 256))
    return drawn.image, drawn.joints


def _sequence(name: str):
    from ..synthetic.puppets import STAGE, act, choose_look, draw

    return [draw(choose_look(0), pose, STAGE, (256, 256)).joints for pose in act(name)]


if __name__ == "__main__":
    raise SystemExit(main())
