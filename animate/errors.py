"""Errors and warnings as values with parts, so that nobody needs to parse their sentences."""

from collections.abc import Callable
from dataclasses import dataclass


def sentence(subject: str, reason: str = "", remedy: str = "") -> str:
    """One sentence: "subject: reason; remedy."

    >>> sentence("a.mp4", "the file exists", "pass --overwrite to replace it")
    'a.mp4: the file exists; pass --overwrite to replace it.'
    """
    text = ": ".join(part for part in (subject, reason) if part)
    return "; ".join(part for part in (text, remedy) if part).removesuffix(".") + "."


class InputError(ValueError):
    """Bad input: what the user gave cannot be used.

    subject: the file, option or place it is about, as the user gave it; reason: what is wrong with it;
    remedy: what to do. No part ends in a full stop or begins with a capital because it begins. `str` makes
    one sentence of them.
    """

    def __init__(self, subject: object, reason: str = "", remedy: str = ""):
        super().__init__(str(subject), reason, remedy)
        self.subject, self.reason, self.remedy = str(subject), reason, remedy

    def __str__(self) -> str:
        return sentence(self.subject, self.reason, self.remedy)

    def at(self, place: str) -> "InputError":
        """The same error with a `place` before its subject: the line of a manifest, say."""
        subject = f"{place}: {self.subject}" if place else self.subject
        return type(self)(subject, self.reason, self.remedy)


class Cancelled(InputError):  # noqa: N818
    """The caller's own cancel ended the work before there was anything to keep."""


@dataclass(frozen=True)
class InputWarning:
    """What the user should know about a result; the parts are those of an `InputError`."""

    subject: str
    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        return sentence(self.subject, self.reason, self.remedy)


Warn = Callable[[InputWarning], object]
"""Called with each warning when it is found."""


def ignore(_: InputWarning) -> None:
    """A `Warn` for callers that do not ask for warnings."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C ended the work; the message says what is left of it. result: what was finished until then."""

    def __init__(self, message: str, result: object = None):
        super().__init__(message)
        self.result = result
