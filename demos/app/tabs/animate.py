"""The tab Animate: choose a portrait and a driver, see a preview at once, then the video while it is made."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gfla.animate import InputError
from gfla.animate.motion.presets import SHIPPED
from gfla.animate.motion.recording import DriverMotion
from gfla.demos.app.render.player import play_render
from gfla.demos.app.render.preview import make_preview, portrait_face, record_beginning
from gfla.demos.app.render.render import RenderRequest
from gfla.demos.app.render.side_by_side import side_by_side
from gfla.demos.app.render.workspace import workspace_of
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.events import JOB, PRIVATE, QUIET, RAW, SCAN
from gfla.demos.app.ui.inputs import Sent, sent_name
from gfla.demos.app.ui.markup import Figure
from gfla.demos.app.ui.pickers import choose_driver, choose_portrait
from gfla.demos.app.ui.settings import (
    SETTINGS,
    build_controls,
    command,
    default_values,
    read_controls,
    restore_values,
)
from gfla.demos.app.ui.widgets import player_value
from gfla.demos.app.visitors.errors import message_of, show_errors
from gfla.demos.app.visitors.service import Service

EMPTY = "Choose a portrait and a driver to see a preview here."
_BESIDE, _ALONE = "Show side by side", "Show the portrait alone"
_PORTRAIT = "The portrait's face and the landmarks found in it"
_DRIVER = "The driver's face and its landmarks"
_RESULT = "The portrait, moved as the driver is at that moment"


def animate_tab(service: Service, page: gr.Blocks) -> None:
    """Build the tab of `page` inside the one that is open."""
    events = AnimateEvents(service)
    stored = gr.BrowserState({}, storage_key="gfla-animate", secret="gfla")  # settings only: no secret
    with gr.Row(elem_classes="desk"):
        with gr.Column(scale=5, min_width=320):
            portrait = choose_portrait(service.samples, "animate")
            driving, picks, picked = choose_driver(service.samples, "animate")
            with gr.Accordion("Settings", open=False, elem_classes="card"):
                controls = build_controls()
                default = gr.Button("Reset to defaults", size="sm")
        with gr.Column(scale=7, min_width=320, elem_classes="stage"):
            with gr.Column(elem_classes="card"):
                markup.heading("Result", 3)
                preview = gr.HTML(markup.hint(EMPTY), elem_id="preview", apply_default_css=False)
                run = gr.Button("Animate", variant="primary", interactive=False, elem_id="run")
                stop = gr.Button("Stop and keep what is done", visible=False, elem_id="stop")
                status = gr.HTML("", elem_id="status", apply_default_css=False)
                player = widgets.player(elem_id="player")
                beside = gr.Button(_BESIDE, visible=False, size="sm", elem_id="beside")
            with gr.Accordion("As a command", open=False, elem_classes="card"):
                line = gr.Textbox(
                    label="The same in a terminal",
                    interactive=False,
                    lines=2,
                    buttons=["copy"],
                    elem_id="command",
                    elem_classes="mono",
                )

    def store(*values: Any) -> dict[str, Any]:
        return dict(zip(SETTINGS, values, strict=True))

    inputs, found = [portrait, driving, picks, *controls], [preview, run, line]
    settings: list[Any] = controls
    changes = [part.change for part in (portrait, driving, *settings)]
    gr.on(changes, events.show_preview, inputs, found, trigger_mode="always_last", **RAW, **SCAN, **QUIET)
    picked.then(events.show_preview, inputs, found, **RAW, **SCAN, **QUIET)
    run.click(
        events.render,
        inputs,
        [player, status, run, stop, beside],
        show_progress="minimal",
        show_progress_on=status,
        **RAW,
        **JOB,
        **PRIVATE,
    )
    stop.click(events.stop, queue=False, **QUIET)
    beside.click(events.compare, beside, [player, beside], **SCAN, **PRIVATE)
    gr.on([part.change for part in settings], store, controls, stored, queue=False, **QUIET)
    default.click(default_values, None, controls, queue=False, **QUIET)
    page.load(restore_values, stored, controls, queue=False, **QUIET)


class AnimateEvents:
    """The functions of the events; what they remember is the visitor's workspace."""

    def __init__(self, service: Service):
        self.service = service

    def stop(self, request: gr.Request) -> None:
        """End the running render and keep its finished frames."""
        self.service.visit(request).cancel.set()

    @show_errors
    def show_preview(
        self, request: gr.Request, portrait: Sent, driving: Sent, picked: str, *values: Any
    ) -> Iterator[tuple]:
        """Yields the preview as it fills, the button that starts a render, and the command for the same."""
        service, visit, options = self.service, self.service.visit(request), read_controls(values)
        animator, workspace = service.animator, workspace_of(visit)
        motion = picked if picked in SHIPPED else ""
        names = sent_name(portrait, "portrait.jpg"), motion or sent_name(driving, "driving.mp4")
        line = command(options, *names)
        off, on = gr.Button(interactive=False), gr.Button(interactive=True)
        if not portrait and not driving and not motion:
            workspace.begin_preview(None)  # else the same files, chosen again, would show nothing
            yield markup.hint(EMPTY), off, line
            return
        outdated = workspace.begin_preview((portrait, driving, motion, options))
        if outdated is None:
            yield gr.skip(), gr.skip(), line
            return
        source = workspace.prepare(animator, service.portrait(visit, portrait)) if portrait else None
        driver = service.driver(visit, driving, motion) if driving or motion else None
        waiting: list[Figure] = [
            (portrait_face(source) if source else None, _PORTRAIT, "Portrait"),
            (None, _DRIVER, "Driver"),
            (None, "The preview needs a portrait and a driver", "Preview"),
        ]
        yield markup.figures(waiting), on if source and driver else off, line
        if driver is None:
            return
        if source is None:
            workspace.record(animator, driver, outdated)  # while the visitor chooses a portrait
            return

        def figures(recording: DriverMotion) -> str:
            made = make_preview(animator, source, driver, recording, options)
            return markup.figures(
                [
                    (made.portrait, _PORTRAIT, "Portrait"),
                    (made.driver, _DRIVER, made.driver_caption),
                    (made.result, _RESULT, made.result_caption),
                ]
            )

        unknown = isinstance(driver, Path) and workspace.recorded(driver) is None
        beginning = record_beginning(animator, Path(driver)) if unknown else None
        if beginning is not None and not outdated():
            yield figures(beginning), on, line
        recording = workspace.record(animator, driver, outdated)
        if recording is not None and not outdated():
            yield figures(recording), on, line

    @show_errors
    def render(
        self, request: gr.Request, portrait: Sent, driving: Sent, picked: str, *values: Any
    ) -> Iterator[tuple]:
        """Yields values of the player and the status, and the buttons: animate, stop, side by side."""
        service, visit, options = self.service, self.service.visit(request), read_controls(values)
        driver = service.driver(visit, driving, picked)
        order = RenderRequest(service.portrait(visit, portrait), driver, options)
        name = f"{order.portrait.stem[:60]}-{Path(driver).stem[:60]}.mp4"
        hidden, visible = gr.Button(visible=False), gr.Button(visible=True)
        buttons: tuple = (hidden, visible, hidden)
        with service.job(visit):
            try:
                for video, status in play_render(service.animator, visit, order, name):
                    yield video, status, *buttons
                    buttons = (gr.skip(),) * 3
            except Exception as error:
                yield player_value(None), markup.notes([message_of(error)]), visible, hidden, hidden
                raise
        yield gr.skip(), gr.skip(), visible, hidden, gr.Button(_BESIDE, visible=True)

    @show_errors
    def compare(self, request: gr.Request, label: str) -> tuple:
        """The last video beside its driver, or alone again; and the button's next label."""
        visit = self.service.visit(request)
        last = workspace_of(visit).last
        if last is None or not last[1].exists():
            raise InputError("video", "it is no longer here", "animate once more")
        order, output = last
        if label == _ALONE:
            return player_value(visit.serve(output), name=output.name), _BESIDE
        path = side_by_side(order.driving, order.portrait, output)
        alt = "The driver and the animated portrait, side by side"
        return player_value(visit.serve(path), name=path.name, label=alt), _ALONE
