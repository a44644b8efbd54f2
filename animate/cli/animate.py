"""gfla-animate: a portrait and a driving video in, an mp4 out; torch is loaded only for work."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import closing

from ..errors import InputError
from ..io.paths import different_files, existing_file, new_file, video_input
from ..streaming.job import Job
from ..video.formats import Output
from .options import Bar, add_computing, run, share_option, time_option

_PARTS = ("head", "eyes", "mouth", "brows", "gaze")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the command line's); returns the exit code."""
    options = _parser().parse_args(arguments)
    return run(lambda: _animate(options))


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
    parser.add_argument("--save-motion", metavar="OUT.motion", help="keep the motion: numbers, no picture")
    parser.add_argument("--stats", action="store_true", help="say in the end what each stage took")
    return add_options(parser)


def add_options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Give `parser` what can be said of one animation; gfla-render has the same for a batch and its rows."""
    add_computing(parser)
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
    picture = parser.add_argument_group("the picture")
    picture.add_argument(
        "--detail",
        type=share_option,
        default=1.0,
        metavar="0..1",
        help="how much of a large portrait's own sharpness is laid over the 256 face (default 1)",
    )
    faces = parser.add_argument_group("faces")
    faces.add_argument(
        "--no-face",
        choices=("hold", "passthrough", "fade", "fail"),
        default="hold",
        help="where the driver's face is away: hold the last motion (default), show the portrait unmoved, "
        "fade to rest and back in half a second, or stop with an error",
    )
    faces.add_argument(
        "--source-face", type=int, metavar="N", help="SOURCE's N-th face from the left (default: the largest)"
    )
    faces.add_argument(
        "--driving-face", type=int, metavar="N", help="the same of DRIVING, where faces first appear in it"
    )
    faces.add_argument(
        "--source-motion",
        choices=("keep", "replace"),
        default="keep",
        help="a SOURCE that is a video keeps its own movement and the driver's is added (default), or its "
        "turning, tilting and speaking are replaced by the driver's",
    )
    stream = parser.add_argument_group("stream")
    stream.add_argument(
        "--codec",
        choices=("h264", "h265", "av1", "prores", "vp9"),
        help="another than the output's usual one: h264, for .mov prores, for .webm vp9",
    )
    told = parser.add_argument_group("provenance")
    told.add_argument("--label", action="store_true", help="write AI-generated into every frame")
    told.add_argument(
        "--sidecar",
        action="store_true",
        help="write OUT.json beside OUT: the inputs' and weights' hashes, all settings",
    )
    return parser


def _add_motion(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--reference-frame",
        type=int,
        metavar="N",
        help="frame of DRIVING, from 0, in which it is as the portrait (default: the one most like it; of a "
        "pipe or URL, which is read once and without look-ahead, the first face)",
    )
    for part in _PARTS:
        group.add_argument(
            f"--{part}", type=float, default=1.0, metavar="GAIN", help=f"gain of the motion of the {part}"
        )
    group.add_argument(
        "--only", metavar="PARTS", help=f"move these alone, of {','.join(_PARTS)}; '' for none"
    )
    group.add_argument(
        "--smoothing", type=float, default=1.0, metavar="S", help="0 off, 1 (default), more if it trembles"
    )


def job_of(options: argparse.Namespace, where: str = "") -> Job:
    """The job that the options of one animation ask for. where: its place in a manifest."""
    from ..options import MotionOptions

    only = None if options.only is None else tuple(options.only.split(",")) if options.only else ()
    gains = {part: getattr(options, part) for part in _PARTS}
    return Job(
        options.source,
        options.driving,
        options.output,
        loading={"device": options.device, "landmarks": options.landmarks, "backend": options.backend},
        ways={
            "motion": MotionOptions(options.motion, **gains, only=only, smoothing=options.smoothing),
            "guidance": options.guidance,
            "crop_only": options.crop_only,
            "detail": options.detail,
            "no_face": options.no_face,
            "source_face": options.source_face,
            "driving_face": options.driving_face,
        },
        source_motion=options.source_motion,
        start=options.start,
        end=options.end,
        overwrite=options.overwrite,
        codec=options.codec,
        label=options.label,
        sidecar=options.sidecar,
        where=where,
        reference_frame=options.reference_frame,
    )


def _animate(options: argparse.Namespace) -> None:
    from ..motion.presets import SUFFIX, names_motion

    job = job_of(options)
    source, driving = existing_file(job.source), job.driving
    if not names_motion(driving):
        video_input(driving)
    output = Output.of(job.output, job.codec, job.overwrite)
    if output.path:
        different_files(output.path, source, driving)
    if job.sidecar and (output.path is None or output.numbered):
        raise InputError(f"{output.name}: --sidecar goes beside one file; give the output such a name.")
    if job.sidecar and not job.overwrite and os.path.exists(job.record):
        raise InputError(f"{job.record}: the file exists; pass --overwrite to replace it.")

    if options.save_motion:
        different_files(new_file(options.save_motion, options.overwrite, (SUFFIX,)), source, driving)

    from ..animator import Animator
    from ..compute.backends import computed
    from ..streaming.provenance import write_sidecar

    animator = Animator.from_pretrained(**job.loading)
    by = computed(animator)
    device = f"device: {by['device']} ({animator.device_reason}; {by['precision']}, {by['backend']})"
    account: list[object] = []
    tracking, bar = Bar("looking at the driver"), Bar(device, f"weights: {animator.name}")
    try:
        with closing(tracking), closing(bar):
            path = animator.render(
                source,
                driving,
                job.output,
                **job.ways,
                start=job.start,
                end=job.end,
                overwrite=job.overwrite,
                progress=bar,
                stats=account.append,
                codec=job.codec,
                label=job.label,
                source_motion=job.source_motion,
                reference_frame=job.reference_frame,
                tracking=tracking,
                save_motion=options.save_motion,
            )
    finally:  # after Ctrl-C too
        if account:  # there is a video
            if job.sidecar:
                write_sidecar(job, animator.name, by)
            if options.stats:
                print(account[0], file=sys.stderr)
    if output.path:
        print(path)


if __name__ == "__main__":
    raise SystemExit(main())
