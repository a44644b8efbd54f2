"""Rendering a job segment by segment: in order, each from the state on disk, or in parts side by side.

In order the pictures are those of an undisturbed render: segments begin at the same frames however often the
work is resumed, and the state that one leaves is exactly what the next gets.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

from ..animator import Animator
from ..compositing.detail import Drawing
from ..errors import InputError, InputWarning, Warn
from ..io.atomic import file_lock
from ..io.timecode import Span, clock, join_spans
from ..motion.recording import no_face_at_all
from ..source_video import Pair, SourceVideo, open_source, pair_frames
from ..stages import Item
from ..state import AnimationState, RetargetState
from ..streaming.job import Job
from ..streaming.pipeline import Stream, ThreadedStep
from ..streaming.provenance import tag
from ..streaming.render import (
    RenderHooks,
    Warnings,
    encode_stage,
    frame_time,
    loss_warnings,
    motion_warnings,
    reads_twice,
    reference_entry,
)
from ..video import Encoding, Frame, VideoReader, VideoWriter
from ..video.formats import Output
from .driver_cache import cached_motion
from .saved_state import load_state, save_state
from .segments import Segment, Segments, join_segments
from .tasks import SegmentRange


def write_segments(
    animator: Animator,
    job: Job,
    segments: Segments,
    length: int,
    part: SegmentRange | None = None,
    hooks: RenderHooks | None = None,
    motion_file: Path | None = None,
) -> None:
    """Render what is missing of a job, or of a `part` of it, in segments of `length` frames.

    hooks.progress: called with the number of frames done, by this worker or another. motion_file: where jobs
    with the same driver keep its motion, None to track it here. InputError for bad input.
    """
    hooks = hooks or RenderHooks()
    options = job.options
    for warning in options.warnings():
        hooks.warn(warning)
    with (
        open_source(job.source) as source,
        VideoReader(job.driving, options.start, options.end, audio_track=options.audio_track) as reader,
    ):
        state = animator.prepare(source, options, hooks.warn)
        start = _follow_driver(animator, job, reader, state, motion_file)
        if options.sidecar:
            segments.describe(reference_entry(start))
        work = _SegmentRender(animator, job, segments, reader, start, hooks)
        if part and isinstance(source, SourceVideo):
            if part.index:  # a source video is paired in order: the first part does all
                return
            part = None
        if part is None:
            work.in_order(pair_frames(reader, source), length)
        else:
            work.in_parts(pair_frames(reader, source), length, part)
        if isinstance(source, SourceVideo) and source.ended is not None:
            reason = f"it ends at {clock(source.ended)}"
            hooks.warn(InputWarning(str(source.path), reason, "its last frame is held"))


def finish_segments(job: Job, segments: Segments, weights: str, warn: Warn) -> int:
    """Join the segments, once whole, into the job's output; returns its frames. warn: called with what was
    lost.

    InputError if the driver showed no face in any frame.
    """
    whole, ended = segments.whole(), segments.ended()
    assert whole
    assert ended
    if not any(segment.found for segment in whole):
        raise no_face_at_all(str(job.driving))
    options = job.options
    with VideoReader(job.driving, options.start, options.end, audio_track=options.audio_track) as reader:
        target = Output.of(job.output, options.codec, True, options.quality)
        join_segments(segments, reader, target, tag(weights), warn)
    away = join_spans(span for segment in whole for span in segment.away)
    for warning in loss_warnings(str(job.driving), away, ended[1], options.no_face):
        warn(warning)
    return sum(len(segment.pts) for segment in whole)


def _follow_driver(
    animator: Animator, job: Job, reader: VideoReader, start: AnimationState, motion_file: Path | None
) -> AnimationState:
    """`start` with the driver's motion known beforehand, as `render` has it."""
    options = job.options
    if reads_twice(options, reader):
        face = options.driving_face
        track = partial(animator.record, job.driving, options.start, options.end, driving_face=face)
        if motion_file is None:
            return animator.follow(start, track(), options.reference_frame)
        motion_file.parent.mkdir(exist_ok=True)
        with file_lock(motion_file.with_suffix(".lock")):
            driver = cached_motion(motion_file, track)
        return animator.follow(start, driver, options.reference_frame)
    if options.reference_frame is not None:
        raise InputError(reader.name, "--reference-frame takes a file, read twice")
    return start


class _SegmentRender:
    """One pass through the driving video."""

    def __init__(
        self,
        animator: Animator,
        job: Job,
        segments: Segments,
        reader: VideoReader,
        start: AnimationState,
        hooks: RenderHooks,
    ):
        self._animator, self._job, self._segments, self._reader = animator, job, segments, reader
        self._start, self._hooks, self._warn = start, hooks, Warnings(hooks.warn)
        self._state = start
        self._behind = 0

    def in_order(self, pairs: Iterator[Pair], length: int) -> None:
        segments, index = self._segments, 0
        while segments.read(index) is not None:
            index += 1
        if (ended := segments.ended()) is not None and index == ended[0]:
            return
        if index:
            try:
                device = self._animator.networks.device
                self._state = load_state(segments.state(index - 1), self._start, device)
            except (OSError, ValueError) as error:
                reason = f"the saved state is damaged ({error})"
                self._warn(InputWarning(str(self._job.output), reason, "it starts from the beginning"))
                index = 0
        for _ in islice(pairs, index * length):  # read again: a seek would not count damage
            self._pass()
        for at, first, segment in self._segments_of(pairs, length, index):
            written, self._state = self._render(at, first, segment, self._state)
            save_state(segments.state(at), self._state, self._start)
            segments.add(at, written)
            if at:
                segments.state(at - 1).unlink(missing_ok=True)
        self._warn_of(self._state)

    def in_parts(self, pairs: Iterator[Pair], length: int, part: SegmentRange) -> None:
        """Every segment starts from the state at the driver's first face, to which relative motion refers."""
        recent: deque[Pair] = deque(maxlen=part.warm + 1)
        for index, first, segment in self._segments_of(_remembered(pairs, recent), length, 0):
            if index % part.step != part.index or self._segments.read(index) is not None:
                for pair in segment:
                    if self._state.motion.square is None:
                        _, state = self._animator.step(pair, self._state)
                        self._begin_at(state.motion, state.drawing)
                    self._pass()
                continue
            state = self._state
            for pair in list(recent)[:-1]:  # the last one is the segment's first
                _, state = self._animator.step(pair, state)
                self._begin_at(state.motion, state.drawing)
            written, left = self._render(index, first, segment, state, self._begin_at)
            self._segments.add(index, written)
            self._warn_of(left)

    def _begin_at(self, motion: RetargetState, drawing: Drawing | None) -> None:
        """Take the first face's motion for the state in which segments start."""
        if self._state.motion.square is None and motion.square is not None:
            self._state = replace(self._start, motion=motion, drawing=drawing)

    def _segments_of(
        self, pairs: Iterator[Pair], length: int, index: int
    ) -> Iterator[tuple[int, Frame, Iterable[Pair]]]:
        """Segments from `index` on: number, first frame, all its pairs, which must be read to the end."""
        while (first := next(pairs, None)) is not None:
            yield index, first.frame, chain([first], islice(pairs, length - 1))
            index += 1
        self._segments.end(index, self._reader.lost)

    def _render(
        self,
        index: int,
        first: Frame,
        pairs: Iterable[Pair],
        state: AnimationState,
        watch: Callable[[RetargetState, Drawing | None], None] | None = None,
    ) -> tuple[Segment, AnimationState]:
        """Write one segment, its clock starting at 0, from `state`; returns the state it leaves."""
        video, reader, options = self._segments.video(index), self._reader, self._job.options
        found, times = 0, []
        away: list[Span] = []
        # never by a GPU: another machine may make the next segment, and only one encoder's can be joined
        with VideoWriter(
            video,
            self._start.size,
            reader.rate,
            reader.time_base,
            encoding=Encoding(options.codec, self._start.portrait.alpha is not None, quality=options.quality),
            overwrite=True,
            warn=self._warn_of_output,
        ) as writer:

            def write(frame: Frame) -> None:
                writer.write(replace(frame, pts=frame.pts - first.pts))

            step = ThreadedStep(self._animator.networks, state)
            stages = [*step.stages, encode_stage(write, options.label)]
            with Stream(pairs, stages, describe=frame_time) as stream:
                item: Item
                for item in stream:
                    times.append(item.frame.pts)
                    if item.landmarks is None:
                        at = item.frame.seconds - reader.zero
                        away.append(Span(at, at + 1 / reader.rate))
                    else:
                        found += 1
                    if watch and item.motion:
                        watch(item.motion, item.drawing)
                    self._pass()
        return Segment(tuple(times), found, join_spans(away)), step.state

    def _warn_of(self, state: AnimationState) -> None:
        for warning in motion_warnings(self._reader.name, state):
            self._warn(warning)

    def _warn_of_output(self, warning: InputWarning) -> None:
        """A warning of a segment's writer, about the whole output."""
        self._warn(replace(warning, subject=str(self._job.output)))

    def _pass(self) -> None:
        self._behind += 1
        if self._hooks.progress:
            self._hooks.progress(self._behind, self._reader.frames)


def _remembered(pairs: Iterable[Pair], recent: deque[Pair]) -> Iterator[Pair]:
    for pair in pairs:
        recent.append(pair)
        yield pair
