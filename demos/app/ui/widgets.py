"""The page's own live pieces: things to pick, the player, the view, the saver; the scripts are beside it."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gfla.demos.app.ui.markup import hint
from gfla.demos.app.ui.samples import Sample


def picks(samples: Sequence[Sample], label: str, **more: Any) -> gr.HTML:
    """Pictures to pick one of, as buttons. The value is the name of one, the event `pick` carries it."""
    buttons = "".join(
        f'<button type="button" class="pick" data-name="{escape(each.name)}" aria-pressed="false">'
        f'<img src="{each.thumb}" alt=""><span>{escape(each.name)}</span></button>'
        for each in samples
    )
    return live(
        f'<div class="picks" role="group" aria-label="{escape(label)}">{buttons}</div>', "picks", **more
    )


def player(**more: Any) -> gr.HTML:
    """A video; the value is of `film`."""
    return live('<div class="player"></div>', "player", **more)


def film(address: str | None, *, making: bool = False, name: str = "", label: str = "") -> str:
    """What a player shows. address: of the video, None for nothing. making: it is still growing. name: of the
    file to save it as. label: what a screen reader says."""
    label = label or "The animated portrait"
    return json.dumps({"address": address, "making": making, "name": name, "label": label})


def view(empty: str, **more: Any) -> gr.HTML:
    """A picture that changes without a flicker; the value is an <img>'s src. empty: said until then."""
    return live(f'<div class="view">{hint(empty)}</div>', "view", **more)


def saver(**more: Any) -> gr.HTML:
    """Saves a file on the visitor's side; the value is of `saved`."""
    return live('<p class="note saver" role="status"></p>', "saver", **more)


def saved(address: str, name: str) -> str:
    """What a saver is to save."""
    return json.dumps({"address": address, "name": name})


def live(template: str, script: str, **more: Any) -> gr.HTML:
    """HTML with the script of that name."""
    text = (Path(__file__).parent / f"{script}.js").read_text()
    return gr.HTML("", html_template=template, js_on_load=text, apply_default_css=False, **more)
