"""Rendering a job segment by segment: in order, each from the state on disk, or in shares side by side.

In order the pictures are those of a render that nothing disturbed: segments begin at the same frames however
often the work is resumed, and the state that one leaves is exactly what the next gets.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

from ..animator import AnimationState, Animator
from ..errors import InputError
from ..io.atomic import file_lock, fsync_path
from ..io.timecode import Span, join_spans, list_spans
from ..motion.no_face import SAYS
from ..stages import Work
from ..streaming.job import Job
from ..streaming.pipeline import Stream, step_stages
from ..streaming.provenance import tag
from ..streaming.render import NOT_TWICE, encode_stage, frame_time, looks_first, open_writer
from ..video import Frame, VideoReader
from ..video.formats import Output
from .driver_cache import cached_motion
from .saved_state import load_state, save_state
from .segments import LENGTH, Segment, Segments, join_segments
from .tasks import Share

log = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]


def write_segments(
    animator: Animator,
    job: Job,
    segments: Segments,
    *,
    length: int = LENGTH,
    share: Share | None = None,
    progress: Progress | None = None,
    motion_file: Path | None = None,
) -> None:
    """Render what is missing of a job, or of a share of it.

    progress: called with the frames that are behind, whoever rendered them, and expected. motion_file: where
    jobs with the same driver keep its motion, None to track it here. InputError for bad input.
    """
    with VideoReader(job.driving, job.start, job.end) as reader:
        start = _known(animator, job, reader, animator.prepare(job.source, **job.ways), motion_file)
        work = _Work(animator, job, segments, reader, start, length, progress)
        if share is None:
            work.in_order()
        else:
            work.in_shares(share)


def finish_segments(job: Job, segments: Segments, weights: str) -> int:
    """Join the segments, once whole, into the job's output; returns its frames. What was lost is logged.

    InputError if the driver showed no face in any frame.
    """
    whole, ended = segments.whole(), segments.ended()
    assert whole
    assert ended
    if not any(segment.found for segment in whole):
        raise InputError(f"{job.driving}: no face in any frame; give a driving video that shows one.")
    with VideoReader(job.driving, job.start, job.end) as reader:
        join_segments(segments, reader, Output.of(job.output, job.codec, overwrite=True), tag(weights))
    away = join_spans(span for segment in whole for span in segment.away)
    if away:
        said = SAYS[job.ways.get("no_face", "hold")]
        log.warning("%s: no face from %s; %s.", job.driving, list_spans(away), said)
    if ended[1]:
        lost = list_spans(ended[1])
        log.warning("%s: damaged; the pictures from %s are lost or show errors.", job.driving, lost)
    return sum(len(segment.pts) for segment in whole)


def _known(
    animator: Animator, job: Job, reader: VideoReader, start: AnimationState, motion_file: Path | None
) -> AnimationState:
    """`start` with the driver's motion known beforehand, as `streaming.render` has it."""
    if looks_first(start, reader):
        track = partial(animator.record, job.driving, job.start, job.end, driving_face=start.driving_face)
        if motion_file is None:
            return animator.follow(start, track(), job.reference_frame)
        motion_file.parent.mkdir(exist_ok=True)
        with file_lock(motion_file.with_suffix(".lock")):
            motion = cached_motion(motion_file, track)
        return animator.follow(start, motion, job.reference_frame)
    if job.reference_frame is not None:
        raise InputError(NOT_TWICE.format(reader.name))
    return start


class _Work:
    """One walk through the driving video."""

    def __init__(
        self,
        animator: Animator,
        job: Job,
        segments: Segments,
        reader: VideoReader,
        start: AnimationState,
        length: int,
        progress: Progress | None,
    ):
        self._animator, self._job, self._segments, self._reader = animator, job, segments, reader
        self._start, self._length, self._progress = start, length, progress
        self._frames = self._kept(reader)
        self._recent: deque[Frame] = deque(maxlen=1)
        self._behind = 0
        self._state = self._first = start

    def in_order(self) -> None:
        segments, index = self._segments, 0
        while segments.read(index) is not None:
            index += 1
        if (ended := segments.ended()) is not None and index == ended[0]:
            return
        if index:
            try:
                self._state = load_state(segments.state(index - 1), self._start, self._animator.device)
            except (OSError, ValueError) as error:
                log.warning("%s: begun anew, for its saved state is damaged (%s).", self._job.output, error)
                index = 0
        for _ in islice(self._frames, index * self._length):  # read again: a seek would not count damage
            self._pass()
        for at, first, frames in self._chunks(index):
            segment = self._render(at, first, frames)
            save_state(segments.state(at), self._state, self._start)
            segments.add(at, segment)
            if at:
                segments.state(at - 1).unlink(missing_ok=True)

    def in_shares(self, share: Share) -> None:
        self._recent = deque(maxlen=share.warm + 1)
        for index, first, frames in self._chunks(0):
            if index % share.of != share.index or self._segments.read(index) is not None:
                for frame in frames:
                    if self._first.square is None:  # where the first face is, relative motion begins
                        self._watch(*self._animator.step(frame, self._first))
                    self._pass()
                continue
            self._state = self._first
            for frame in list(self._recent)[:-1]:
                self._watch(*self._animator.step(frame, self._state))
            self._segments.add(index, self._render(index, first, frames))

    def _chunks(self, index: int) -> Iterator[tuple[int, Frame, Iterator[Frame]]]:
        """Segments from `index` on: number, first frame, all frames, which are to be drawn to the end."""
        while (first := next(self._frames, None)) is not None:
            yield index, first, chain([first], islice(self._frames, self._length - 1))
            index += 1
        self._segments.end(index, self._reader.lost)

    def _render(self, index: int, first: Frame, frames: Iterator[Frame]) -> Segment:
        """Write one segment, its clock beginning at 0, from `self._state`, which goes on."""
        video, reader = self._segments.video(index), self._reader
        found, times = 0, []
        away: list[Span] = []
        # never by a GPU: another machine may make the next segment, and only one encoder's can be joined
        with open_writer(video, self._start, reader, overwrite=True, codec=self._job.codec) as writer:

            def write(frame: Frame) -> None:
                writer.write(replace(frame, pts=frame.pts - first.pts))

            state = self._state
            stages = [*step_stages(self._animator, state), encode_stage(write, self._job.label)]
            with Stream((Work(frame, state) for frame in frames), stages, describe=frame_time) as stream:
                for work in stream:
                    times.append(work.frame.pts)
                    if work.state.landmarks is None:
                        at = work.frame.seconds - reader.zero
                        away.append(Span(at, at + 1 / reader.rate))
                    else:
                        found += 1
                    self._watch(work.frame, work.state)
                    self._pass()
        fsync_path(video)
        return Segment(tuple(times), found, join_spans(away))

    def _watch(self, _: Frame, state: AnimationState) -> None:
        self._state = state
        if self._first.square is None and state.square is not None:
            self._first = replace(state, memory=self._start.memory, seen=self._start.seen)

    def _kept(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            self._recent.append(frame)
            yield frame

    def _pass(self) -> None:
        self._behind += 1
        if self._progress:
            self._progress(self._behind, self._reader.frames)
