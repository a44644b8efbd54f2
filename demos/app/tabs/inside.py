"""The tab Look inside: any frame of a render taken apart, and what a chosen point of it attends to."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gfla.animate import AnimationState, Animator, Frame, InputError, VideoReader
from gfla.animate.inspection.explain import Inside, Panel, attention_panels, look_inside, panels
from gfla.animate.motion.person import unlikeness
from gfla.animate.motion.presets import SHIPPED
from gfla.animate.motion.recording import DriverMotion, MotionReader
from gfla.demos.app.render.render import DriverPart
from gfla.demos.app.render.workspace import workspace_of
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.events import QUIET, RAW, SCAN
from gfla.demos.app.ui.images import data_url, shrink, wireframe
from gfla.demos.app.ui.inputs import Sent
from gfla.demos.app.ui.pickers import PortraitCard, driver_card, portrait_card
from gfla.demos.app.visitors.errors import message_of, note_errors
from gfla.demos.app.visitors.service import Service
from gfla.demos.app.visitors.session import Visit

_EMPTY = "Choose a portrait and a driver to see how a frame of the result is made."
_ABOUT = (
    "Click the output, above, or the picture here; the arrow keys move the point. At each level the decoder "
    "reads a few positions of every reference around where the flow points, and weighs them by their content."
)
_POINT = (0.5, 0.66)  # fractions of the picture, x then y: the mouth, which moves most
_CLICKABLE = ("Output", "The place")
_STATES = 12  # kept of a walk, some 4 MB each
_FIRST = 25  # frames with a face, among which the first to show is chosen


def inside_tab(service: Service, page: gr.Blocks) -> PortraitCard:
    """Build the tab of `page` inside the one that is open."""
    events = InsideEvents(service)
    with gr.Row(elem_classes="desk"):
        with gr.Column(scale=4, min_width=320):
            with portrait_card(service.samples, "inside") as card:
                portrait = card.portrait
            with driver_card(service.samples, "inside") as driver:
                driving, picks, picked = driver.driving, driver.picks, driver.picked
        with gr.Column(scale=8, min_width=320):
            with gr.Column(elem_classes="card"):
                markup.heading("How a frame is made", 3)
                frame = gr.Slider(0, 1, 0, step=1, label="Frame", visible=False, elem_id="inside-frame")
                status = gr.HTML(markup.hint(_EMPTY), elem_id="inside-status", apply_default_css=False)
                stages = widgets.scripted("${value}", "inside", elem_id="inside-panels")
            with gr.Column(elem_classes="card"):
                markup.heading("Where a point looks", 4)
                gr.HTML(markup.small(_ABOUT), apply_default_css=False)
                attention = widgets.scripted("${value}", "inside", elem_id="inside-attention")

    inputs, shown = [portrait, driving, picks], [status, stages, attention]
    latest: dict[str, Any] = {"trigger_mode": "always_last"} | SCAN | QUIET
    opened = [frame, *shown, driver.note, card.note]
    gr.on([portrait.change, driving.change], events.open, inputs, opened, **RAW, **latest)
    picked.then(events.open, inputs, opened, **RAW, **SCAN, **QUIET)
    frame.input(events.frame, frame, [*shown, driver.note], **latest)
    for pictures in (stages, attention):
        pictures.pick(events.point, None, [attention, driver.note], **latest)  # type: ignore[attr-defined]
    return card


class InsideEvents:
    """The functions of the events; they remember the visitor's workspace of this tab, walk, frame and
    point."""

    def __init__(self, service: Service):
        self.service = service

    @note_errors(5)
    def open(self, request: gr.Request, portrait: Sent, driving: Sent, picked: str) -> Iterator[tuple]:
        """A portrait or a driver was chosen: yields the slider, the status, the panels, the attention, and
        the note on the driver."""
        service, visit = self.service, self.service.visit(request)
        animator, motion = service.animator, picked if picked in SHIPPED else ""
        visit.memory.pop("walk", None)
        none = gr.Slider(visible=False), markup.hint(_EMPTY), "", "", ""
        yield none
        workspace, source = workspace_of(visit, "inside"), None
        if portrait:
            visit.memory["portrait"] = portrait
            source = workspace.prepare(animator, service.portrait(visit, portrait))
        if source is None or not (driving or motion):
            return
        yield gr.skip(), markup.bar("Tracking the driver", None), "", "", ""
        try:
            driver = service.driver(visit, driving, motion)
            recording = workspace.record(animator, DriverPart(driver), lambda: visit.closed)
        except InputError as error:
            yield *none[:-1], markup.wrong(message_of(error))
            return
        if recording is None:
            return
        state = animator.follow(replace(source, options=replace(source.options, crop_only=True)), recording)
        walk = visit.memory["walk"] = Walk(animator, state, driver, recording)
        number = walk.first
        slider = gr.Slider(0, len(walk) - 1, number, visible=len(walk) > 1)
        for shown in self._show(visit, walk, number):
            yield slider, *shown, ""
            slider = gr.skip()

    @note_errors(3)
    def frame(self, request: gr.Request, number: float) -> Iterator[tuple]:
        """Another frame: yields the status, the panels, the attention."""
        visit = self.service.visit(request)
        walk: Walk | None = visit.memory.get("walk")
        if walk is None:
            raise _nothing_chosen()
        yield from self._show(visit, walk, min(max(int(number), 0), len(walk) - 1))

    @note_errors(1)
    def point(self, event: gr.EventData, request: gr.Request) -> str:
        """Another point: its attention."""
        visit = self.service.visit(request)
        visit.memory["point"] = (float(event.x), float(event.y))
        inside: Inside | None = visit.memory.get("frame")
        if inside is None:
            raise _nothing_chosen()
        return _attention(visit, inside)

    def _show(self, visit: Visit, walk: "Walk", number: int) -> Iterator[tuple]:
        turn = object()
        visit.memory["turn"] = turn

        def outdated() -> bool:
            return visit.memory.get("turn") is not turn

        yield markup.bar(f"Going to frame {number}", None), gr.skip(), gr.skip()
        inside = walk.look(number, lambda: visit.closed or outdated())
        if outdated():
            return
        if inside is None:
            yield markup.hint(f"Frame {number} shows no face, so the network did not run."), "", ""
            return
        visit.memory["frame"] = inside
        status = markup.notes([f"Frame {number} of {len(walk)}, counted from 0."])
        yield status, gallery(panels(inside)), _attention(visit, inside)


@dataclass(eq=False)
class Walk:
    """Steps a portrait through a driver to any frame.

    start: the state before the first frame, following `recording`. states: by the number of the frame that
    comes next; a walk goes on from the nearest one before its frame.
    """

    animator: Animator
    start: AnimationState
    driving: Path | str
    recording: DriverMotion
    states: dict[int, AnimationState] = field(default_factory=dict)
    _walking: threading.Lock = field(default_factory=threading.Lock)

    def __len__(self) -> int:
        return len(self.recording.pts)

    @property
    def first(self) -> int:
        """The first frame to show: one near the beginning with much motion, the one least like the
        portrait."""
        ready = self.recording.ready(self.start.motion.motion.options.smoothing)
        seen = np.flatnonzero(ready.found)
        near = max(1, int((seen < seen[0] + _FIRST).sum()))
        return int(seen[np.argmax(unlikeness(ready.signals, self.start.motion.motion.source)[:near])])

    def look(self, number: int, cancel: Callable[[], bool]) -> Inside | None:
        """Frame `number`, from 0; None if it has no face or `cancel` returned True on the way."""
        with self._walking:
            return self._look(number, cancel)

    def _look(self, number: int, cancel: Callable[[], bool]) -> Inside | None:
        at = max((frame for frame in self.states if frame <= number), default=0)
        state = self.states.get(at, self.start)
        every = max(1, len(self) // _STATES)
        for index, frame in enumerate(self._frames(at), at):
            if cancel():
                return None
            if index == number or index % every == 0:
                self._keep(index, state, every)
            if index == number:
                inside = look_inside(self.animator, frame, state)
                return self._drawn(inside, frame) if inside else None
            _, state = self.animator.step(frame, state)
        return None

    def _keep(self, index: int, state: AnimationState, every: int) -> None:
        """Keep every `every`-th state, and the last one that was looked at for the frames near it."""
        self.states = {frame: kept for frame, kept in self.states.items() if frame % every == 0}
        self.states[index] = state

    def _frames(self, at: int) -> Iterator[Frame]:
        """The driver's frames from number `at` on, without reading those before."""
        if self.recording.points is None:
            yield from list(MotionReader(self.recording))[at:]
            return
        start = int(self.recording.pts[at]) * self.recording.time_base - self.recording.zero
        with VideoReader(self.driving, start=max(start, 0) if at else None) as reader:
            yield from reader

    def _drawn(self, inside: Inside, frame: Frame) -> Inside:
        """Of a motion, which has no picture, the landmarks are drawn."""
        found = self.recording.sighting(frame.pts).landmarks
        if self.recording.points is not None or found is None:
            return inside
        return inside._replace(driving=shrink(wireframe(found.places), inside.side))


def gallery(shown: Sequence[Panel]) -> str:
    """Panels as figures, wide ones over as many columns as they are wide."""
    made = []
    for panel in shown:
        span = max(1, round(panel.picture.shape[1] / panel.picture.shape[0]))
        name, point = escape(panel.name), ""
        if panel.name in _CLICKABLE:
            point = ' data-point tabindex="0" role="button"'
        made.append(
            f'<figure class="span-{span}"><img src="{data_url(panel.picture, 92)}" alt="{name}"{point}>'
            f"<figcaption><b>{name}</b> {escape(panel.caption)}</figcaption></figure>"
        )
    return f'<div class="gallery">{"".join(made)}</div>'


def _attention(visit: Visit, inside: Inside) -> str:
    x, y = visit.memory.get("point", _POINT)
    return gallery(attention_panels(inside, (x * inside.side, y * inside.side)))


def _nothing_chosen() -> InputError:
    return InputError("Look inside", "there is no frame yet", "choose a portrait and a driver first")
