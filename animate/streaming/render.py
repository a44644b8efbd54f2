"""A whole video animated into a file: the stages on threads, and in the end a word of what was lost."""

import logging
import os
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, Stopped
from ..io.paths import different_files, new_file
from ..io.timecode import Span, clock, list_spans
from ..motion.no_face import SAYS
from ..motion.presets import SUFFIX
from ..motion.recording import DriverMotion, MotionReader
from ..motion.template import open_motion
from ..motion.template import save_motion as write_motion
from ..options import NoFace, SourceMotion
from ..source_video import SourceVideo, open_source
from ..stages import Work
from ..video import Frame, VideoReader, VideoWriter
from ..video.formats import Output
from .pipeline import Stage, Stream, StreamStats, step_stages
from .provenance import labelled, tag

if TYPE_CHECKING:
    from ..animator import Animator
    from ..state import AnimationState, Source

log = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]

NOT_TWICE = "{}: --save-motion and --reference-frame take a file, read twice."


def render(
    animator: "Animator",
    source: "Source",
    driving: str | os.PathLike,
    output: str | os.PathLike,
    ways: Mapping[str, Any],
    source_motion: SourceMotion,
    *,
    start: Fraction | float | None = None,
    end: Fraction | float | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
    stats: Callable[[StreamStats], None] | None = None,
    codec: str | None = None,
    label: bool = False,
    recording: DriverMotion | None = None,
    reference_frame: int | None = None,
    tracking: Progress | None = None,
    save_motion: str | os.PathLike | None = None,
    show: Callable[[Frame], object] | None = None,
) -> Path:
    """`Animator.render`, which says what the arguments are; ways: the keyword arguments of `prepare`."""
    target = Output.of(output, codec, overwrite)
    if target.path:
        different_files(target.path, source, driving)
    if save_motion:
        new_file(save_motion, overwrite, (SUFFIX,))
    recording = recording or open_motion(driving, start, end)
    template = recording is not None and recording.points is None
    opened = MotionReader(recording) if recording and template else VideoReader(driving, start, end)
    with open_source(source, source_motion) as given, opened as reader:
        state = animator.prepare(given, **ways)
        if recording is None and looks_first(state, reader, save_motion is not None):
            face = state.driving_face
            recording = animator.record(
                driving, start, end, driving_face=face, progress=tracking, cancel=cancel
            )
        if recording is not None:
            state = animator.follow(state, recording, reference_frame)
        elif save_motion or reference_frame is not None:
            raise InputError(NOT_TWICE.format(reader.name))
        record = RenderProgress(reader, progress, state.no_face)
        with open_writer(
            output,
            state,
            reader,
            audio_from=reader if isinstance(reader, VideoReader) else None,
            comment=tag(animator.name),
            overwrite=overwrite,
            codec=codec,
            gpu=animator.device.type == "cuda",
        ) as writer:

            def write(frame: Frame) -> None:
                writer.write(frame)
                if show:
                    show(frame)

            stages = [*step_stages(animator, state), encode_stage(write, label)]
            works = (Work(frame, state) for frame in reader)
            interrupted = False
            with Stream(works, stages, describe=frame_time, cancel=cancel) as stream:
                try:
                    for work in stream:
                        record(work)
                except KeyboardInterrupt:
                    interrupted = True
                    stream.stop()
                    for work in stream:
                        record(work)
                account = stream.stats
            record.finish(stream.complete, interrupted)
            if isinstance(given, SourceVideo) and given.ended is not None:
                log.warning("%s: it ends at %s; its last frame is held.", given.path, clock(given.ended))
            if not stream.complete:
                writer.cut(reader.zero + record.end)
    if save_motion and recording is not None:  # of a render that failed nothing is left
        write_motion(recording.ready(state.motion.options.smoothing), save_motion, overwrite)
    if stats:
        stats(account)
    if interrupted and not stream.complete:
        raise Stopped(f"Stopped at {clock(record.end)}; {target.name} holds what was done until then.")
    return writer.path


def open_writer(
    output: str | os.PathLike, state: "AnimationState", reader: VideoReader | MotionReader, **more: Any
) -> VideoWriter:
    """A writer of the frames that `state` begins, at `reader`'s times. more: as VideoWriter takes it."""
    alpha = state.portrait.alpha is not None
    return VideoWriter(output, state.size, reader.rate, reader.time_base, alpha=alpha, **more)


def encode_stage(write: Callable[[Frame], object], label: bool) -> Stage:
    """The last stage: each frame, labelled if it is to be, goes to `write`."""

    def encode(work: Work) -> Work:
        write(labelled(work.frame) if label else work.frame)
        return work

    return Stage("encode", encode)


def looks_first(state: "AnimationState", reader: VideoReader | MotionReader, anyway: bool = False) -> bool:
    """Whether the driver is looked at before the render: a file whose motion is not just copied, or whose
    motion is wanted `anyway`."""
    again = isinstance(reader, VideoReader) and reader.input.path is not None
    return again and (anyway or state.motion.options.kind != "copy")


class RenderProgress:
    """Counts a render's frames and the times at which the driver's face was away."""

    def __init__(self, reader: VideoReader | MotionReader, progress: Progress | None, no_face: NoFace):
        self._no_face: NoFace = no_face
        self._reader, self._progress = reader, progress
        self._done, self._found = 0, False
        self._away_since: Fraction | None = None
        self._last = Fraction(0)
        self._away: list[Span] = []

    def __call__(self, work: Work) -> None:
        self._done += 1
        self._last = work.frame.seconds - self._reader.zero
        if work.state.landmarks is None:
            self._away_since = self._last if self._away_since is None else self._away_since
        else:
            self._found = True
            self._close(self._last)
        if self._progress:
            self._progress(self._done, self._reader.frames)

    @property
    def end(self) -> Fraction:
        """The time at which the last frame so far ends, seconds from the driving video's beginning."""
        return self._last + 1 / self._reader.rate

    def finish(self, complete: bool, interrupted: bool) -> None:
        """Say once what was lost; InputError if there was no face at all, Stopped if Ctrl-C came first."""
        path = self._reader.name
        self._close(self.end)
        if not self._found:
            if interrupted:
                raise Stopped("Stopped before the first face; no file is left.")
            if not complete:
                raise InputError(f"{path}: stopped before the first face; no file is left.")
            raise InputError(f"{path}: no face in any frame; give a driving video that shows one.")
        if self._away:
            log.warning("%s: no face from %s; %s.", path, list_spans(self._away), SAYS[self._no_face])
        if self._reader.lost:
            lost = list_spans(self._reader.lost)
            log.warning("%s: damaged; the pictures from %s are lost or show errors.", path, lost)

    def _close(self, at: Fraction) -> None:
        if self._away_since is not None:
            self._away.append(Span(self._away_since, at))
            self._away_since = None


def frame_time(work: Work) -> str:
    """Which frame it is, for what is said of an error in a stage."""
    return f"the frame at {clock(work.frame.seconds)}"
