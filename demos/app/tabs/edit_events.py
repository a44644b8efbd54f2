"""What happens in the tab Edit: the portrait encoded once, then one frame for every touch of a slider."""

import shlex
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gfla.animate import AnimationState, Animator, InputError
from gfla.animate.face.crop import FaceSquare
from gfla.animate.io.image import write_image
from gfla.animate.motion.controls import CONTROLS, check_control, key_frames
from gfla.animate.motion.recording import MotionReader, recorded
from gfla.animate.streaming.provenance import tag
from gfla.animate.video import Frame
from gfla.demos.app.render.player import run
from gfla.demos.app.render.render import Order
from gfla.demos.app.render.workspace import desk_of
from gfla.demos.app.tabs.animate import Sent, named
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.images import Image, as_source, within
from gfla.demos.app.visitors.service import Service, show_errors
from gfla.demos.app.visitors.uploads import check_portrait

Values = dict[str, float]

EMPTY = "Choose a portrait; it follows the sliders."
_VIEW = 640  # pixels of the view's longer side
_AROUND = 1.9  # of the face's square: what of the photograph is in view
_LONGEST = 30.0  # seconds of a film by key frames


@dataclass(eq=False)
class Edit:
    """What a visitor edits. name: what the visitor calls the portrait. view: the face and what is around
    it, encoded. keys: {seconds: values}."""

    portrait: Path
    name: str
    view: AnimationState
    keys: dict[Fraction, Values] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Editing:
    """The events' functions; `service` holds all that they keep."""

    def __init__(self, service: Service):
        self.service = service
        self.open, self.draw, self.save = (
            show_errors(self._open),
            show_errors(self._draw),
            show_errors(self._save),
        )
        self.add_key, self.clear_keys = show_errors(self._add_key), show_errors(self._clear_keys)
        self.film = show_errors(self._film)

    def _open(self, request: gr.Request, portrait: Sent, *values: float) -> tuple[str, str]:
        """The view of another portrait and the command, or nothing of none."""
        visit = self.service.visit(request)
        if not portrait:
            visit.kept.pop("edit", None)
            return "", ""
        path = check_portrait(visit.sent(portrait), self.service.limits)
        edit = visit.kept.get("edit")
        if edit is None or edit.portrait != path:
            whole = desk_of(visit).prepared(self.service.animator, path)
            edit = visit.kept["edit"] = Edit(
                path, named(portrait, path.name), close_view(self.service.animator, whole)
            )
        return self._shown(edit, values)

    def _draw(self, request: gr.Request, *values: float) -> tuple[Any, Any]:
        """The view and the command after a slider was moved."""
        edit = self.service.visit(request).kept.get("edit")
        return self._shown(edit, values) if edit else (gr.skip(), gr.skip())

    def _shown(self, edit: Edit, values: tuple[float, ...]) -> tuple[str, str]:
        changes = changed(values)
        with edit.lock:
            image = draw(self.service.animator, edit.view, changes).image
        return as_source(image, 90), command(edit.name, changes, edit.keys)

    def _save(self, request: gr.Request, *values: float) -> str:
        """Where the whole photograph, so edited, lies as a PNG."""
        visit = self.service.visit(request)
        edit = self._edit(visit.kept)
        whole = desk_of(visit).prepared(self.service.animator, edit.portrait)
        frame = draw(self.service.animator, whole, changed(values))
        path = visit.folder / f"{edit.portrait.stem[:80]}-edited.png"
        write_image(frame.pixels, path, tag(self.service.animator.name))
        return widgets.saved(visit.give(path), path.name)

    def _add_key(self, request: gr.Request, at: float | None, *values: float) -> tuple[str, float, str]:
        """The list of key frames with this one, the next's time, and the command."""
        edit = self._edit(self.service.visit(request).kept)
        if at is None or not 0 <= at <= _LONGEST:
            raise InputError(f"A key frame lies between 0 and {_LONGEST:g} seconds; say when.")
        changes = changed(values)
        edit.keys[Fraction(str(round(at, 2)))] = dict.fromkeys(CONTROLS, 0.0) | changes
        line = command(edit.name, changes, edit.keys)
        return keys_list(edit.keys), min(float(max(edit.keys)) + 1, _LONGEST), line

    def _clear_keys(self, request: gr.Request, *values: float) -> tuple[str, float, str]:
        """The same of none."""
        edit = self.service.visit(request).kept.get("edit")
        if edit is None:
            return keys_list({}), 0.0, ""
        edit.keys.clear()
        return keys_list({}), 0.0, command(edit.name, changed(values), {})

    def _film(self, request: gr.Request) -> Iterator[tuple[Any, Any]]:
        """Yields the player's film by the key frames and the progress."""
        visit = self.service.visit(request)
        edit = self._edit(visit.kept)
        if len(edit.keys) < 2:
            raise InputError("Add two key frames at least: move the sliders, then Add, for each of them.")
        recording = recorded(key_frames(edit.keys), "edit")
        order = Order(edit.portrait, "edit", {})
        name = f"{edit.portrait.stem[:80]}-edited.mp4"
        with self.service.job(visit):
            yield from run(self.service.animator, visit, order, name, recording)

    def _edit(self, kept: Mapping[str, Any]) -> Edit:
        edit = kept.get("edit")
        if edit is None:
            raise InputError("Choose a portrait first.")
        return edit


def changed(values: tuple[float, ...]) -> Values:
    """The controls that are not at rest; one whose box was emptied is. InputError for what makes no sense."""
    found = {name: float(value) for name, value in zip(CONTROLS, values, strict=True) if value}
    for name, value in found.items():
        check_control(name, value)
    return found


def close_view(animator: Animator, whole: AnimationState) -> AnimationState:
    """The face of a prepared portrait and what is around it, as a portrait of its own of a size that can be
    drawn at once."""
    image, square = whole.portrait.image, whole.portrait.square
    return animator.prepare(within(around(image, square), _VIEW))


def around(image: Image, square: FaceSquare) -> Image:
    """What of a picture lies in the square grown about its middle."""
    more = round(square.side * (_AROUND - 1) / 2)
    top, left = max(square.y - more, 0), max(square.x - more, 0)
    return image[top : square.y + square.side + more, left : square.x + square.side + more]


def draw(animator: Animator, state: AnimationState, values: Values) -> Frame:
    """The portrait so changed."""
    still = values or {"yaw": 0.0}
    recording = recorded({name: np.array([value]) for name, value in still.items()}, "edit")
    (frame,) = animator.animate(animator.follow(state, recording), MotionReader(recording))
    return frame


def command(portrait: str, values: Values, keys: Mapping[Fraction, Values]) -> str:
    """The gfla-edit line that makes the same."""
    words = ["gfla-edit", portrait]
    if len(keys) > 1:
        for at in sorted(keys):
            settings = ",".join(f"{name}={value:g}" for name, value in keys[at].items() if value) or "yaw=0"
            words += ["--key", f"{float(at):g}:{settings}"]
        return shlex.join([*words, "-o", "out.mp4"])
    for name, value in values.items():
        words += [f"--{name.replace('_', '-')}", f"{value:g}"]
    return shlex.join([*words, "-o", "out.png"])


def keys_list(keys: Mapping[Fraction, Values]) -> str:
    """The key frames for the page."""
    if not keys:
        return markup.quiet("None yet: move the sliders, then add what you see, once for each moment.")
    rows = []
    for at in sorted(keys):
        named = (f"{name.replace('_', ' ')} {value:g}" for name, value in keys[at].items() if value)
        rows.append((f"{float(at):g} s", ", ".join(named) or "as in the portrait"))
    return markup.table(("Moment", "What"), rows)
