"""gfla-animate: a portrait and a driving video in, an mp4 out; torch is loaded only for work."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing

from ..files import different_files, existing_file, new_file, video_input
from ..formats import Output
from .options import Bar, run, time_option

_PARTS = ("head", "eyes", "mouth", "brows", "gaze")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the command line's); returns the exit code."""
    options = _parser().parse_args(arguments)
    return run(lambda: _animate(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gfla-animate", description="Make a still portrait move like the person in a driving video."
    )
    parser.add_argument("source", metavar="SOURCE", help="the portrait: jpg, png or webp")
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
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    parser.add_argument(
        "--motion",
        choices=("relative", "absolute", "copy"),
        default="relative",
        help="relative (default): the driver's changes since its reference frame, on the source's own face; "
        "absolute: the driver's pose and expression, on the source's face; copy: the driver's landmarks "
        "themselves, for the same person",
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
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    _add_motion(parser.add_argument_group("motion"))
    stream = parser.add_argument_group("stream")
    stream.add_argument(
        "--codec",
        choices=("h264", "h265", "av1", "prores", "vp9"),
        help="another than the output's usual one: h264, for .mov prores, for .webm vp9",
    )
    stream.add_argument("--stats", action="store_true", help="say in the end what each stage took")
    return parser


def _add_motion(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--reference-frame",
        type=int,
        metavar="N",
        help="frame of DRIVING, from 0, in which it is as the portrait (default: the one most like it)",
    )
    for part in _PARTS:
        group.add_argument(
            f"--{part}", type=float, default=1.0, metavar="GAIN", help=f"gain of the motion of the {part}"
        )
    group.add_argument("--only", metavar="PARTS", help=f"move these alone, of {','.join(_PARTS)}")
    group.add_argument(
        "--smoothing", type=float, default=1.0, metavar="S", help="0 off, 1 (default), more if it trembles"
    )
    group.add_argument("--save-motion", metavar="OUT.motion", help="keep the motion: numbers, no picture")


def _animate(options: argparse.Namespace) -> None:
    from ..motions import SUFFIX, names_motion

    source, driving = existing_file(options.source), options.driving
    if not names_motion(driving):
        video_input(driving)
    output = Output.of(options.output, options.codec, options.overwrite)
    if output.path:
        different_files(output.path, source, driving)

    if options.save_motion:
        different_files(new_file(options.save_motion, options.overwrite, (SUFFIX,)), source, driving)

    from ..animator import Animator
    from ..motion import Manner

    only = None if options.only is None else tuple(options.only.split(","))
    gains = {part: getattr(options, part) for part in _PARTS}
    manner = Manner(options.motion, **gains, only=only, smoothing=options.smoothing)
    animator = Animator.from_pretrained(device=options.device, landmarks=options.landmarks)
    precision = str(animator.precision).removeprefix("torch.")
    device = f"device: {animator.device.type} ({animator.device_reason}; {precision})"
    account: list[object] = []
    tracking = Bar("looking at the driver")
    with closing(tracking), closing(Bar(device, f"weights: {animator.name}")) as bar:
        path = animator.render(
            source,
            driving,
            options.output,
            motion=manner,
            guidance=options.guidance,
            crop_only=options.crop_only,
            start=options.start,
            end=options.end,
            overwrite=options.overwrite,
            progress=bar,
            stats=account.append if options.stats else None,
            codec=options.codec,
            reference_frame=options.reference_frame,
            tracking=tracking,
            save_motion=options.save_motion,
        )
    if account:
        print(account[0], file=sys.stderr)
    if output.path:
        print(path)


if __name__ == "__main__":
    raise SystemExit(main())
