"""The page's own widgets: sample picker, player, image view, download; each has its script beside it."""

import json
import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gfla.animate import InputError
from gfla.demos.app.ui.markup import hint
from gfla.demos.app.ui.samples import Sample, Samples

Box = Sequence[float]
"""Left, top, right, bottom, as fractions of a picture."""


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
    address: str | None,
    *,
    growing: bool = False,
    plays: bool = True,
    name: str = "",
    label: str = "The animated portrait",
) -> str:
    """What a player shows.

    address: of the video, None for nothing. growing: it is still being made. plays: it begins by itself; a
    growing one that does not shows its newest frame. name: of the file to download. label: for screen
    readers.
    """
    told = {"address": address, "growing": growing, "plays": plays, "name": name, "label": label}
    return json.dumps(told)


def frame(**more: Any) -> gr.HTML:
    """A picture in which a face is clicked and a part framed; the value is from `frame_value`, and the event
    `pick` says that the visitor changed it."""
    corners = "".join(f'<i data-corner="{corner}"></i>' for corner in ("nw", "ne", "sw", "se"))
    return scripted(
        '<div class="frame" hidden><div class="picture"><img data-frame="image" alt="What was chosen">'
        f'<div data-frame="faces"></div><div data-frame="box" tabindex="0" role="group" hidden aria-label='
        f'"The part that is used: arrow keys move it, with Shift they resize it">{corners}</div></div>'
        '<p class="consent" data-frame="several">Several faces: click the one to take.</p>'
        '<label data-frame="switch"><input type="checkbox" data-frame="crop"> Use a part only</label></div>',
        "frame",
        **more,
    )


def frame_value(source: str, faces: Sequence[Box], *, crops: bool = False) -> str:
    """The picture, an <img>'s src, the faces in it from the left, and whether a part of it may be chosen."""
    boxes = [[round(at, 4) for at in box] for box in faces]
    return json.dumps({"src": source, "faces": boxes, "face": None, "crop": None, "crops": crops})


def read_frame(value: str | None) -> tuple[int | None, Box | None]:
    """What was chosen: a face's number from the left, counted from 1 in the part that was framed; the part.
    Both None for nothing. InputError for what the widget never sends."""
    if not value:
        return None, None
    try:
        told = json.loads(value)
        faces, face, crop = told["faces"], told["face"], told["crop"]
        if crop is not None:
            left, top, right, bottom = crop = tuple(float(at) for at in crop)
            if not (0 <= left < right <= 1.0001 and 0 <= top < bottom <= 1.0001):
                raise ValueError
        if face is None:
            return None, crop
        inside = [number for number, box in enumerate(faces) if crop is None or _holds(crop, box)]
        return (inside.index(face) + 1 if face in inside else None), crop
    except (ValueError, TypeError, KeyError):
        raise InputError("picture", "this choice of a face or part is unreadable", "choose again") from None


def _holds(crop: Box, box: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return crop[0] <= x <= crop[2] and crop[1] <= y <= crop[3]


def trim(**more: Any) -> gr.HTML:
    """Two handles for the part of a video that is used; the value is from `trim_value`, and the event `pick`
    says that the visitor moved one."""
    handles = "".join(
        f'<input type="range" min="0" step="0.1" data-trim="{end}" aria-label="{label}">'
        for end, label in (("start", "Beginning of the part"), ("end", "End of the part"))
    )
    return scripted(
        '<div class="trim" hidden><p class="consent" data-trim="said"></p>'
        f'<div class="handles" data-trim="track">{handles}</div>'
        '<p class="wrong" data-trim="limit" hidden></p></div>',
        "trim",
        **more,
    )


def trim_value(length: float, most: float) -> str:
    """All of a driver of that length, seconds; its beginning if that is longer than `most`."""
    length = math.ceil(10 * length) / 10
    return json.dumps({"length": length, "start": 0, "end": min(length, most), "most": most})


def read_trim(value: str | None) -> tuple[float | None, float | None]:
    """Start and end of the part, seconds; None for the driver's own. InputError for what the widget never
    sends."""
    if not value:
        return None, None
    try:
        part = json.loads(value)
        start, end, length = (float(part[name]) for name in ("start", "end", "length"))
    except (ValueError, TypeError, KeyError):
        raise InputError("driving", "this part of it is unreadable", "choose it again") from None
    return (start if start > 0 else None), (end if end < length else None)


def results(**more: Any) -> gr.HTML:
    """The results of a visit in a strip; the value is from `results_value`; the event `pick` carries the name
    of the one to show."""
    return scripted(
        '<div class="results" hidden><div class="line"><h3>Your results</h3>'
        '<button type="button" data-results="compare" aria-pressed="false">Compare two</button>'
        '<span class="consent" data-results="said" role="status"></span></div>'
        '<div class="picks" data-results="strip" role="group" aria-label="Your results"></div>'
        '<div data-results="stage"></div></div>',
        "results",
        **more,
    )


def results_value(entries: Iterable[dict[str, Any]]) -> str:
    """Entries: name, label, thumb (an <img>'s src), address, shown (whether the player has it)."""
    return json.dumps(list(entries))


def showcase(samples: Samples, **more: Any) -> gr.HTML:
    """Finished results; the event `pick` carries the portrait and the driver of one to be made like it."""
    shown = "".join(
        f'<figure class="shown" data-portrait="{escape(portrait)}" data-driver="{escape(driver)}">'
        f'<video src="gfla/showcase/{file}" muted loop playsinline preload="metadata" tabindex="0" '
        f'aria-label="{escape(portrait)}, moved by: {escape(driver)}"></video>'
        f"<figcaption><span>{escape(portrait)} · {escape(driver)}</span>"
        '<button type="button">Make one like it</button></figcaption></figure>'
        for portrait, driver, file in samples.showcase
    )
    told = "<p>A portrait moves like the person in a video.<small>Point at one to see it move.</small></p>"
    return scripted(f'<div class="showcase">{told}{shown}</div>', "showcase", **more)


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
    """HTML with the script `script`.js of the folder `scripts`."""
    text = (Path(__file__).parent / "scripts" / f"{script}.js").read_text()
    value = more.pop("value", "")
    return gr.HTML(value, html_template=template, js_on_load=text, apply_default_css=False, **more)
