"""Any frame of a visitor's stream, looked into: walked to from the nearest frame whose state was kept."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from gfla.animate import AnimationState, Animator, Frame, VideoReader
from gfla.animate.inside import Inside, look_inside
from gfla.animate.motion import unlikeness
from gfla.animate.recording import MotionReader, Recording
from gfla.demos.app.pictures import wireframe, within

_KEPT = 12  # states of a walk, some 4 MB each
_NEAR = 25  # frames from the first face on, among which the first to show is chosen


@dataclass(eq=False)
class Walk:
    """A portrait's way through a driver. start: the state that follows `recording`. kept: states by the
    number of the frame that comes next."""

    animator: Animator
    start: AnimationState
    driving: Path | str
    recording: Recording
    kept: dict[int, AnimationState] = field(default_factory=dict)
    _walking: threading.Lock = field(default_factory=threading.Lock)

    def __len__(self) -> int:
        return len(self.recording.pts)

    @property
    def telling(self) -> int:
        """A frame near the beginning in which much is done: the one least like the portrait."""
        ready = self.recording.ready(self.start.motion.manner.smoothing)
        seen = np.flatnonzero(ready.found)
        near = max(1, int((seen < seen[0] + _NEAR).sum()))
        return int(seen[np.argmax(unlikeness(ready.signals, self.start.motion.source)[:near])])

    def look(self, number: int, cancel: Callable[[], bool]) -> Inside | None:
        """Frame `number`, from 0; None if there is no face in it or `cancel` said True on the way."""
        with self._walking:
            return self._look(number, cancel)

    def _look(self, number: int, cancel: Callable[[], bool]) -> Inside | None:
        at = max((frame for frame in self.kept if frame <= number), default=0)
        state = self.kept.get(at, self.start)
        every = max(1, len(self) // _KEPT)
        for index, frame in enumerate(self._frames(at), at):
            if cancel():
                return None
            if index == number or index % every == 0:
                self._keep(index, state, every)
            if index == number:
                inside = look_inside(self.animator, frame, state)
                return self._drawn(inside, frame) if inside else None
            _, state = self.animator.step(frame, state)
        return None

    def _keep(self, index: int, state: AnimationState, every: int) -> None:
        """Beside every `every`-th the last one that was looked at, for the frames near it."""
        self.kept = {frame: kept for frame, kept in self.kept.items() if frame % every == 0}
        self.kept[index] = state

    def _frames(self, at: int) -> Iterator[Frame]:
        """The driver's frames from number `at` on, without reading those before."""
        if self.recording.points is None:
            yield from list(MotionReader(self.recording))[at:]
            return
        start = int(self.recording.pts[at]) * self.recording.time_base - self.recording.zero
        with VideoReader(self.driving, start=max(start, 0) if at else None) as reader:
            yield from reader

    def _drawn(self, inside: Inside, frame: Frame) -> Inside:
        """A motion has no picture: its landmarks are shown."""
        found = self.recording.sighting(frame.pts).landmarks
        if self.recording.points is not None or found is None:
            return inside
        return inside._replace(driving=within(wireframe(found.places), inside.side))
