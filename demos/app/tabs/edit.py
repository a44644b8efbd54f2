"""The tab Edit: sliders set a portrait's pose, gaze and expression; key frames of them make a video."""

from typing import Any

import gradio as gr
from gfla.animate.motion.controls import CONTROLS
from gfla.demos.app.tabs.edit_events import EMPTY, EditEvents, changed, keys_list
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.events import JOB, QUIET, RAW, STOP, begin_js, stop_js
from gfla.demos.app.ui.pickers import PortraitCard, portrait_card
from gfla.demos.app.visitors.service import Service

_SLIDERS = {
    "Head": {
        "yaw": ("Turn", 40, "left to right"),
        "pitch": ("Nod", 25, "up to down"),
        "roll": ("Tilt", 35, "left to right"),
        "shift_x": ("Shift sideways", 0.4, "left to right"),
        "shift_y": ("Shift up and down", 0.4, "up to down"),
        "scale": ("Size", 0.2, "smaller to larger"),
    },
    "Mouth": {
        "mouth_open": ("Open", 1, "shut to open"),
        "smile": ("Smile", 1, "corners down to up"),
        "pucker": ("Pucker", 1, "wide to pursed"),
        "jaw_side": ("Jaw", 1, "left to right"),
    },
    "Eyes": {
        "blink": ("Eyelids", 1, "wide to shut"),
        "blink_left": ("Eyelid on the left", 1, "wide to shut"),
        "blink_right": ("Eyelid on the right", 1, "wide to shut"),
        "gaze_x": ("Look sideways", 1, "left to right"),
        "gaze_y": ("Look up and down", 1, "up to down"),
    },
    "Brows": {
        "brows": ("Brows", 1, "lowered to raised"),
        "frown": ("Frown", 1, "smooth to drawn together"),
    },
}
PRESETS: dict[str, dict[str, float]] = {
    "Smile": {"smile": 0.8, "brows": 0.2, "blink": 0.1},
    "Surprised": {"brows": 1, "blink": -0.4, "mouth_open": 0.6},
    "Wink": {"blink_right": 1, "smile": 0.5, "roll": 4},
    "Doubtful": {"frown": 0.7, "brows": -0.3, "yaw": -8, "smile": -0.4},
    "Kiss": {"pucker": 0.9, "mouth_open": -0.6, "blink": 0.35},
    "Asleep": {"blink": 1, "pitch": 10, "roll": 6},
    "Looking away": {"gaze_x": 0.9, "yaw": 12},
}


def edit_tab(service: Service, page: gr.Blocks) -> PortraitCard:
    """Build the tab of `page` inside the one that is open."""
    events = EditEvents(service)
    stored = gr.BrowserState({}, storage_key="gfla-presets", secret="gfla")  # values of sliders: no secret
    with gr.Row(elem_classes="desk edit"):
        with gr.Column(scale=6, min_width=320):
            with portrait_card(service.samples, "edit") as card:
                portrait = card.portrait
            with gr.Column(elem_classes="card"):
                markup.heading("Expression", 2)
                with gr.Row(elem_classes="presets"):
                    presets = {name: gr.Button(name, size="sm") for name in PRESETS}
                own = widgets.scripted("${value}", "buttons", elem_id="own-presets")
                sliders: dict[str, gr.Slider] = {}
                for group, ranges in _SLIDERS.items():
                    with gr.Accordion(group, open=group in ("Head", "Mouth"), elem_classes="plain sliders"):
                        for name, (label, most, info) in ranges.items():
                            least = -most if name != "pucker" else -0.5
                            step = 0.5 if most > 1 else 0.02
                            sliders[name] = gr.Slider(
                                least,
                                most,
                                0,
                                step=step,
                                label=label,
                                info=info,
                                elem_id=f"edit-{name}",
                                elem_classes="centred" if least == -most else "off-centre",
                                buttons=[],
                            )
                controls = [sliders[name] for name in CONTROLS]
                with gr.Row(elem_classes="buttons"):
                    named = gr.Textbox(
                        label="Keep this expression as", max_length=30, min_width=140, elem_id="preset-name"
                    )
                    keep = gr.Button("Keep", size="sm", elem_id="preset-keep")
        with gr.Column(scale=6, min_width=320):
            with gr.Column(elem_classes="card follow"):
                view = widgets.view(EMPTY, elem_id="view")
                with gr.Row(elem_classes="buttons"):
                    reset = gr.Button("Reset", size="sm", elem_id="reset")
                    save = gr.Button("Save picture", size="sm", elem_id="save")
                saver = widgets.saver(elem_id="saver")
            with gr.Column(elem_classes="card late"):
                markup.heading("A short video", 3)
                keys = widgets.scripted("${value}", "buttons", value=keys_list({}), elem_id="keys")
                with gr.Row(elem_classes="buttons", equal_height=True):
                    at = gr.Number(0, label="At second", minimum=0, maximum=30, step=0.1, min_width=90)
                    add = gr.Button("Add key frame", size="sm", elem_id="add-key")
                make = gr.Button("Make the video", variant="primary", elem_id="edit-run")
                stop = gr.Button(STOP, visible=False, elem_id="edit-stop")
                status = gr.HTML("", elem_id="edit-status", apply_default_css=False)
                note = gr.HTML("", elem_id="edit-note", apply_default_css=False)
                player = widgets.player(elem_id="edit-player")
            with gr.Accordion("As a command", open=False, elem_classes="card late"):
                command = gr.Textbox(
                    label="The same in a terminal",
                    interactive=False,
                    lines=2,
                    buttons=["copy"],
                    elem_classes="mono",
                )

    def preset(name: str) -> list[float]:
        return [PRESETS.get(name, {}).get(control, 0.0) for control in CONTROLS]

    def keep_preset(kept: Any, name: str, *values: float) -> tuple:
        """The presets with this one, and their buttons."""
        kept = kept_presets(kept)
        if name.strip():
            kept[name.strip()] = changed(values)
        return kept, markup.chips(kept), ""

    def take_preset(event: gr.EventData, kept: Any, *values: float) -> tuple:
        """One of the presets on the sliders, or the presets without it."""
        kept = kept_presets(kept)
        if event.act == "remove":
            kept.pop(event.name, None)
            return kept, markup.chips(kept), *(gr.skip() for _ in CONTROLS)
        chosen = kept.get(event.name, {})
        return gr.skip(), gr.skip(), *(chosen.get(control, 0.0) for control in CONTROLS)

    def show_presets(kept: Any) -> str:
        return markup.chips(kept_presets(kept))

    quiet: dict[str, Any] = {"queue": False, **QUIET}
    drawn = [view, command, note]
    portrait.change(events.open, [portrait, *controls], [view, command, card.note], **RAW, **quiet)
    gr.on(
        [slider.input for slider in controls],
        events.draw,
        controls,
        drawn,
        trigger_mode="always_last",
        **quiet,
    )
    for button in [*presets.values(), reset]:
        button.click(preset, button, controls, **quiet).then(events.draw, controls, drawn, **quiet)
    keep.click(keep_preset, [stored, named, *controls], [stored, own, named], **quiet)
    pick: Any = own.pick  # type: ignore[attr-defined]
    taken = pick(take_preset, [stored, *controls], [stored, own, *controls], **quiet)
    taken.then(events.draw, controls, drawn, **quiet)
    stored.change(show_presets, stored, own, **quiet)  # read from the browser when the tab is first opened
    save.click(events.save, controls, [saver, note], **quiet)
    add.click(events.add_key, [at, *controls], [keys, at, command, note], **quiet)
    remove: Any = keys.pick  # type: ignore[attr-defined]
    remove(events.remove_key, controls, [keys, at, command, note], **quiet)
    make.click(None, None, [make, stop, status, note], js=begin_js("#edit-stop"), **QUIET)
    make.click(events.render, None, [player, status, make, stop, note], **JOB, **QUIET)
    stop.click(None, None, stop, js=stop_js(), **QUIET)
    stop.click(events.stop, **quiet)
    return card


def kept_presets(kept: Any) -> dict[str, dict[str, float]]:
    """The visitor's own presets as the browser kept them; what is not one is left out."""
    found = {}
    for name, values in (kept if isinstance(kept, dict) else {}).items():
        try:
            found[str(name)[:30]] = changed(tuple(float(values.get(control, 0)) for control in CONTROLS))
        except (AttributeError, TypeError, ValueError):
            continue
    return found
