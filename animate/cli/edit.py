"""gfla-edit: a portrait and named controls in, the changed portrait out, still or by key frames a video."""

import argparse
import os
from collections.abc import Sequence
from contextlib import closing
from fractions import Fraction

from ..errors import InputError
from ..io.once import as_file
from ..io.paths import OUTPUTS, check_not_input, existing_file, new_file
from ..io.timecode import parse_time
from ..motion.controls import CONTROLS, check_control, key_frames
from ..options import AnimateOptions, ModelOptions
from .options import Bar, add_options, add_quiet, run, show_warning


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the command line's); returns the exit code."""
    return run(lambda: _with_source(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gfla-edit",
        description="Change a portrait's pose and expression; 0 changes nothing; sides are the picture's.",
    )
    parser.add_argument("source", metavar="SOURCE", help="the portrait: jpg, png or webp")
    parser.add_argument(
        "-o", "--output", metavar="OUT", required=True, help="a .png, or with --key a video such as .mp4"
    )
    for name, meaning in CONTROLS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, metavar="X", help=meaning)
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="TIME:CONTROL=X[,...]",
        help="for a video, once for each key frame: --key 0:yaw=-15 --key 1:yaw=15,smile=0.6",
    )
    add_options(parser, ModelOptions, ("device",))
    add_options(parser, AnimateOptions, ("crop-only", "label", "sidecar", "overwrite"))
    add_quiet(parser)
    return parser


def _with_source(options: argparse.Namespace) -> None:
    with as_file(options.source) as options.source:
        _edit(options)


def _edit(options: argparse.Namespace) -> None:
    source = existing_file(options.source)
    values = {name: getattr(options, name) for name in CONTROLS if getattr(options, name) is not None}
    for name, value in values.items():
        check_control(name, value)
    keys = parse_keys(options.key)
    if not values and not keys:
        raise InputError(
            source, "nothing to change", "give a control, for example --yaw 15, or --key for a video"
        )
    output = new_file(options.output, options.overwrite, OUTPUTS if keys else (".png",))
    check_not_input(output, source)
    if options.sidecar and not options.overwrite and os.path.exists(f"{output}.json"):
        raise InputError(f"{output}.json", "the file exists", "pass --overwrite to replace it")

    import numpy as np

    from ..animator import Animator
    from ..io.image import write_image
    from ..motion.recording import MotionReader, motion_of_curves
    from ..streaming.job import Job
    from ..streaming.provenance import labelled, tag, write_sidecar
    from ..streaming.render import RenderHooks, motion_warnings

    asked = AnimateOptions(crop_only=options.crop_only, overwrite=options.overwrite, label=options.label)
    animator = Animator.from_pretrained(device=options.device, backend="torch")
    if not keys:
        recording = motion_of_curves({name: np.array([value]) for name, value in values.items()}, "edit")
        state = animator.follow(animator.prepare(source, asked, show_warning), recording)
        (driving,) = MotionReader(recording)
        frame, state = animator.step(driving, state)
        for warning in motion_warnings("edit", state):
            show_warning(warning)
        frame = labelled(frame) if options.label else frame
        write_image(frame.pixels, output, tag(animator.name))
    else:
        curves = key_frames(keys)
        count = len(next(iter(curves.values())))
        steady = {name: np.full(count, value) for name, value in values.items()}
        recording = motion_of_curves({**steady, **curves}, "edit")
        with closing(Bar(f"weights: {animator.name}", quiet=options.quiet)) as bar:
            hooks = RenderHooks(progress=bar, warn=show_warning, driver=recording)
            animator.render(source, "edit", output, asked, hooks)
    if options.sidecar:
        told = {f"{float(at):g}": values for at, values in keys.items()}
        entries = {"controls": values, "key_frames": told}
        write_sidecar(Job(source, "edit", output, asked), animator.name, animator.computed_by(), entries)
    print(output)


def parse_keys(given: Sequence[str]) -> dict[Fraction, dict[str, float]]:
    """{seconds: {control: value}} of TIME:CONTROL=X[,CONTROL=X...]. InputError for what cannot be read.

    >>> parse_keys(["0:yaw=-15", "1.5:yaw=15,smile=0.6"])
    {Fraction(0, 1): {'yaw': -15.0}, Fraction(3, 2): {'yaw': 15.0, 'smile': 0.6}}
    """
    keys: dict[Fraction, dict[str, float]] = {}
    for text in given:
        remedy = "write TIME:CONTROL=X, for example 1.5:yaw=15,smile=0.6"
        unreadable = InputError(f"--key {text}", "it cannot be read", remedy)
        time, separator, settings = text.rpartition(":")
        if not separator:
            raise unreadable
        at = keys.setdefault(parse_time(time), {})
        for setting in settings.split(","):
            name, _, number = setting.partition("=")
            name = name.strip().replace("-", "_")
            try:
                value = float(number)
            except ValueError:
                raise unreadable from None
            check_control(name, value)
            at[name] = value
    return keys


if __name__ == "__main__":
    raise SystemExit(main())
