"""Stages on threads with short queues between them, because decoding, network and encoding can run at once.

The slowest stage sets the pace; a queue holds a few frames at most, so memory does not grow with time.
"""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NamedTuple, TypeVar

from ..networks import Networks
from ..stages import Stages
from ..state import AnimationState

T = TypeVar("T")
DEPTH = 3  # items between two stages: enough to even out their pace, and few


class Stage(NamedTuple):
    """A name and what is done to each item, always by one thread and in order, so it may keep state."""

    name: str
    work: Callable[[Any], Any]


@dataclass
class StageStats:
    """What one stage did: items, seconds of work, and the mean number of items that waited before it."""

    name: str
    items: int = 0
    seconds: float = 0.0
    depth: float = 0.0


@dataclass(frozen=True)
class StreamStats:
    """A stream's account: its stages in order, seconds from first to last, peak resident memory in bytes."""

    stages: tuple[StageStats, ...]
    seconds: float
    memory: int

    @property
    def slowest(self) -> StageStats:
        """The stage that sets the pace: all others wait for it."""
        return max(self.stages, key=lambda stage: stage.seconds)

    def __str__(self) -> str:
        """The table of `--stats`: a line a stage and what it says in all."""
        lines = [f"{'stage':10}{'seconds':>9}{'ms/frame':>10}{'busy':>7}{'queue':>7}"]
        for stage in self.stages:
            each, busy = stage.seconds / max(stage.items, 1), stage.seconds / max(self.seconds, 1e-9)
            lines.append(
                f"{stage.name:10}{stage.seconds:9.2f}{each * 1000:10.1f}{busy:7.0%}{stage.depth:7.1f}"
            )
        count = self.stages[-1].items
        rate = count / max(self.seconds, 1e-9)
        lines.append(f"{count} frames in {self.seconds:.2f} s: {rate:.1f} frames/s")
        lines.append(f"the slowest stage is {self.slowest.name}; peak memory {self.memory / 2**20:.0f} MiB")
        return "\n".join(lines)


class Stream(Generic[T]):
    """What comes out of the last stage, in order; iterate over it inside `with`.

    source: read on a thread of its own, as the stage `first`. describe: names an item in the note that an
    error gets: which stage failed, and at which item. cancel: asked before each item of the source; True ends
    the source, and what is under way still comes out. drop_before: what has then not come to this stage is
    dropped instead. An error in any stage is raised in the loop over the stream.
    complete: whether the source came to its own end.
    """

    def __init__(
        self,
        source: Iterable[Any],
        stages: Sequence[Stage],
        *,
        first: str = "decode",
        describe: Callable[[Any], str] = str,
        cancel: Callable[[], bool] | None = None,
        drop_before: str | None = None,
    ):
        self._source, self._describe, self._cancel = source, describe, cancel
        names = [stage.name for stage in stages]
        self._droppable = names.index(drop_before) if drop_before else 0  # stages before this one
        self._channels = [_Channel() for _ in range(len(stages) + 1)]
        self._counts = [StageStats(first), *(StageStats(stage.name) for stage in stages)]
        self._stopped = threading.Event()
        self.complete = False
        self._error: BaseException | None = None
        self._failing = threading.Lock()
        self._began = self._ended = time.perf_counter()
        self._threads = [threading.Thread(target=self._read, name=first, daemon=True)]
        for index, stage in enumerate(stages):
            arguments = (stage, index)
            self._threads.append(
                threading.Thread(target=self._run, args=arguments, name=stage.name, daemon=True)
            )

    def __enter__(self) -> "Stream[T]":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give up what is under way and wait until no stage works any more."""
        self.stop()
        for channel in self._channels:
            channel.close()
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[T]:
        """May be left and entered again: nothing is lost between."""
        while (item := self._channels[-1].get()) is not _END:
            self._ended = time.perf_counter()
            yield item
        if self._error is not None:
            raise self._error

    def run(self, take: Callable[[T], object]) -> bool:
        """Give every item to `take`. After Ctrl-C the source ends, what is under way is still taken as after
        `cancel`, and the answer is True."""
        try:
            for item in self:
                take(item)
        except KeyboardInterrupt:
            self.stop()
            for item in self:
                take(item)
            return True
        return False

    def stop(self) -> None:
        """End the source after the item that it is reading; see `drop_before`."""
        self._stopped.set()

    @property
    def stats(self) -> StreamStats:
        """The account so far."""
        for count, channel in zip(self._counts[1:], self._channels, strict=False):
            count.depth = channel.depth
        return StreamStats(tuple(self._counts), self._ended - self._began, peak_memory())

    def _read(self) -> None:
        count, out = self._counts[0], self._channels[0]
        last: Any = None
        try:
            items = iter(self._source)
            while not self._stopped.is_set():
                if self._cancel and self._cancel():
                    self.stop()
                    break
                began = time.perf_counter()
                try:
                    last = next(items)
                except StopIteration:
                    self.complete = True
                    break
                count.seconds += time.perf_counter() - began
                count.items += 1
                if not out.put(last):
                    return
            out.finish()
        except BaseException as error:
            self._fail(error, f"{count.name}, after {self._name(last)}" if count.items else count.name)

    def _run(self, stage: Stage, index: int) -> None:
        count, inlet, out = self._counts[index + 1], self._channels[index], self._channels[index + 1]
        item: Any = None
        try:
            while (item := inlet.get()) is not _END:
                if index < self._droppable and self._stopped.is_set():
                    continue
                began = time.perf_counter()
                done = stage.work(item)
                count.seconds += time.perf_counter() - began
                count.items += 1
                if not out.put(done):
                    return
            out.finish()
        except BaseException as error:
            self._fail(error, f"{stage.name}, at {self._name(item)}")

    def _name(self, item: Any) -> str:
        return "its beginning" if item is None else self._describe(item)

    def _fail(self, error: BaseException, where: str) -> None:
        with self._failing:
            if self._error is None:
                error.add_note(f"stage {where}")
                self._error = error
        for channel in self._channels:
            channel.close()


def peak_memory() -> int:
    """The most memory, in bytes, that this process has held at once."""
    import resource  # not there on Windows, where nobody else needs it

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


_END = object()


@dataclass
class _Channel:
    """A short queue that can be finished (what is in it still comes) or closed (nothing does)."""

    items: deque[Any] = field(default_factory=deque)
    changed: threading.Condition = field(default_factory=threading.Condition)
    finished: bool = False
    closed: bool = False
    taken: int = 0
    waiting: int = 0  # items found waiting, summed over all that were taken

    @property
    def depth(self) -> float:
        return self.waiting / max(self.taken, 1)

    def put(self, item: Any) -> bool:
        """Wait for room; False if nobody will take it any more."""
        with self.changed:
            self.changed.wait_for(lambda: self.closed or len(self.items) < DEPTH)
            if self.closed:
                return False
            self.items.append(item)
            self.changed.notify_all()
            return True

    def get(self) -> Any:
        """The next item, or _END."""
        with self.changed:
            self.changed.wait_for(lambda: self.closed or self.finished or self.items)
            if self.closed or not self.items:
                return _END
            self.taken += 1
            self.waiting += len(self.items)
            item = self.items.popleft()
            self.changed.notify_all()
            return item

    def finish(self) -> None:
        with self.changed:
            self.finished = True
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.items.clear()
            self.changed.notify_all()


class ThreadedStep:
    """`Animator.step` as stages of a `Stream` of `Pair`s: the same pictures, bit for bit.

    Each stage keeps its own state, which no other thread touches. On CUDA all threads give their work to the
    one default stream, which does it in the order in which it comes: what a stage hands on is in that order
    too, so none has to wait, and a stage's seconds there are those of giving the work, not of doing it.
    """

    def __init__(self, networks: Networks, state: AnimationState):
        self._begin = state
        step = Stages.of(networks, state)
        self._track = _Keeping(step.track, state.tracking)
        self._retarget = _Keeping(step.retarget, state.motion)
        self._generate = _Keeping(step.generate, state.memory)
        self._finish = _Keeping(step.finish, state.drawing)
        self.stages = [
            Stage("track", self._track),
            Stage("retarget", self._retarget),
            Stage("look_ahead", step.look_ahead),
            Stage("generate", self._generate),
            Stage("close_up", step.close_up),
            Stage("finish", self._finish),
            Stage("compose", step.compose),
        ]

    @property
    def state(self) -> AnimationState:
        """The state after the last frame; ask only when no frame is under way."""
        return replace(
            self._begin,
            tracking=self._track.state,
            motion=self._retarget.state,
            memory=self._generate.state,
            drawing=self._finish.state,
        )


class _Keeping:
    """A stage with its state, called with one item after the other."""

    def __init__(self, stage: Callable[[Any, Any], tuple[Any, Any]], state: Any):
        self._stage, self.state = stage, state

    def __call__(self, item: Any) -> Any:
        item, self.state = self._stage(item, self.state)
        return item
