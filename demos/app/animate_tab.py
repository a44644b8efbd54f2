"""The tab Animate: a portrait and a driver, what is found in both at once, then the film while it is made."""

from typing import Any

import gradio as gr
from gfla.demos.app import markup, widgets
from gfla.demos.app.animating import BESIDE, EMPTY, Animating
from gfla.demos.app.inputs import RAW, consent, file_data, portrait_input, video_input
from gfla.demos.app.service import JOB, LOOK, UNSEEN, Service
from gfla.demos.app.settings import NAMES, Settings, build_settings, remembered


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
