"""Progress for logs and pipes: a plain line every few seconds, without any control character."""

import sys
import time

from ..io.timecode import clock

EVERY = 5.0
"""Seconds from line to line."""


class ProgressLines:
    """Lines on stderr: frames done, their rate and the time to go. name: before each line."""

    def __init__(self, name: str = "") -> None:
        self._name = f"{name}: " if name else ""
        self._began = self._said = time.monotonic()
        self._done, self._expected = 0, None
        self._last: int | None = None

    def __call__(self, done: int, expected: int | None) -> None:
        self._done, self._expected = done, expected
        if time.monotonic() - self._said >= EVERY:
            self._say()

    def close(self) -> None:
        """The last line, unless it was said already."""
        if self._last != self._done:
            self._say()

    def _say(self) -> None:
        self._said, self._last = time.monotonic(), self._done
        rate = self._done / max(self._said - self._began, 1e-6)
        whole = f"/{self._expected}" if self._expected else ""
        left = ""
        if self._expected and self._expected > self._done and rate:
            left = f", {clock((self._expected - self._done) / rate).partition('.')[0]} left"
        print(f"{self._name}{self._done}{whole} frames, {rate:.1f} frames/s{left}", file=sys.stderr)
