"""A portrait moved live: the newest frame wins, so that what is shown is never older than one step's work."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

import numpy as np

from ..errors import Warn, ignore
from ..state import AnimationState
from ..video import Frame, VideoReader
from .render import Warnings, motion_warnings

CLOCK = Fraction(1, 90_000)
"""Seconds a tick of the frames that go out: their time is when they were captured, not the file's."""

BUDGET = 0.2
"""Seconds from a frame's capture to its display: with more it is hard to hold a conversation."""


class Sink(Protocol):
    """Where live frames go."""

    def show(self, frame: Frame) -> None:
        """Take the frame that is due now."""
        ...

    def close(self) -> None: ...


@dataclass
class LiveCount:
    """frames: shown. dropped: taken but overtaken by a newer one before their turn, or given up for one.
    latency: seconds from the taking of the last frame to its showing; worst: the longest of all. late: frames
    whose latency was over the budget."""

    frames: int = 0
    dropped: int = 0
    latency: float = 0.0
    worst: float = 0.0
    late: int = 0

    def __str__(self) -> str:
        return (
            f"{self.frames} frames, {self.dropped} dropped, {self.late} late, "
            f"{self.latency * 1000:.0f} ms behind"
        )


class Controls:
    """What a viewer may ask for while frames run, from any thread."""

    def __init__(self, mirror: bool = False) -> None:
        self.mirror = mirror
        self.stop = threading.Event()
        self._lock = threading.Lock()
        self._wish: AnimationState | None = None
        self._calibrate = False

    def calibrate(self) -> None:
        """Make the next frame the driver's rest, from which relative motion is measured."""
        with self._lock:
            self._calibrate = True

    def swap(self, state: AnimationState) -> None:
        """Go on with another portrait, prepared (`Animator.prepare`) with a picture of the same size."""
        with self._lock:
            self._wish = state

    def applied(self, state: AnimationState) -> AnimationState:
        """The state to go on with."""
        with self._lock:
            wish, self._wish = self._wish, None
            rest, self._calibrate = self._calibrate, False
        if wish is not None:
            state = replace(wish, tracking=replace(wish.tracking, driver=state.tracking.driver))
        if rest:
            motion = replace(state.motion, motion=state.motion.motion.reset(), square=None)
            state = replace(state, motion=motion)
        return state


class Newest:
    """A reader's frames in real time, read on a thread of their own; only the newest is kept.

    A file is read at its own speed, by the clock; a camera or an address has its own. again: open the file
    again at its end, for ever. Frames come with the time at which they were taken, on the stream's clock.
    """

    def __init__(self, open_reader: Callable[[], VideoReader], *, again: bool = False):
        self._open, self._again = open_reader, again
        self._reader = self._opened()
        self.live = self._reader.input.live
        self.dropped = 0
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._ended = False
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, name="capture", daemon=True)
        self.began = time.perf_counter()

    def __iter__(self) -> Iterator[Frame]:
        """The newest frame each time one is asked for; waits for it."""
        self.began = time.perf_counter()
        self._thread.start()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._frame is not None or self._ended)
                frame, self._frame = self._frame, None
            if frame is None:
                if self._error is not None:
                    raise self._error
                return
            yield frame

    def close(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._reader.close()

    def _opened(self) -> VideoReader:
        reader = self._open()
        reader.drop_sound()
        return reader

    def _read(self) -> None:
        try:
            start = time.perf_counter()
            while not self._stopped.is_set():
                start = max(
                    self._play(start), time.perf_counter() - 1
                )  # opening it again takes none of its time
                if self.live or not self._again:
                    break
                self._reader.close()
                self._reader = self._opened()
        except BaseException as error:
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _play(self, start: float) -> float:
        """Once through, beginning at `start`; returns when it ends, if it is in time."""
        first, end = None, start
        for frame in self._reader:
            first = frame.seconds if first is None else first
            if not self.live:
                due = start + float(frame.seconds - first)
                end = due + float(1 / self._reader.rate)
                if self._stopped.wait(max(0.0, due - time.perf_counter())):
                    break
            if self._stopped.is_set():
                break
            taken = int((time.perf_counter() - self.began) / CLOCK)
            with self._changed:
                self.dropped += self._frame is not None
                self._frame = Frame(frame.image, taken, CLOCK, frame.alpha)
                self._changed.notify_all()
        if not self.live:  # the last frame is shown as long as the others
            self._stopped.wait(max(0.0, end - time.perf_counter()))
        return end


Step = Callable[[Frame, AnimationState], tuple[Frame, AnimationState]]
"""`Animator.step`, alone: each stage with all the cores, for none waits for another frame."""


def live_step(
    step: Step, frame: Frame, state: AnimationState, controls: Controls
) -> tuple[Frame, AnimationState]:
    """One step on what the controls make of frame and state."""
    image = np.ascontiguousarray(frame.image[:, ::-1]) if controls.mirror else frame.image
    return step(Frame(image, frame.pts, frame.time_base), controls.applied(state))


def animate_live(
    step: Step,
    state: AnimationState,
    frames: Newest,
    sinks: list[Sink],
    controls: Controls | None = None,
    watch: Callable[[LiveCount], None] | None = None,
    budget: float = BUDGET,
    warn: Warn = ignore,
) -> LiveCount:
    """Animate the newest frame, show it, take the next newest, until the frames end or `controls.stop`.

    One frame is under way at a time: a queue would give more frames a second, each of them later. Frames
    without a face hold the last motion. The sinks are the caller's to close.
    budget: seconds from a frame's taking to its showing. One that waited so long that it would come later is
    dropped for the next, but never two in a row: a late frame is better than none. warn: called once for each
    part of the motion that is limited.
    """
    controls, count, last, warn = controls or Controls(), LiveCount(), -1, Warnings(warn)
    usual = 0.0  # seconds that a frame takes from its turn to its showing
    stale, gave_up = 0, False
    with closing(frames):
        for frame in frames:
            if controls.stop.is_set():
                break
            turn = time.perf_counter() - frames.began
            gave_up = not gave_up and usual < budget < turn - float(frame.seconds) + usual
            if gave_up:
                stale += 1
                continue
            made, state = live_step(step, frame, state, controls)
            for warning in motion_warnings("the driver", state):
                warn(warning)
            last = max(made.pts, last + 1)
            for sink in sinks:
                sink.show(Frame(made.image, last, made.time_base, made.alpha))
            count.frames += 1
            now = time.perf_counter() - frames.began
            usual += (now - turn - usual) / min(count.frames, 5)
            count.dropped = frames.dropped + stale
            count.latency = now - float(frame.seconds)
            count.worst = max(count.worst, count.latency)
            count.late += count.latency > budget
            if watch:
                watch(count)
    count.dropped = frames.dropped + stale  # the last may have been given up
    return count
