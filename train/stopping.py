"""Ctrl-C while training: the sample under way is ended first, so that a run is kept where it can go on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def patience(*, alone: bool) -> Iterator[Callable[[], bool]]:
    """Inside, the first Ctrl-C is noted alone, as the function says that is yielded; the second stops at
    once. Of a group, not `alone`, nobody waits: the others would for whom had stopped."""
    asked = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    ours = alone and before is signal.default_int_handler
    ours = ours and threading.current_thread() is threading.main_thread()

    def note(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        asked.set()
        os.write(2, b"\nStopping after this sample; Ctrl-C again stops at once.\n")  # print may be under way

    if ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield asked.is_set
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)
