"""The page's own widgets: sample picker, player, image view, download; each has its script beside it."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gfla.demos.app.ui.markup import hint
from gfla.demos.app.ui.samples import Sample


def picks(samples: Sequence[Sample], label: str, **more: Any) -> gr.HTML:
    """Samples as buttons. The value is the picked one's name, which the event `pick` carries too."""
    buttons = "".join(
        f'<button type="button" class="pick" data-name="{escape(each.name)}" aria-pressed="false">'
        f'<img src="{each.thumb}" alt=""><span>{escape(each.name)}</span></button>'
        for each in samples
    )
    return scripted(
        f'<div class="picks" role="group" aria-label="{escape(label)}">{buttons}</div>', "picks", **more
    )


def player(**more: Any) -> gr.HTML:
    """A video; the value is from `player_value`."""
    return scripted('<div class="player"></div>', "player", **more)


def player_value(
    address: str | None, *, growing: bool = False, name: str = "", label: str = "The animated portrait"
) -> str:
    """What a player shows.

    address: of the video, None for nothing. growing: it is still being made. name: of the file to download.
    label: for screen readers.
    """
    return json.dumps({"address": address, "growing": growing, "name": name, "label": label})


def view(empty: str, **more: Any) -> gr.HTML:
    """A picture that changes without flicker; the value is an <img>'s src. empty: shown without one."""
    return scripted(f'<div class="view">{hint(empty)}</div>', "view", **more)


def saver(**more: Any) -> gr.HTML:
    """Downloads a file to the visitor's side; the value is from `saver_value`."""
    return scripted('<p class="note saver" role="status"></p>', "saver", **more)


def saver_value(address: str, name: str) -> str:
    """The file that a saver downloads next."""
    return json.dumps({"address": address, "name": name})


def scripted(template: str, script: str, **more: Any) -> gr.HTML:
    """HTML with the script `script`.js of this folder."""
    text = (Path(__file__).parent / f"{script}.js").read_text()
    return gr.HTML("", html_template=template, js_on_load=text, apply_default_css=False, **more)
