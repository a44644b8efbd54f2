"""The tab Look inside: any frame of a run taken apart, and where a chosen point of it looks."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gfla.animate import AnimationState, Animator, Frame, InputError, VideoReader
from gfla.animate.inspection.explain import Inside, Panel, attention_panels, look_inside, panels
from gfla.animate.motion.presets import SHIPPED
from gfla.animate.motion.recording import DriverMotion, MotionReader
from gfla.animate.motion.retarget import unlikeness
from gfla.demos.app.render.workspace import Desk
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.events import LOOK
from gfla.demos.app.ui.images import as_source, wireframe, within
from gfla.demos.app.ui.inputs import RAW
from gfla.demos.app.ui.pickers import QUIET, choose_driver, choose_portrait
from gfla.demos.app.visitors.service import Service, show_errors
from gfla.demos.app.visitors.session import Visit
from gfla.demos.app.visitors.uploads import check_driving, check_portrait

_EMPTY = "Choose a portrait and a driver: a frame of what they give is taken apart here."
_ABOUT = (
    "Click the output, above, or the picture here; the arrow keys move the point. At each level the decoder "
    "reads a few places of every reference around where the flow points, and weighs them by what is there."
)
_POINT = (0.5, 0.66)  # of the picture: the mouth, where most is to be seen
_CLICKABLE = ("Output", "The place")
Sent = Mapping[str, Any] | None


class Exploring:
    """The events' functions; what they keep of a visitor is its desk of this tab, its walk and its point."""

    def __init__(self, service: Service):
        self.service = service
        self.open, self.frame, self.point = (
            show_errors(self._open),
            show_errors(self._frame),
            show_errors(self._point),
        )

    def _open(self, request: gr.Request, portrait: Sent, driving: Sent, picked: str) -> Iterator[tuple]:
        """A portrait and a driver were chosen: yields the slider, what is told, the panels, the attention."""
        visit, animator, limits = self.service.visit(request), self.service.animator, self.service.limits
        motion = picked if picked in SHIPPED else ""
        visit.kept.pop("walk", None)
        if not portrait or not (driving or motion):
            yield gr.Slider(visible=False), markup.hint(_EMPTY), "", ""
            return
        yield gr.skip(), markup.bar("Looking through the driver", None), "", ""
        desk: Desk = visit.kept.setdefault("inside", Desk(visit.folder))
        source = desk.prepared(animator, check_portrait(visit.sent(portrait), limits))
        driver: Path | str = motion or check_driving(visit.sent(driving or {}), limits)
        recording = desk.look(animator, driver, lambda: visit.closed)
        if recording is None:
            return
        state = animator.follow(replace(source, crop_only=True), recording)
        walk = Walk(animator, state, driver, recording)
        visit.kept["walk"] = walk
        number = walk.telling
        slider = gr.Slider(0, len(walk) - 1, number, visible=len(walk) > 1)
        for told, made, looked in self._shown(visit, walk, number):
            yield slider, told, made, looked
            slider = gr.skip()

    def _frame(self, request: gr.Request, number: float) -> Iterator[tuple]:
        """Another frame: yields what is told, the panels, the attention."""
        visit = self.service.visit(request)
        walk: Walk | None = visit.kept.get("walk")
        if walk is None:
            raise InputError("Choose a portrait and a driver first.")
        yield from self._shown(visit, walk, min(max(int(number), 0), len(walk) - 1))

    def _point(self, event: gr.EventData, request: gr.Request) -> str:
        """Another point: the attention."""
        visit = self.service.visit(request)
        visit.kept["point"] = (float(event.x), float(event.y))
        inside: Inside | None = visit.kept.get("frame")
        if inside is None:
            raise InputError("Choose a portrait and a driver first.")
        return _attention(visit, inside)

    def _shown(self, visit: Visit, walk: "Walk", number: int) -> Iterator[tuple]:
        over = object()
        visit.kept["wanted"] = over
        yield markup.bar(f"Going to frame {number}", None), gr.skip(), gr.skip()
        inside = walk.look(number, lambda: visit.closed or visit.kept.get("wanted") is not over)
        if visit.kept.get("wanted") is not over:
            return
        if inside is None:
            yield markup.hint(f"No face is seen in frame {number}: the network is not asked."), "", ""
            return
        visit.kept["frame"] = inside
        told = f'<p class="note" role="status">Frame {number} of {len(walk)}, counted from 0.</p>'
        yield told, gallery(panels(inside)), _attention(visit, inside)


def inside_tab(service: Service, page: gr.Blocks) -> None:
    """Build the tab of `page` inside the one that is open."""
    events = Exploring(service)
    with gr.Row(elem_classes="desk"):
        with gr.Column(scale=4, min_width=320):
            portrait = choose_portrait(service.samples, "inside")
            driving, picks, picked = choose_driver(service.samples, "inside")
        with gr.Column(scale=8, min_width=320):
            with gr.Column(elem_classes="card"):
                markup.heading("How a frame comes about", 3)
                frame = gr.Slider(0, 1, 0, step=1, label="Frame", visible=False, elem_id="inside-frame")
                told = gr.HTML(markup.hint(_EMPTY), elem_id="inside-told", apply_default_css=False)
                made = widgets.live("${value}", "inside", elem_id="inside-panels")
            with gr.Column(elem_classes="card"):
                markup.heading("Where a point looks", 4)
                gr.HTML(f'<p class="consent">{_ABOUT}</p>', apply_default_css=False)
                looked = widgets.live("${value}", "inside", elem_id="inside-attention")

    asked = [portrait, driving, picks]
    gr.on(
        [portrait.change, driving.change],
        events.open,
        asked,
        [frame, told, made, looked],
        trigger_mode="always_last",
        **RAW,
        **LOOK,
        **QUIET,
    )
    picked.then(events.open, asked, [frame, told, made, looked], **RAW, **LOOK, **QUIET)
    frame.input(events.frame, frame, [told, made, looked], trigger_mode="always_last", **LOOK, **QUIET)
    for pictures in (made, looked):
        pictures.pick(events.point, None, looked, trigger_mode="always_last", **LOOK, **QUIET)  # type: ignore[attr-defined]


def _attention(visit: Visit, inside: Inside) -> str:
    x, y = visit.kept.get("point", _POINT)
    return gallery(attention_panels(inside, (x * inside.side, y * inside.side)))


def gallery(shown: Sequence[Panel]) -> str:
    """Panels as figures, wide ones over as many columns as they are wide."""
    made = []
    for panel in shown:
        span = max(1, round(panel.picture.shape[1] / panel.picture.shape[0]))
        name, point = escape(panel.name), ""
        if panel.name in _CLICKABLE:
            point = ' data-point tabindex="0" role="button"'
        made.append(
            f'<figure class="span-{span}"><img src="{as_source(panel.picture, 92)}" alt="{name}"{point}>'
            f"<figcaption><b>{name}</b> {escape(panel.caption)}</figcaption></figure>"
        )
    return f'<div class="gallery">{"".join(made)}</div>'


_KEPT = 12  # states of a walk, some 4 MB each
_NEAR = 25  # frames from the first face on, among which the first to show is chosen


@dataclass(eq=False)
class Walk:
    """A portrait's way through a driver. start: the state that follows `recording`. kept: states by the
    number of the frame that comes next."""

    animator: Animator
    start: AnimationState
    driving: Path | str
    recording: DriverMotion
    kept: dict[int, AnimationState] = field(default_factory=dict)
    _walking: threading.Lock = field(default_factory=threading.Lock)

    def __len__(self) -> int:
        return len(self.recording.pts)

    @property
    def telling(self) -> int:
        """A frame near the beginning in which much is done: the one least like the portrait."""
        ready = self.recording.ready(self.start.motion.manner.smoothing)
        seen = np.flatnonzero(ready.found)
        near = max(1, int((seen < seen[0] + _NEAR).sum()))
        return int(seen[np.argmax(unlikeness(ready.signals, self.start.motion.source)[:near])])

    def look(self, number: int, cancel: Callable[[], bool]) -> Inside | None:
        """Frame `number`, from 0; None if there is no face in it or `cancel` said True on the way."""
        with self._walking:
            return self._look(number, cancel)

    def _look(self, number: int, cancel: Callable[[], bool]) -> Inside | None:
        at = max((frame for frame in self.kept if frame <= number), default=0)
        state = self.kept.get(at, self.start)
        every = max(1, len(self) // _KEPT)
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
        """Beside every `every`-th the last one that was looked at, for the frames near it."""
        self.kept = {frame: kept for frame, kept in self.kept.items() if frame % every == 0}
        self.kept[index] = state

    def _frames(self, at: int) -> Iterator[Frame]:
        """The driver's frames from number `at` on, without reading those before."""
        if self.recording.points is None:
            yield from list(MotionReader(self.recording))[at:]
            return
        start = int(self.recording.pts[at]) * self.recording.time_base - self.recording.zero
        with VideoReader(self.driving, start=max(start, 0) if at else None) as reader:
            yield from reader

    def _drawn(self, inside: Inside, frame: Frame) -> Inside:
        """A motion has no picture: its landmarks are shown."""
        found = self.recording.sighting(frame.pts).landmarks
        if self.recording.points is not None or found is None:
            return inside
        return inside._replace(driving=within(wireframe(found.places), inside.side))
