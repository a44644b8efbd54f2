"""gfla-live: a portrait moved by a camera, an address or a file at real speed; torch loads only for work."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from fractions import Fraction

from ..errors import InputError
from ..io.once import as_file
from ..io.paths import check_not_input, check_video_input, existing_file, is_url
from ..options import AnimateOptions, ModelOptions
from ..video.formats import Output
from .options import add_options, add_quiet, read_options, run, show_warning
from .progress import EVERY
from .terminal import has_terminal

_CAMERA = "camera"  # the name of a virtual camera as a sink
_KEYS = "keys: c calibrate, m mirror, s next source, q end"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the command line's); returns the exit code."""
    return run(lambda: _with_source(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gfla-live", description="Move a portrait live.", epilog=_KEYS)
    parser.add_argument("source", metavar="SOURCE", help="the portrait: jpg, png or webp")
    parser.add_argument(
        "driving", metavar="DRIVING", nargs="?", help="an address, or a file, played at its own speed"
    )
    parser.add_argument("--camera", type=int, metavar="N", help="the camera that drives it, 0 is the first")
    parser.add_argument(
        "--swap", metavar="SOURCE", action="append", default=[], help="another portrait, for key s"
    )
    parser.add_argument("--loop", action="store_true", help="play a file again and again")
    parser.add_argument(
        "--sink",
        metavar="OUT",
        help="where the frames go instead of a window: a file, udp://, rtmp://, or camera, a virtual one",
    )
    parser.add_argument(
        "--budget",
        type=_milliseconds,
        default=200,
        metavar="MS",
        help="longest delay from a frame's capture to its display: a later frame is dropped for the next "
        "(default 200)",
    )
    parser.add_argument(
        "--mirror", action="store_true", help="swap the driver's left and right, as a mirror does"
    )
    add_options(parser, AnimateOptions, ("crop-only", "label", "sidecar", "overwrite"))
    add_options(parser, ModelOptions, ("weights", "device", "backend"))
    add_quiet(parser)
    return parser


def _with_source(options: argparse.Namespace) -> None:
    with as_file(options.source) as options.source:
        _live(options)


def _live(options: argparse.Namespace) -> None:
    sources = [existing_file(source) for source in (options.source, *options.swap)]
    if (options.driving is None) == (options.camera is None):
        raise InputError(
            "DRIVING", "say what drives the portrait", "give --camera 0, or else an address or a file"
        )
    if options.driving is not None:
        check_video_input(options.driving)
    if options.loop and (options.driving in (None, "-") or is_url(options.driving)):
        raise InputError("--loop", "only a file can be played again", "name one")
    if options.sink not in (None, _CAMERA):
        output = Output.of(options.sink, overwrite=options.overwrite)
        if output.path:
            check_not_input(output.path, *sources, options.driving)
        if options.sidecar:
            output.check_sidecar(options.overwrite)
    elif options.sidecar:
        raise InputError("--sidecar", "it goes beside a file", "name one with --sink")
    elif options.sink is None and sys.platform.startswith("linux") and not _has_screen():
        raise InputError("window", "there is no screen", "say where the pictures go with --sink")

    from ..animator import Animator
    from ..state import AnimationState
    from ..streaming.job import Job
    from ..streaming.live import Controls, LiveCount, Newest, animate_live
    from ..streaming.provenance import labelled, tag, write_sidecar
    from ..streaming.sinks import FileSink, UnhurriedSink, VirtualCamera, Window
    from ..video import Camera, Encoding, Frame, VideoReader

    given = options.driving or Camera(options.camera or 0)
    controls, shown = Controls(options.mirror), LiveCount()
    with ExitStack() as stack:
        frames = stack.enter_context(closing(Newest(lambda: VideoReader(given), again=options.loop)))
        animator = Animator.from_pretrained(**vars(read_options(ModelOptions, options)))
        asked = AnimateOptions(crop_only=options.crop_only, label=options.label)
        states = [animator.prepare(source, asked, show_warning) for source in sources]
        size = states[0].size
        for source, state in zip(sources, states, strict=True):
            if state.size != size:
                reason = "{}x{}, but the first portrait has {}x{}".format(*state.size, *size)
                raise InputError(source, reason, "make them alike, or take --crop-only")
        turn = 0

        def pressed(key: str) -> None:
            nonlocal turn
            if key == "c":
                controls.calibrate()
            elif key == "m":
                controls.mirror = not controls.mirror
            elif key == "s":
                turn = (turn + 1) % len(states)
                controls.swap(states[turn])
            elif key in "q\x1b":
                controls.stop.set()

        if options.sink is None:
            sink = Window("gfla-live", pressed)
        elif options.sink == _CAMERA:
            sink = VirtualCamera(size, Fraction(25))
        else:
            sound = None
            if not frames.live and not options.loop:
                sound = stack.enter_context(closing(VideoReader(given)))
            sink = FileSink(
                options.sink,
                size,
                Fraction(25),
                encoding=Encoding(gpu=animator.networks.device.type == "cuda", comment=tag(animator.name)),
                overwrite=options.overwrite,
                sound=sound,
                warn=show_warning,
            )
            if is_url(options.sink):
                sink = UnhurriedSink(sink, options.sink, show_warning)
        stack.callback(sink.close)
        if not options.quiet:
            print(f"device: {animator.device.type} ({animator.device_reason})", file=sys.stderr)
        if options.sink is None and not options.quiet:
            print(_KEYS, file=sys.stderr)

        drawn, said = has_terminal(), time.monotonic()

        def watch(count: LiveCount) -> None:
            nonlocal shown, said
            shown = count
            if drawn and not options.quiet:
                print(f"\r{count}  ", end="", file=sys.stderr, flush=True)
            elif not options.quiet and time.monotonic() - said >= EVERY:
                said = time.monotonic()
                print(count, file=sys.stderr)

        def step(frame: Frame, state: AnimationState) -> tuple[Frame, AnimationState]:
            made, state = animator.step(frame, state, alone=True)
            return labelled(made) if options.label else made, state

        try:
            budget = options.budget / 1000
            animate_live(step, states[0], frames, [sink], controls, watch, budget, show_warning)
        except KeyboardInterrupt:
            controls.stop.set()
    if options.sidecar:
        job = Job(sources[0], str(options.driving or f"camera {options.camera}"), str(options.sink), asked)
        write_sidecar(job, animator.name, animator.computed_by())
    if not options.quiet:
        begin = "\r" if drawn else ""
        print(f"{begin}{shown}; {shown.worst * 1000:.0f} ms at worst", file=sys.stderr)


def _milliseconds(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of milliseconds; write 1 or more")
    return int(text)


def _has_screen() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


if __name__ == "__main__":
    raise SystemExit(main())
