"""The tab Animate: a portrait and a driver, what is found in both at once, then the film while it is made."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gfla.animate import InputError
from gfla.animate.motion.presets import SHIPPED
from gfla.animate.motion.recording import DriverMotion
from gfla.demos.app.render.player import run
from gfla.demos.app.render.preview import glimpse, look_ahead, portrait_face
from gfla.demos.app.render.render import Order
from gfla.demos.app.render.side_by_side import side_by_side
from gfla.demos.app.render.workspace import desk_of
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.events import JOB, LOOK, UNSEEN
from gfla.demos.app.ui.inputs import RAW, consent, file_data, portrait_input, video_input
from gfla.demos.app.ui.markup import Figure
from gfla.demos.app.ui.settings import NAMES, Settings, build_settings, remembered
from gfla.demos.app.visitors.service import Service, excuse, show_errors
from gfla.demos.app.visitors.session import Visit
from gfla.demos.app.visitors.uploads import check_driving, check_portrait


def animate_tab(service: Service, page: gr.Blocks) -> None:
    """Build the tab of `page` inside the one that is open."""
    events = Animating(service)
    samples = service.samples
    kept = gr.BrowserState({}, storage_key="gfla-animate", secret="gfla")  # no secret: settings alone
    with gr.Row(elem_classes="desk"):
        with gr.Column(scale=5, min_width=320):
            with gr.Column(elem_classes="card"):
                markup.heading("Portrait", 1)
                portrait = portrait_input("Portrait", elem_id="portrait")
                portraits = widgets.picks(samples.portraits, "Portraits to try", elem_id="portraits")
                consent()
            with gr.Column(elem_classes="card"):
                markup.heading("Driver", 2)
                driving = video_input("Driving video", elem_id="driving")
                drivers = widgets.picks(samples.drivers, "Drivers and motions to try", elem_id="drivers")
            with gr.Accordion("Settings", open=False, elem_classes="card"):
                controls = build_settings()
                usual = gr.Button("Back to the usual", size="sm")
        with gr.Column(scale=7, min_width=320, elem_classes="stage"):
            with gr.Column(elem_classes="card"):
                markup.heading("Result", 3)
                seen = gr.HTML(markup.hint(EMPTY), elem_id="seen", apply_default_css=False)
                run = gr.Button("Animate", variant="primary", interactive=False, elem_id="run")
                stop = gr.Button("Stop and keep what is done", visible=False, elem_id="stop")
                told = gr.HTML("", elem_id="told", apply_default_css=False)
                player = widgets.player(elem_id="player")
                beside = gr.Button(BESIDE, visible=False, size="sm", elem_id="beside")
            with gr.Accordion("As a command", open=False, elem_classes="card"):
                command = gr.Textbox(
                    label="What makes the same in a terminal",
                    interactive=False,
                    lines=2,
                    buttons=["copy"],
                    elem_id="command",
                    elem_classes="mono",
                )

    def choose_portrait(event: gr.EventData) -> str:
        return str(samples.portrait(event.name).file)

    def choose_driver(event: gr.EventData) -> Any:
        file = samples.driver(event.name).file
        return None if file is None else file_data(file)

    def keep(*values: Any) -> dict[str, Any]:
        return dict(zip(NAMES, values, strict=True))

    def recall(stored: Any) -> list[Any]:
        return list(vars(remembered(stored)).values())

    quiet: dict[str, Any] = {"show_progress": "hidden", **UNSEEN}
    asked = [portrait, driving, drivers, *controls]
    portraits.pick(choose_portrait, None, portrait, queue=False, **quiet)
    picked = drivers.pick(choose_driver, None, driving, postprocess=False, queue=False, **quiet)
    portrait.input(lambda: "", None, portraits, queue=False, **quiet)
    driving.input(lambda: "", None, drivers, queue=False, **quiet)
    found = [seen, run, command]
    changes: list[Any] = [portrait, driving, *controls]
    gr.on(
        [part.change for part in changes],
        events.look,
        asked,
        found,
        trigger_mode="always_last",
        **RAW,
        **LOOK,
        **quiet,
    )
    picked.then(events.look, asked, found, **RAW, **LOOK, **quiet)
    run.click(
        events.run,
        asked,
        [player, told, run, stop, beside],
        show_progress="minimal",
        show_progress_on=told,
        **RAW,
        **JOB,
        **UNSEEN,
    )
    stop.click(events.stop, queue=False, **quiet)
    beside.click(events.compare, beside, [player, beside], **LOOK, **UNSEEN)
    gr.on([part.change for part in changes[2:]], keep, controls, kept, queue=False, **quiet)
    usual.click(lambda: list(vars(Settings()).values()), None, controls, queue=False, **quiet)
    page.load(recall, kept, controls, queue=False, **quiet)


Sent = Mapping[str, Any] | None
"""A file as gradio tells of it, its FileData."""
EMPTY = "Choose a portrait and a driver; what is found in them is shown here at once."
BESIDE, ALONE = "Show side by side", "Show the portrait alone"
_PORTRAIT = "The portrait's face and the landmarks found in it"
_DRIVER = "The driver's face and its landmarks"
_RESULT = "The portrait, moved as the driver is at that moment"


class Animating:
    """The events' functions; `service` holds all that they keep."""

    def __init__(self, service: Service):
        self.service = service
        self.look, self.run, self.compare = (
            show_errors(self._look),
            show_errors(self._run),
            show_errors(self._compare),
        )

    def stop(self, request: gr.Request) -> None:
        """The run under way is to end and keep what is done."""
        self.service.visit(request).cancel.set()

    def _look(
        self, request: gr.Request, portrait: Sent, driving: Sent, picked: str, *values: Any
    ) -> Iterator[tuple]:
        """Yields what is found, whether a run can begin, and the command that does the same."""
        visit = self.service.visit(request)
        desk, settings, animator = desk_of(visit), Settings(*values), self.service.animator
        motion = picked if picked in SHIPPED else ""
        command = settings.command(named(portrait, "portrait.jpg"), motion or named(driving, "driving.mp4"))
        off, on = gr.Button(interactive=False), gr.Button(interactive=True)
        if not portrait and not driving and not motion:
            desk.begin(None)  # else the same files, chosen again, would be nothing new
            yield markup.hint(EMPTY), off, command
            return
        over = desk.begin((portrait, driving, motion, settings))
        if over is None:  # the same again
            yield gr.skip(), gr.skip(), command
            return
        source = desk.prepared(animator, self._portrait(visit, portrait)) if portrait else None
        driver = self._driver(visit, driving, picked)
        both = source is not None and driver is not None
        shown: list[Figure] = [
            (portrait_face(source) if source else None, _PORTRAIT, "Portrait"),
            (None, _DRIVER, "Driver"),
            (None, "The preview comes when there are a portrait and a driver", "Preview"),
        ]
        yield markup.figures(shown), on if both else off, command
        if driver is None:
            return
        if source is None:
            desk.look(animator, driver, over)  # meanwhile
            return

        def found(recording: DriverMotion) -> str:
            seen = glimpse(animator, source, driver, recording, settings.manner, settings.crop_only)
            return markup.figures(
                [
                    (seen.portrait, _PORTRAIT, "Portrait"),
                    (seen.driver, _DRIVER, seen.says_driver),
                    (seen.result, _RESULT, seen.says_result),
                ]
            )

        unknown = isinstance(driver, Path) and desk.known(driver) is None
        beginning = look_ahead(animator, Path(driver)) if unknown else None
        if beginning is not None and not over():
            yield found(beginning), on, command
        recording = desk.look(animator, driver, over)
        if recording is not None and not over():
            yield found(recording), on, command

    def _run(
        self, request: gr.Request, portrait: Sent, driving: Sent, picked: str, *values: Any
    ) -> Iterator[tuple]:
        """Yields the player's film, the progress, and the buttons: run, stop, side by side."""
        visit, settings = self.service.visit(request), Settings(*values)
        driver = self._driver(visit, driving, picked)
        if not portrait or driver is None:
            raise InputError("Choose a portrait and a driver first.")
        order = Order(self._portrait(visit, portrait), driver, settings.ways, settings.label)
        name = f"{order.portrait.stem[:60]}-{Path(order.driving).stem[:60]}.mp4"
        gone, there = gr.Button(visible=False), gr.Button(visible=True)
        buttons: tuple = (gone, there, gone)
        with self.service.job(visit):
            try:
                for film, told in run(self.service.animator, visit, order, name):
                    yield film, told, *buttons
                    buttons = (gr.skip(),) * 3
            except Exception as error:
                yield widgets.film(None), markup.notes([excuse(error)]), there, gone, gone
                raise
        yield gr.skip(), gr.skip(), there, gone, gr.Button(BESIDE, visible=True)

    def _compare(self, request: gr.Request, label: str) -> tuple:
        """The last run's film beside its driver, or alone again; and what the button says next."""
        visit = self.service.visit(request)
        made = desk_of(visit).run
        if made is None or not made.output.exists():
            raise InputError("There is no film any more; animate once more.")
        if label == ALONE:
            return widgets.film(visit.give(made.output), name=made.output.name), BESIDE
        path = side_by_side(made.order.driving, made.order.portrait, made.output)
        show_errors = "The driver and the animated portrait, side by side"
        return widgets.film(visit.give(path), name=path.name, label=show_errors), ALONE

    def _portrait(self, visit: Visit, sent: Mapping[str, Any]) -> Path:
        return check_portrait(visit.sent(sent), self.service.limits)

    def _driver(self, visit: Visit, sent: Sent, picked: str) -> Path | str | None:
        if picked in SHIPPED or not sent:
            return picked if picked in SHIPPED else None
        return check_driving(visit.sent(sent), self.service.limits)


def named(sent: Sent, usual: str) -> str:
    """What the visitor calls the file."""
    return str(sent.get("orig_name") or Path(str(sent.get("path"))).name) if sent else usual
