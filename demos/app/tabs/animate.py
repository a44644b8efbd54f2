"""The tab Animate: choose a portrait and a driver, see a preview at once, then the video while it is made."""

from typing import Any

import gradio as gr
from gfla.animate.motion.presets import SUFFIX
from gfla.demos.app.tabs.animate_events import BESIDE, EMPTY, AnimateEvents
from gfla.demos.app.tabs.animate_inputs import FORMATS, InputEvents
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.events import (
    JOB,
    PRIVATE,
    QUICK,
    QUIET,
    RAW,
    SCAN,
    STOP,
    Js,
    begin_js,
    go_to_js,
    stop_js,
)
from gfla.demos.app.ui.inputs import file_data
from gfla.demos.app.ui.pickers import PortraitCard, driver_card, portrait_card
from gfla.demos.app.ui.settings import SETTINGS, build_controls, default_values, restore_values
from gfla.demos.app.visitors.service import Service

_KEEP_TOKEN: Js = "token => { sessionStorage.setItem('gfla-visit', token); return []; }"
_KEPT_TOKEN: Js = "() => sessionStorage.getItem('gfla-visit') ?? ''"


def animate_tab(service: Service, page: gr.Blocks) -> PortraitCard:
    """Build the tab of `page` inside the one that is open."""
    events, looks = AnimateEvents(service), InputEvents(service)
    stored = gr.BrowserState({}, storage_key="gfla-animate", secret="gfla")  # settings only: no secret
    token = gr.Textbox(visible=False)
    shown = widgets.showcase(service.samples, elem_id="showcase")
    with gr.Row(elem_classes="desk"):
        with gr.Column(scale=5, min_width=320):
            with portrait_card(service.samples, "animate") as card:
                with gr.Row(elem_classes="buttons"):
                    edit = gr.Button("Edit this", size="sm", elem_id="edit-this")
                    live = gr.Button("Go live with this", size="sm", elem_id="live-this")
                with gr.Accordion(
                    "Face, part, or a video", open=False, elem_classes="plain", elem_id="portrait-more"
                ) as more:
                    portrait_frame = widgets.frame(elem_id="portrait-frame")
                    source_video = gr.UploadButton(
                        "Take a video as the portrait",
                        file_types=["video"],
                        size="sm",
                        elem_id="source-video",
                    )
            with driver_card(service.samples, "animate") as driver:
                trim = widgets.trim(elem_id="trim")
                with gr.Accordion(
                    "Face, part, reference frame, motion files",
                    open=False,
                    elem_classes="plain",
                    elem_id="driver-more",
                ):
                    driver_frame = widgets.frame(elem_id="driver-frame")
                    auto = gr.Checkbox(True, label="Choose the reference frame for me", elem_id="auto")
                    reference = gr.Slider(
                        0,
                        1,
                        0,
                        step=1,
                        label="Reference frame",
                        visible=False,
                        buttons=[],
                        elem_id="reference",
                    )
                    gr.HTML(markup.small(_REFERENCE), apply_default_css=False)
                    with gr.Row(elem_classes="buttons"):
                        template = gr.UploadButton(
                            "Take a .motion file", file_types=[SUFFIX], size="sm", elem_id="template"
                        )
                        save = gr.Button("Save this motion", size="sm", elem_id="save-motion")
                    saved = widgets.saver()
                    save_note = gr.HTML("", apply_default_css=False)
            with gr.Accordion("Settings", open=False, elem_classes="card"):
                suffix = gr.Radio(list(FORMATS), value="MP4", label="Format", elem_id="format")
                controls = build_controls()
                default = gr.Button("Reset to defaults", size="sm")
        with gr.Column(scale=7, min_width=320, elem_classes="stage"):
            with gr.Column(elem_classes="card", elem_id="result"):
                markup.heading("Result", 3)
                preview = gr.HTML(markup.hint(EMPTY), elem_id="preview", apply_default_css=False)
                run = gr.Button("Animate", variant="primary", interactive=False, elem_id="run")
                stop = gr.Button(STOP, visible=False, elem_id="stop")
                status = gr.HTML("", elem_id="status", apply_default_css=False)
                note = gr.HTML("", elem_id="result-note", apply_default_css=False)
                player = widgets.player(elem_id="player")
                with gr.Row(elem_classes="buttons", visible=False) as after:
                    beside = gr.Button(BESIDE, size="sm", elem_id="beside")
                results = widgets.results(elem_id="results")
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

    def begin_like(event: gr.EventData) -> tuple:
        """A sample portrait, and a sample driver with its video, if it has one."""
        driver = service.samples.driver(event.driver)
        file = service.samples.portrait(event.portrait).file
        portrait = file_data(file) if file else None
        return portrait, event.portrait, file_data(driver.file) if driver.file else None, event.driver

    def show_slider(auto: bool) -> Any:
        return gr.Slider(visible=not auto)

    inputs: list[Any] = [card.portrait, driver.driving, driver.picks, portrait_frame, driver_frame, trim]
    inputs += [auto, reference, suffix, *controls]
    quiet: dict[str, Any] = {"queue": False, **QUIET}
    look: dict[str, Any] = {"trigger_mode": "always_last"} | RAW | QUICK | QUIET
    seen = [preview, run, reference, line, driver.note]
    latest: dict[str, Any] = RAW | SCAN | QUIET

    def preview_after(event: Any) -> None:
        event.then(events.show_preview, inputs, seen, **latest)

    chosen = [portrait_frame, more, card.note]
    preview_after(card.portrait.change(looks.look_at_portrait, card.portrait, chosen, **look))
    on_driver = [driver.driving, driver.picks], [trim, driver_frame, driver.note]
    preview_after(driver.driving.change(looks.look_at_driver, *on_driver, **look))
    preview_after(driver.picked.then(looks.look_at_driver, *on_driver, **look))
    changed: Any = [reference.release, auto.change, *(part.change for part in [suffix, *controls])]
    again: dict[str, Any] = {"trigger_mode": "always_last"} | latest
    gr.on(changed, events.show_preview, inputs, seen, **again)
    for part in (portrait_frame, driver_frame, trim):
        part.pick(events.show_preview, inputs, seen, **again)  # type: ignore[attr-defined]
    auto.change(show_slider, auto, reference, **quiet)

    raw: dict[str, Any] = {"postprocess": False, **RAW, **QUICK, **QUIET}
    source_video.upload(looks.take_video, source_video, [card.portrait, card.note], **raw)
    taken = template.upload(looks.take_template, template, [driver.driving, driver.picks, driver.note], **raw)
    preview_after(taken)
    save.click(events.save_motion, inputs, [saved, save_note], **RAW, **SCAN, **QUIET)
    like: Any = shown.pick  # type: ignore[attr-defined]
    pair = [card.portrait, card.picks, driver.driving, driver.picks]
    preview_after(like(begin_like, None, pair, postprocess=False, **quiet))

    outputs = [player, status, run, stop, after, results, note]
    run.click(None, None, [run, stop, status, note], js=begin_js("#stop"), **QUIET)
    run.click(events.render, inputs, outputs, show_progress="hidden", **RAW, **JOB, **PRIVATE)
    stop.click(None, None, stop, js=stop_js(), **QUIET)
    stop.click(events.stop, **quiet)
    beside.click(events.compare, beside, [player, beside, note], **SCAN, **QUIET)
    results.pick(events.show, None, [player, results, beside, note], **quiet)  # type: ignore[attr-defined]
    edit.click(None, js=go_to_js("Edit"), **QUIET)
    live.click(None, js=go_to_js("Live"), **QUIET)

    gr.on([part.change for part in controls], store, controls, stored, **quiet)
    default.click(default_values, None, controls, **quiet)
    page.load(restore_values, stored, controls, **quiet)
    restored_parts = [token, card.portrait, driver.driving, driver.picks, results, player]
    restored = page.load(events.restore, token, restored_parts, js=_KEPT_TOKEN, postprocess=False, **quiet)
    restored.then(None, token, None, js=_KEEP_TOKEN, **QUIET)
    return card


_REFERENCE = (
    "In the reference frame the driver looks as the portrait does: with the same expression, from the same "
    "side. All motion is measured from there."
)
