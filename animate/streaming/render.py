"""A whole video rendered into a file: the stages on threads, and at the end a report of what was lost."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from ..errors import Cancelled, InputError, InputWarning, Stopped, Warn, ignore
from ..face.landmarks import Landmarker
from ..io.paths import check_not_input, new_file
from ..io.timecode import Span, clock, list_spans
from ..motion.no_face import SAYS
from ..motion.presets import SUFFIX
from ..motion.recording import DriverMotion, MotionReader, look_elsewhere, track_driver
from ..motion.template import open_motion
from ..motion.template import save_motion as write_motion
from ..networks import Networks
from ..options import AnimateOptions, NoFace
from ..source_video import SourceVideo, open_source, pair_frames
from ..stages import Item
from ..state import AnimationState, Source
from ..video import Encoding, Frame, VideoReader, VideoWriter
from ..video.formats import Output
from .job import Job
from .pipeline import Stage, Stream, StreamStats, ThreadedStep
from .provenance import labelled, tag, write_sidecar

Progress = Callable[[int, int | None], None]
"""Called with the frames that are done and, if known, expected."""


@dataclass(frozen=True)
class RenderHooks:
    """A caller's callbacks and known motion, all optional.

    tracking: progress of the first pass through the driving video. progress: of the render. cancel: asked
    before each frame; True ends the video there. warn: called with each warning when it is found. show: given
    each frame once it is written, by the thread that writes. driver: the driver's motion, if it is known.
    """

    tracking: Progress | None = None
    progress: Progress | None = None
    cancel: Callable[[], bool] | None = None
    warn: Warn = ignore
    show: Callable[[Frame], object] | None = None
    driver: DriverMotion | None = None


@dataclass(frozen=True)
class RenderResult:
    """path: of the output. frames: how many. stats: where the time went. warnings: all that were found."""

    path: Path
    frames: int
    stats: StreamStats
    warnings: tuple[InputWarning, ...] = ()


class Renderer(Protocol):
    """What a render needs of an `Animator`."""

    name: str

    @property
    def networks(self) -> Networks: ...

    def computed_by(self) -> dict[str, str]: ...

    def prepare(
        self, source: Source | SourceVideo, options: AnimateOptions | None = None, warn: Warn = ignore
    ) -> AnimationState: ...

    def follow(
        self, state: AnimationState, driver: DriverMotion, reference_frame: int | None = None
    ) -> AnimationState: ...


class Warnings:
    """The warnings of a render: each is kept and passed on once."""

    def __init__(self, warn: Warn = ignore):
        self.found: list[InputWarning] = []
        self._warn = warn

    def __call__(self, warning: InputWarning) -> None:
        if warning not in self.found:
            self.found.append(warning)
            self._warn(warning)


def render(animator: Renderer, job: Job, hooks: RenderHooks) -> RenderResult:
    """Make the output of `job`, with its driving video's frame times and sound.

    A file is tracked once before it is rendered; a pipe or an address is read only once. InputError
    for bad input, with no output left. Ctrl-C ends the video as `hooks.cancel` does and raises Stopped, with
    the result; a second Ctrl-C leaves no file. The sidecar, if asked for, is written after Ctrl-C too.
    """
    options, warn = job.options, Warnings(hooks.warn)
    target = Output.of(job.output, options.codec, options.overwrite, options.quality)
    if target.path:
        check_not_input(target.path, job.source, job.driving)
    if job.save_motion:
        new_file(job.save_motion, options.overwrite, (SUFFIX,))
    for warning in options.warnings():
        warn(warning)
    driver = hooks.driver or open_motion(job.driving, options.start, options.end)
    with open_source(job.source) as source, _open_driving(job, driver) as reader:
        state = animator.prepare(source, options, warn)
        if driver is None and reads_twice(options, reader, bool(job.save_motion)):
            driver = _record(animator, job, hooks)
        if driver is not None:
            state = animator.follow(state, driver, options.reference_frame)
        elif job.save_motion or options.reference_frame is not None:
            raise InputError(reader.name, "--save-motion and --reference-frame take a file, read twice")
        count = RenderProgress(reader, hooks.progress)
        with VideoWriter(
            job.output,
            state.size,
            reader.rate,
            reader.time_base,
            encoding=Encoding(
                options.codec,
                alpha=state.portrait.alpha is not None,
                gpu=animator.networks.device.type == "cuda",
                comment=tag(animator.name),
                quality=options.quality,
            ),
            audio_from=reader if isinstance(reader, VideoReader) else None,
            overwrite=options.overwrite,
            warn=warn,
        ) as writer:

            def write(frame: Frame) -> None:
                writer.write(frame)
                if hooks.show:
                    hooks.show(frame)

            step = ThreadedStep(animator.networks, state)
            stages = [*step.stages, encode_stage(write, options.label)]
            pairs = pair_frames(reader, source)
            stream = Stream(pairs, stages, describe=frame_time, cancel=hooks.cancel, drop_before="close_up")
            with stream:
                interrupted = stream.run(count)
                stats = stream.stats
            count.check(stream.complete, interrupted, animator.networks.landmarker)
            for warning in count.warnings(options.no_face):
                warn(warning)
            if isinstance(source, SourceVideo) and source.ended is not None:
                reason = f"it ends at {clock(source.ended)}"
                warn(InputWarning(str(source.path), reason, "its last frame is held"))
            if not stream.complete:
                writer.cut(reader.zero + count.end)
    for warning in motion_warnings(reader.name, step.state):
        warn(warning)
    if job.save_motion and driver is not None:  # a failed render leaves nothing
        write_motion(driver.ready(options.motion.smoothing), job.save_motion, options.overwrite)
    if options.sidecar:
        write_sidecar(job, animator.name, animator.computed_by(), reference_entry(state))
    result = RenderResult(writer.path, count.frames, stats, tuple(warn.found))
    if interrupted and not stream.complete:
        message = f"Stopped at {clock(count.end)}; {target.name} holds what was done until then."
        raise Stopped(message, result)
    return result


def encode_stage(write: Callable[[Frame], object], label: bool) -> Stage:
    """The last stage: each frame, labelled if it is to be, goes to `write`."""

    def encode(item: Item) -> Item:
        write(labelled(item.frame) if label else item.frame)
        return item

    return Stage("encode", encode)


def reads_twice(options: AnimateOptions, reader: VideoReader | MotionReader, anyway: bool = False) -> bool:
    """Whether the driver is tracked before the render: a file whose motion is not just copied, or
    whose motion is wanted `anyway`."""
    again = isinstance(reader, VideoReader) and reader.input.path is not None
    return again and (anyway or options.motion.kind != "copy")


class RenderProgress:
    """Counts a render's frames and the times at which the driver's face was away.

    frames: done so far. found: whether any showed a face.
    """

    def __init__(self, reader: VideoReader | MotionReader, progress: Progress | None):
        self._reader, self._progress = reader, progress
        self.frames, self.found = 0, False
        self._away_since: Fraction | None = None
        self._last = Fraction(0)
        self._away: list[Span] = []

    def __call__(self, item: Item) -> None:
        self.frames += 1
        self._last = item.frame.seconds - self._reader.zero
        if item.landmarks is None:
            self._away_since = self._last if self._away_since is None else self._away_since
        else:
            self.found = True
            self._close(self._last)
        if self._progress:
            self._progress(self.frames, self._reader.frames)

    @property
    def end(self) -> Fraction:
        """The time at which the last frame so far ends, seconds from the driving video's beginning."""
        return self._last + 1 / self._reader.rate

    def check(self, complete: bool, interrupted: bool, landmarker: Landmarker) -> None:
        """Raise if there was no face at all: Stopped, Cancelled or InputError."""
        if self.found:
            return
        if interrupted:
            raise Stopped("Stopped before the first face; no file is left.")
        if not complete:
            raise Cancelled(self._reader.name, "stopped before the first face", "no file is left")
        raise look_elsewhere(self._reader, landmarker)

    def warnings(self, no_face: NoFace) -> list[InputWarning]:
        """What was lost."""
        self._close(self.end)
        return loss_warnings(self._reader.name, self._away, self._reader.lost, no_face)

    def _close(self, at: Fraction) -> None:
        if self._away_since is not None:
            self._away.append(Span(self._away_since, at))
            self._away_since = None


def loss_warnings(
    name: str, away: Iterable[Span], lost: Iterable[Span], no_face: NoFace
) -> list[InputWarning]:
    """Warnings about a driving video in which the face was `away` and frames were `lost`."""
    away, lost = tuple(away), tuple(lost)
    found = []
    if away:
        found.append(InputWarning(name, f"no face from {list_spans(away)}", SAYS[no_face]))
    if lost:
        reason = f"the pictures from {list_spans(lost)} are lost or show errors"
        found.append(InputWarning(name, "damaged", reason))
    return found


def reference_entry(state: AnimationState) -> dict[str, Any]:
    """For a sidecar: which of the driver's frames is the reference, and its time; None for a motion whose
    reference is no frame. Nothing where the driver was read only once."""
    driver, motion = state.driver, state.motion.motion
    if driver is None:
        return {}
    number = driver.reference_number(motion.source, state.options.reference_frame)
    if number is None:
        return {"reference_frame": None}
    seconds = int(driver.pts[number]) * driver.time_base - driver.zero
    return {"reference_frame": {"number": number, "seconds": round(float(seconds), 3)}}


def motion_warnings(name: str, state: AnimationState) -> list[InputWarning]:
    """Which parts of the motion of the driver `name` were limited."""
    remedy = "it is held back there; a smaller gain of that part avoids it"
    return [
        InputWarning(name, f"{part} goes beyond what a portrait can show", remedy)
        for part in state.motion.motion.beyond
    ]


def frame_time(item: Item) -> str:
    """Which frame it is, for the note of an error in a stage."""
    return f"the frame at {clock(item.frame.seconds)}"


def _open_driving(
    job: Job, driver: DriverMotion | None
) -> AbstractContextManager[VideoReader] | AbstractContextManager[MotionReader]:
    if driver is not None and driver.points is None:  # a motion without pictures
        return MotionReader(driver)
    options = job.options
    return VideoReader(job.driving, options.start, options.end, audio_track=options.audio_track)


def _record(animator: Renderer, job: Job, hooks: RenderHooks) -> DriverMotion:
    options = job.options
    with VideoReader(job.driving, options.start, options.end) as reader:
        landmarker = animator.networks.landmarker
        return track_driver(landmarker, reader, options.driving_face, hooks.tracking, hooks.cancel)
