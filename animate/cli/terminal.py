"""Where a command runs: streams that are missing or full, names they cannot print, signals that end it."""

import codecs
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from ..errors import InputError
from ..io.stops import STOPS, StopSignal

_ERRORS = "gfla.printable"
_STANDARD = (
    (0, os.O_RDONLY),
    (1, os.O_RDONLY),
    (2, os.O_WRONLY),
)  # a result that nobody can take is an error


@contextmanager
def at_terminal() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP raise KeyboardInterrupt, messages that nobody can take are no error, and
    standard output that cannot be written is an InputError. Any path can be printed."""
    _open_missing()
    out, err = sys.stdout, sys.stderr
    results = out or os.fdopen(1, "w", closefd=False)
    _let_print(results)
    sys.stdout = _Checked(results)  # type: ignore[assignment]
    sys.stderr = _Forgiving(err or os.fdopen(2, "w", closefd=False))  # type: ignore[assignment]
    stop = StopSignal()
    before = _catch_stops(stop)
    try:
        yield
    finally:
        for number, handler in before.items():  # more may follow before the exit
            signal.signal(number, signal.SIG_IGN if stop.came else handler)
        sys.stdout, sys.stderr = out, err


def has_terminal() -> bool:
    """Whether stderr is a terminal that may be drawn on; NO_COLOR and TERM=dumb say that it is not."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return bool(not plain and sys.stderr and sys.stderr.isatty())


class _Stream:
    """A text stream; everything but writing goes to the stream itself."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _discard(self) -> None:
        """Let what is still buffered go nowhere, or the interpreter fails on it when it exits."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


class _Forgiving(_Stream):
    """Of messages: a pipe or terminal that is gone does not end the work."""

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            self._discard()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._discard()


class _Checked(_Stream):
    """Of results: what does not arrive is an InputError."""

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            raise self._failure(error) from None

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            raise self._failure(error) from None

    def _failure(self, error: OSError) -> InputError:
        self._discard()
        return InputError("standard output", f"cannot be written: {error.strerror}")


def _open_missing() -> None:
    """Open nothing in place of closed standard streams: the next file would take their number, and be written
    to by whatever writes messages there."""
    for number, flags in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)


def _let_print(stream: TextIO) -> None:
    """Let the stream print any path: bytes that are no text as they are, letters it lacks as escapes."""
    codecs.register_error(_ERRORS, _printable)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=_ERRORS)


def _printable(error: UnicodeError) -> tuple[bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    bad = error.object[error.start : error.end]
    escaped = b"".join(
        bytes([ord(letter) - 0xDC00])
        if 0xDC80 <= ord(letter) <= 0xDCFF  # how Python keeps such a byte of a path
        else letter.encode("ascii", "backslashreplace")
        for letter in bad
    )
    return escaped, error.end


def _catch_stops(handler: StopSignal) -> dict[int, Any]:
    """Handle `STOPS` where nobody does; returns the handlers of before. What ignores one (nohup) keeps it."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    free = [number for number in STOPS if signal.getsignal(number) is signal.SIG_DFL]
    return {number: signal.signal(number, handler) for number in free}
