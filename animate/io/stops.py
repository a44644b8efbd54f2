"""Signals that end a command: as Ctrl-C does, once if several come together, never while a file is closed."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that end a command as Ctrl-C does."""
_TOGETHER = 1.0  # seconds: a terminal that closes, or a service that stops, sends several of them


class StopSignal:
    """A signal's handler that raises KeyboardInterrupt; of several that come together only for the first.

    came: whether there was one.
    """

    def __init__(self) -> None:
        self._last = -_TOGETHER
        self.came = False

    def is_repeated(self) -> bool:
        """Note a signal; whether it came together with the one before."""
        now = time.monotonic()
        before, self._last, self.came = self._last, now, True
        return now - before < _TOGETHER

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.is_repeated():
            raise KeyboardInterrupt


@contextmanager
def hold_stops() -> Iterator[None]:
    """Inside, the first signal that would end the work does nothing: what is nearly whole gets finished. A
    second one ends it. Signals that nobody handles, and threads beside the main one, are left alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stop = StopSignal()

    def note(number: int, frame: FrameType | None) -> None:
        late = stop.came
        if not stop.is_repeated() and late:
            raise KeyboardInterrupt

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, *STOPS)}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number in handlers:
            signal.signal(number, note)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
