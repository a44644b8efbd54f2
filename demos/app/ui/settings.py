"""The options of a render as controls on the page, as a command line, and as a program sends them.

Controls are made from the options' declarations; this file only chooses which are shown.
"""

import shlex
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import groupby
from typing import Any

import gradio as gr
from gfla.animate import InputError
from gfla.animate.declare import Option, command_arguments, list_options, make_options, read_texts
from gfla.animate.options import PARTS, AnimateOptions
from gradio.components import Component

DECLARED = {option.flag: (option, default) for option, default in list_options(AnimateOptions)}
"""Every option with its default, by flag."""
SETTINGS = (
    "motion",
    "only",
    *PARTS,
    "smoothing",
    "detail",
    "no-face",
    "source-motion",
    "quality",
    "max-side",
    "crop-only",
    "label",
)
"""Options with a control in the tab Animate, by flag."""
BATCH_SETTINGS = ("crop-only", "label")
"""Options with a control in the tab Batch."""
_OWN = ("overwrite", "codec", "sidecar")  # of the output file, which is the app's
ALLOWED = {flag: option for flag, (option, _) in DECLARED.items() if flag not in _OWN}
"""What a visitor's manifest may set: none of them names a file or a device."""


def build_controls(flags: Sequence[str] = SETTINGS) -> list[Any]:
    """A control for each option, in this order; the gains are folded away."""
    controls: list[Any] = []
    for gains, some in groupby(flags, PARTS.__contains__):
        with _folded() if gains else nullcontext():
            controls += [_control(*DECLARED[flag]) for flag in some]
    return controls


def _folded() -> gr.Accordion:
    return gr.Accordion("Strength of each part", open=False, elem_classes="plain")


def default_values(flags: Sequence[str] = SETTINGS) -> list[Any]:
    """The controls' initial values."""
    return [list(PARTS) if flag == "only" else DECLARED[flag][1] for flag in flags]


def read_controls(values: Sequence[Any], flags: Sequence[str] = SETTINGS) -> AnimateOptions:
    """The options that these controls ask for. InputError for what no control gives but a client may send."""
    given = {flag: _value(DECLARED[flag][0], value) for flag, value in zip(flags, values, strict=True)}
    return make_options(AnimateOptions, given)


def restore_values(stored: Any) -> list[Any]:
    """The controls' values from a browser's storage, by flag; the defaults if they are no longer valid."""
    stored = stored if isinstance(stored, dict) else {}
    values = [stored.get(flag, default) for flag, default in zip(SETTINGS, default_values(), strict=True)]
    try:
        read_controls(values)
    except (InputError, TypeError):
        return default_values()
    return values


def read_sent(sent: Mapping[str, Any], allowed: Mapping[str, Option] = ALLOWED) -> AnimateOptions:
    """The options that a program asks for, by flag. InputError, naming the flag, for what cannot be read or
    is not allowed."""
    texts = {
        str(name): ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in sent.items()
    }
    return make_options(AnimateOptions, read_texts(texts, allowed))


def command(options: AnimateOptions, portrait: str, driving: str) -> str:
    """The gfla-animate command that makes the same."""
    return shlex.join(["gfla-animate", portrait, driving, "-o", "out.mp4", *command_arguments(options)])


def _control(option: Option, default: Any) -> Component:
    label = option.caption or option.flag.capitalize()
    if option.kind == "flag":
        return gr.Checkbox(default, label=label)
    if option.kind == "parts":
        return gr.CheckboxGroup([(part.capitalize(), part) for part in PARTS], value=list(PARTS), label=label)
    if option.kind == "choice":
        choices = [(choice.capitalize(), choice) for choice in option.choices]
        return gr.Radio(choices, value=default, label=label, info=option.help)
    if option.kind == "count":
        return gr.Number(default, label=label, info=option.help, minimum=option.least, precision=0)
    info = None if option.flag in PARTS else option.help
    return gr.Slider(option.least, option.most, default, step=0.05, label=label, info=info)


def _value(option: Option, value: Any) -> Any:
    """A control's value as the option's."""
    if option.kind == "parts":
        return None if set(value) >= set(PARTS) else tuple(value)
    if option.kind == "number" and not isinstance(value, int | float):  # an emptied box
        raise InputError(option.flag, "not a number", "give a number")
    if option.kind == "count":
        if value is not None and not isinstance(value, int | float):
            raise InputError(option.flag, "not a number", "give a number")
        return None if value is None else int(value)
    if option.kind == "flag" and not isinstance(value, bool):
        raise InputError(option.flag, "neither true nor false", "give one of them")
    return value
