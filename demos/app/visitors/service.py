"""What all tabs share: the one Animator, the visitors, the limits, and errors that are sentences."""

import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
from gfla.animate import Animator, InputError
from gfla.animate.video.memory import return_memory
from gfla.demos.app.ui.samples import make_samples
from gfla.demos.app.visitors.limits import Limits
from gfla.demos.app.visitors.session import Visit, Visits

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Service:
    """The animator and those who use it. folder: of this server alone, deleted with it."""

    animator: Animator
    folder: Path
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.visits = Visits(self.folder / "visits", self.cache)
        self.samples = make_samples(self.folder / "samples")

    @property
    def cache(self) -> Path:
        """Where gradio lays what visitors send and what it shows."""
        return self.folder / "cache"

    def visit(self, request: gr.Request) -> Visit:
        """The visitor who asks."""
        return self.visits.of(str(request.session_hash))

    @contextmanager
    def job(self, visit: Visit) -> Iterator[None]:
        """A run of this visitor: its files stay until it ends, and `visit.cancel` stops it."""
        visit.cancel.clear()
        self.visits.begin(visit)
        try:
            if visit.closed:
                visit.cancel.set()
            yield
        finally:
            self.visits.end(visit)
            return_memory()


def show_errors(function: Callable) -> Callable:
    """An event's function whose errors are shown as one sentence; what we did not foresee goes to the log."""

    def say(error: BaseException) -> gr.Error:
        if isinstance(error, gr.Error):
            return error
        if not isinstance(error, InputError):
            log.error("unforeseen", exc_info=error)
        return gr.Error(excuse(error), title="That did not work", print_exception=False)

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generator(*arguments: Any, **more: Any) -> Iterator:
            try:
                yield from function(*arguments, **more)
            except Exception as error:
                raise say(error) from None

        return generator

    @functools.wraps(function)
    def plain(*arguments: Any, **more: Any) -> Any:
        try:
            return function(*arguments, **more)
        except Exception as error:
            raise say(error) from None

    return plain


def excuse(error: BaseException) -> str:
    """What a visitor is told of an error."""
    if isinstance(error, InputError):
        return sentence(error)
    return "Something went wrong on our side; it is in the server's log. Please try again."


def sentence(error: BaseException) -> str:
    """An InputError for a visitor: the file's name without its folder."""
    words = str(error).split(" ")
    return " ".join(
        Path(word).name if word.startswith("/") and word.endswith(":") else word for word in words
    )
