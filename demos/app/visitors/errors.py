"""Errors as a visitor reads them: one sentence, and file names without our folders."""

import functools
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gfla.animate.errors import InputError, InputWarning, sentence
from gfla.demos.app.ui.markup import wrong

log = logging.getLogger(__name__)


def note_errors(outputs: int) -> Callable[[Callable], Callable]:
    """For the function of an event with so many outputs and one more, a note below what caused the error: it
    is the error's sentence until the event succeeds. The other outputs then keep their values."""

    def values(given: Any) -> tuple:
        return (*(given if outputs > 1 else (given,)), "")

    def failed(error: Exception) -> tuple:
        _log(error)
        return (*(gr.skip() for _ in range(outputs)), wrong(message_of(error)))

    def wrap(function: Callable) -> Callable:
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generator(*arguments: Any, **more: Any) -> Iterator:
                try:
                    for given in function(*arguments, **more):
                        yield values(given)
                except Exception as error:
                    yield failed(error)

            return generator

        @functools.wraps(function)
        def plain(*arguments: Any, **more: Any) -> Any:
            try:
                return values(function(*arguments, **more))
            except Exception as error:
                return failed(error)

        return plain

    return wrap


def show_errors(function: Callable) -> Callable:
    """The function of a program's endpoint, its errors told as one sentence; unforeseen ones are logged."""

    def shown(error: Exception) -> gr.Error:
        if isinstance(error, gr.Error):
            return error
        _log(error)
        return gr.Error(message_of(error), title="That did not work", print_exception=False)

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generator(*arguments: Any, **more: Any) -> Iterator:
            try:
                yield from function(*arguments, **more)
            except Exception as error:
                raise shown(error) from None

        return generator

    @functools.wraps(function)
    def plain(*arguments: Any, **more: Any) -> Any:
        try:
            return function(*arguments, **more)
        except Exception as error:
            raise shown(error) from None

    return plain


def _log(error: Exception) -> None:
    if not isinstance(error, InputError):
        log.error("unforeseen", exc_info=error)


def message_of(error: Exception | InputWarning, names: Mapping[str, str] | None = None) -> str:
    """The sentence for a visitor: of an InputError or a warning its parts, a file by its name without the
    folder, or as `names` has it by our path, which some errors name without its folder."""
    if not isinstance(error, InputError | InputWarning):
        return "Something went wrong on the server; its log says what. Please try again."
    path, names = Path(error.subject), dict(names or {})
    name = path.name if path.is_absolute() else error.subject
    shown = {Path(ours).name: theirs for ours, theirs in names.items()} | names
    subject = shown.get(error.subject) or shown.get(name) or name
    return sentence(subject, error.reason, error.remedy)
