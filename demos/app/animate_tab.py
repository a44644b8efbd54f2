"""The tab Animate: a portrait and a driver, what is found in both at once, then the film while it is made."""

from typing import Any

import gradio as gr
from gfla.demos.app import markup
from gfla.demos.app.animating import BESIDE, EMPTY, Animating
from gfla.demos.app.inputs import PortraitInput, VideoInput, consent
from gfla.demos.app.service import JOB, LOOK, UNSEEN, Service
from gfla.demos.app.settings import NAMES, Settings, build_settings, remembered


def animate_tab(service: Service, page: gr.Blocks) -> None:
    """Build the tab of `page` inside the one that is open."""
    events = Animating(service)
    samples = service.samples
    motion = gr.State("")
    kept = gr.BrowserState({}, storage_key="gfla-animate", secret="gfla")  # no secret: settings alone
    with gr.Row(elem_classes="desk"):
        with gr.Column(scale=5, min_width=320):
            with gr.Column(elem_classes="card"):
                markup.heading("Portrait", 1)
                portrait = PortraitInput(label="Portrait", elem_id="portrait")
                portraits = markup.Picks(samples.portraits, "Portraits to try", elem_id="portraits")
                consent()
            with gr.Column(elem_classes="card"):
                markup.heading("Driver", 2)
                driving = VideoInput(label="Driving video", elem_id="driving")
                drivers = markup.Picks(samples.drivers, "Drivers and motions to try", elem_id="drivers")
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
                player = markup.Player(elem_id="player")
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

    def choose_driver(event: gr.EventData) -> tuple[str | None, str]:
        sample = samples.driver(event.name)
        return (str(sample.file), "") if sample.file else (None, sample.name)

    def keep(*values: Any) -> dict[str, Any]:
        return dict(zip(NAMES, values, strict=True))

    def recall(stored: Any) -> list[Any]:
        return list(vars(remembered(stored)).values())

    quiet: dict[str, Any] = {"show_progress": "hidden", **UNSEEN}
    asked = [portrait, driving, motion, *controls]
    portraits.pick(choose_portrait, None, portrait, queue=False, **quiet)
    drivers.pick(choose_driver, None, [driving, motion], queue=False, **quiet)
    portrait.input(lambda: "", None, portraits, queue=False, **quiet)
    driving.input(lambda: ("", ""), None, [motion, drivers], queue=False, **quiet)
    gr.on(
        [part.change for part in asked],
        events.look,
        asked,
        [seen, run, command],
        trigger_mode="always_last",
        **LOOK,
        **quiet,
    )
    run.click(
        events.run,
        asked,
        [player, told, run, stop, beside],
        show_progress="minimal",
        show_progress_on=told,
        **JOB,
        **UNSEEN,
    )
    stop.click(events.stop, queue=False, **quiet)
    beside.click(events.compare, beside, [player, beside], **LOOK, **UNSEEN)
    gr.on([part.change for part in controls], keep, controls, kept, queue=False, **quiet)
    usual.click(lambda: list(vars(Settings()).values()), None, controls, queue=False, **quiet)
    page.load(recall, kept, controls, queue=False, **quiet)
