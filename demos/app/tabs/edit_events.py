"""The events of the tab Edit: the portrait is encoded once, then each move of a slider draws one frame."""

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
from gfla.animate.motion.recording import MotionReader, motion_of_curves
from gfla.animate.streaming.provenance import tag
from gfla.animate.video import Frame
from gfla.demos.app.render.player import play_render
from gfla.demos.app.render.render import RenderRequest
from gfla.demos.app.render.workspace import workspace_of
from gfla.demos.app.ui import markup
from gfla.demos.app.ui.events import LEAVE, STOP
from gfla.demos.app.ui.images import Image, data_url, shrink
from gfla.demos.app.ui.inputs import Sent, sent_name
from gfla.demos.app.ui.widgets import player_value, saver_value
from gfla.demos.app.visitors.errors import note_errors
from gfla.demos.app.visitors.service import Service
from gfla.demos.app.visitors.session import Visit

Values = dict[str, float]
"""Controls of `gfla-edit` by name; 0, or left out, is the portrait as it is."""
TAB = "edit"
EMPTY = "Choose a portrait; it follows the sliders."
_VIEW = 640  # pixels of the view's longer side
_AROUND = 1.9  # side of the view, in sides of the face square
_LONGEST = 30.0  # seconds of a video by key frames


@dataclass(eq=False)
class Edit:
    """What a visitor edits. name: of the file on the visitor's side. view: the face and its surroundings,
    encoded. keys: {seconds: values}."""

    portrait: Path
    name: str
    view: AnimationState
    keys: dict[Fraction, Values] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class EditEvents:
    """The functions of the events; what they remember is the visitor's `Edit`."""

    def __init__(self, service: Service):
        self.service = service

    @note_errors(2)
    def open(self, request: gr.Request, portrait: Sent, *values: float) -> tuple[str, str]:
        """The view of another portrait and the command; both empty without a portrait."""
        visit, animator = self.service.visit(request), self.service.animator
        if not portrait:
            visit.memory.pop("edit", None)
            return "", ""
        visit.memory["portrait"] = portrait
        path = self.service.portrait(visit, portrait)
        edit: Edit | None = visit.memory.get("edit")
        if edit is None or edit.portrait != path:
            view = close_view(animator, workspace_of(visit).prepare(animator, path))
            edit = visit.memory["edit"] = Edit(path, sent_name(portrait), view)
        return self._drawn(edit, values)

    @note_errors(2)
    def draw(self, request: gr.Request, *values: float) -> tuple[Any, Any]:
        """The view and the command after a slider moved."""
        edit: Edit | None = self.service.visit(request).memory.get("edit")
        return self._drawn(edit, values) if edit else (gr.skip(), gr.skip())

    @note_errors(1)
    def save(self, request: gr.Request, *values: float) -> str:
        """The whole photograph, edited, as a PNG to download."""
        visit, animator = self.service.visit(request), self.service.animator
        edit = _edit_of(visit)
        whole = workspace_of(visit).prepare(animator, edit.portrait)
        frame = draw(animator, whole, changed(values))
        path = visit.folder / f"{edit.portrait.stem[:80]}-edited.png"
        write_image(frame.pixels, path, tag(animator.name))
        return saver_value(visit.serve(path), path.name)

    @note_errors(3)
    def add_key(self, request: gr.Request, at: float | None, *values: float) -> tuple[str, float, str]:
        """The list of key frames with this one, the next one's time, and the command."""
        edit = _edit_of(self.service.visit(request))
        if at is None or not 0 <= at <= _LONGEST:
            reason = f"a key frame is between 0 and {_LONGEST:g} seconds"
            raise InputError("At second", reason, "give such a time")
        changes = changed(values)
        edit.keys[Fraction(str(round(at, 2)))] = dict.fromkeys(CONTROLS, 0.0) | changes
        line = command(edit.name, changes, edit.keys)
        return keys_list(edit.keys), min(float(max(edit.keys)) + 1, _LONGEST), line

    @note_errors(3)
    def remove_key(self, event: gr.EventData, request: gr.Request, *values: float) -> tuple[str, float, str]:
        """The list without one key frame, or without all, the next one's time, and the command."""
        edit: Edit | None = self.service.visit(request).memory.get("edit")
        if edit is None:
            return keys_list({}), 0.0, ""
        if event.act == "all":
            edit.keys.clear()
        else:
            edit.keys.pop(Fraction(str(event.name)), None)
        following = min(float(max(edit.keys)) + 1, _LONGEST) if edit.keys else 0.0
        return keys_list(edit.keys), following, command(edit.name, changed(values), edit.keys)

    @note_errors(4)
    def render(self, request: gr.Request) -> Iterator[tuple]:
        """Yields values of the player, the status, and the buttons: make, stop; while the key frames become a
        video."""
        visit = self.service.visit(request)
        edit = _edit_of(visit)
        if len(edit.keys) < 2:
            remedy = "for each of them move the sliders, then press Add key frame"
            raise InputError("key frames", "a video needs at least two", remedy)
        recording = motion_of_curves(key_frames(edit.keys), "edit")
        order = RenderRequest(edit.portrait, "edit", names={str(edit.portrait): edit.name})
        name = f"{edit.portrait.stem[:80]}-edited.mp4"
        hidden, shown, skip = gr.Button(visible=False), gr.Button(visible=True), gr.skip()
        stop = gr.Button(STOP, visible=True, interactive=True)
        try:
            with self.service.job(visit, TAB) as turn:
                buttons: tuple = (hidden, gr.Button(LEAVE, visible=True, interactive=True))
                for before in self.service.turns.wait(turn):
                    yield skip, markup.waiting(before), *buttons
                    buttons = (skip, skip)
                buttons = hidden, stop
                animator = self.service.animator
                for player, status in play_render(animator, visit, turn, order, name, recording):
                    yield player, status, *buttons
                    buttons = (skip, skip)
        except Exception:
            yield player_value(None), "", shown, hidden
            raise
        yield skip, skip, shown, hidden

    def stop(self, request: gr.Request) -> None:
        """End the running render and keep its finished frames, or leave the queue."""
        self.service.visit(request).stop(TAB)

    def _drawn(self, edit: Edit, values: tuple[float, ...]) -> tuple[str, str]:
        changes = changed(values)
        with edit.lock:
            image = draw(self.service.animator, edit.view, changes).image
        return data_url(image, 90), command(edit.name, changes, edit.keys)


def _edit_of(visit: Visit) -> Edit:
    edit: Edit | None = visit.memory.get("edit")
    if edit is None:
        raise InputError("portrait", "there is none", "choose one first")
    return edit


def changed(values: tuple[float, ...]) -> Values:
    """The controls that are not 0; an emptied box counts as 0. InputError for a value out of range."""
    found = {name: float(value) for name, value in zip(CONTROLS, values, strict=True) if value}
    for name, value in found.items():
        check_control(name, value)
    return found


def close_view(animator: Animator, whole: AnimationState) -> AnimationState:
    """The face of a prepared portrait and its surroundings as a portrait of its own, small enough to be drawn
    at once."""
    image, square = whole.portrait.image, whole.portrait.square
    return animator.prepare(shrink(around(image, square), _VIEW))


def around(image: Image, square: FaceSquare) -> Image:
    """The part of a picture in the face square enlarged about its centre."""
    margin = round(square.side * (_AROUND - 1) / 2)
    top, left = max(square.y - margin, 0), max(square.x - margin, 0)
    return image[top : square.y + square.side + margin, left : square.x + square.side + margin]


def draw(animator: Animator, state: AnimationState, values: Values) -> Frame:
    """The portrait with these controls."""
    curves = values or {"yaw": 0.0}
    recording = motion_of_curves({name: np.array([value]) for name, value in curves.items()}, "edit")
    (frame,) = animator.animate(animator.follow(state, recording), MotionReader(recording))
    return frame


def command(portrait: str, values: Values, keys: Mapping[Fraction, Values]) -> str:
    """The gfla-edit command that makes the same."""
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
    """The key frames as HTML, each with a button that removes it."""
    if not keys:
        return markup.small("None yet: for each one, move the sliders, then press Add key frame.")
    rows = []
    for at in sorted(keys):
        named = (f"{name.replace('_', ' ')} {value:g}" for name, value in keys[at].items() if value)
        rows.append((f"{float(at):g} s", ", ".join(named) or "as in the portrait", str(at)))
    return markup.removable(("Time", "Controls"), rows)
