"""Who renders next: one visitor at a time, in the order of arrival; each may stop or leave the queue."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from gfla.animate import InputError
from gfla.animate.errors import Cancelled

_EVERY = 0.2  # seconds between two looks at the queue


@dataclass(eq=False)
class Turn:
    """A render that waits or runs. name: of the tab that asked for it. cancel: set to leave the queue, or to
    stop the render and keep its finished frames."""

    name: str
    cancel: threading.Event = field(default_factory=threading.Event)


class Turns:
    """The queue; thread-safe. most: renders that may wait while one runs."""

    def __init__(self, most: int):
        self._most = most
        self._turns: list[Turn] = []
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """How many run or wait."""
        return len(self._turns)

    def enter(self, name: str) -> Turn:
        """A turn at the end of the queue. InputError if too many wait."""
        with self._changed:
            if len(self._turns) > self._most:
                raise InputError("The queue is full", f"{self._most} renders wait", "please try again later")
            self._turns.append(turn := Turn(name))
            return turn

    def leave(self, turn: Turn) -> None:
        """This render has ended, or does not want to wait any longer."""
        with self._changed:
            self._turns.remove(turn)
            self._changed.notify_all()

    def wait(self, turn: Turn) -> Iterator[int]:
        """Yields how many renders come before this one, several times a second; ends when there is none.
        Cancelled if `turn.cancel` was set before."""
        while True:
            with self._changed:
                before = self._turns.index(turn)
                if before and not turn.cancel.is_set():
                    self._changed.wait(_EVERY)
            if turn.cancel.is_set():
                raise Cancelled("Left the queue", "", "nothing was rendered")
            if not before:
                return
            yield before
