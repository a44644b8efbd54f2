"""The tab Edit: sliders set a portrait's pose, gaze and expression; key frames of them make a video."""

from typing import Any

import gradio as gr
from gfla.animate.motion.controls import CONTROLS
from gfla.demos.app.tabs.edit_events import EMPTY, EditEvents, keys_list
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.events import JOB, PRIVATE, QUIET, RAW
from gfla.demos.app.ui.pickers import choose_portrait
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
    "Kiss": {"pucker": 0.9, "blink": 0.35},
    "Asleep": {"blink": 1, "pitch": 10, "roll": 6},
    "Looking away": {"gaze_x": 0.9, "yaw": 12},
}


def edit_tab(service: Service, page: gr.Blocks) -> None:
    """Build the tab of `page` inside the one that is open."""
    events = EditEvents(service)
    with gr.Row(elem_classes="desk edit"):
        with gr.Column(scale=6, min_width=320):
            with gr.Column(elem_classes="card follow"):
                view = widgets.view(EMPTY, elem_id="view")
                with gr.Row(elem_classes="buttons"):
                    reset = gr.Button("Reset", size="sm", elem_id="reset")
                    save = gr.Button("Save picture", size="sm", elem_id="save")
                saver = widgets.saver(elem_id="saver")
            with gr.Column(elem_classes="card late"):
                markup.heading("A short video", 3)
                keys = gr.HTML(keys_list({}), elem_id="keys", apply_default_css=False)
                with gr.Row(elem_classes="buttons", equal_height=True):
                    at = gr.Number(0, label="At second", minimum=0, maximum=30, step=0.1, min_width=90)
                    add = gr.Button("Add key frame", size="sm", elem_id="add-key")
                    clear = gr.Button("Clear", size="sm")
                make = gr.Button("Make the video", variant="primary", elem_id="edit-run")
                status = gr.HTML("", apply_default_css=False)
                player = widgets.player(elem_id="edit-player")
            with gr.Accordion("As a command", open=False, elem_classes="card late"):
                command = gr.Textbox(
                    label="The same in a terminal",
                    interactive=False,
                    lines=2,
                    buttons=["copy"],
                    elem_classes="mono",
                )
        with gr.Column(scale=6, min_width=320):
            portrait = choose_portrait(service.samples, "edit")
            with gr.Column(elem_classes="card"):
                markup.heading("Expression", 2)
                with gr.Row(elem_classes="presets"):
                    presets = {name: gr.Button(name, size="sm") for name in PRESETS}
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
                                buttons=[],
                            )
                controls = [sliders[name] for name in CONTROLS]

    def preset(name: str) -> list[float]:
        return [PRESETS.get(name, {}).get(control, 0.0) for control in CONTROLS]

    quiet: dict[str, Any] = {"queue": False, **QUIET}
    drawn = [view, command]
    portrait.change(events.open, [portrait, *controls], drawn, **RAW, **quiet)
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
    save.click(events.save, controls, saver, **quiet)
    add.click(events.add_key, [at, *controls], [keys, at, command], **quiet)
    clear.click(events.clear_keys, controls, [keys, at, command], **quiet)
    progress: dict[str, Any] = {"show_progress": "minimal", "show_progress_on": status}
    make.click(events.render, None, [player, status], **progress, **JOB, **PRIVATE)
