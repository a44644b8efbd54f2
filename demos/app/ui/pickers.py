"""A card to choose a portrait, a card to choose a driver: uploaded or picked from the samples."""

from typing import Any

import gradio as gr
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.events import QUIET
from gfla.demos.app.ui.inputs import consent, file_data, portrait_input, video_input
from gfla.demos.app.ui.samples import Samples
from gradio.events import Dependency


def choose_portrait(samples: Samples, tab: str, number: int = 1) -> gr.Image:
    """A card with a portrait to choose. tab: prefix of the element ids."""
    with gr.Column(elem_classes="card"):
        markup.heading("Portrait", number)
        portrait = portrait_input("Portrait", elem_id=f"{tab}-portrait")
        picks = widgets.picks(samples.portraits, "Sample portraits", elem_id=f"{tab}-portraits")
        consent()

    def pick(event: gr.EventData) -> str:
        return str(samples.portrait(event.name).file)

    picks.pick(pick, None, portrait, queue=False, **QUIET)  # type: ignore[attr-defined]
    portrait.input(lambda: "", None, picks, queue=False, **QUIET)
    return portrait


def choose_driver(samples: Samples, tab: str, number: int = 2) -> tuple[gr.Video, gr.HTML, Dependency]:
    """A card with a driver to choose.

    Returns the video; the name of the picked sample, which may be a motion and so has no video; and the event
    of picking, to chain others to. tab: prefix of the element ids.
    """
    with gr.Column(elem_classes="card"):
        markup.heading("Driver", number)
        driving = video_input("Driving video", elem_id=f"{tab}-driving")
        picks = widgets.picks(samples.drivers, "Sample drivers and motions", elem_id=f"{tab}-drivers")

    def pick(event: gr.EventData) -> Any:
        file = samples.driver(event.name).file
        return None if file is None else file_data(file)

    picked = picks.pick(pick, None, driving, postprocess=False, queue=False, **QUIET)  # type: ignore[attr-defined]
    driving.input(lambda: "", None, picks, queue=False, **QUIET)
    return driving, picks, picked
