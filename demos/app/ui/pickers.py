"""A card to choose a portrait, a card to choose a driver: uploaded or picked from the samples."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.events import QUIET
from gfla.demos.app.ui.inputs import consent, file_data, portrait_input, video_input
from gfla.demos.app.ui.samples import Samples
from gradio.events import Dependency


@dataclass(frozen=True)
class PortraitCard:
    """portrait: the picture. picks: the name of the picked sample. note: HTML for what is wrong with it."""

    portrait: gr.Image
    picks: gr.HTML
    note: gr.HTML


@dataclass(frozen=True)
class DriverCard:
    """driving: the video. picks: the name of the picked sample or motion; a motion has no video. picked: the
    event of picking, to chain others to. note: HTML for what is wrong with the driver."""

    driving: gr.Video
    picks: gr.HTML
    picked: Dependency
    note: gr.HTML


@contextmanager
def portrait_card(samples: Samples, tab: str, number: int = 1) -> Iterator[PortraitCard]:
    """A card with a portrait to choose; what the `with` block makes stands in it. tab: prefix of the element
    ids."""
    with gr.Column(elem_classes="card"):
        markup.heading("Portrait", number)
        portrait = portrait_input("Portrait", elem_id=f"{tab}-portrait")
        note = gr.HTML("", elem_id=f"{tab}-portrait-note", apply_default_css=False)
        picks = widgets.picks(samples.portraits, "Sample portraits", elem_id=f"{tab}-portraits")
        yield PortraitCard(portrait, picks, note)
        consent()

    def pick(event: gr.EventData) -> str:
        return str(samples.portrait(event.name).file)

    picks.pick(pick, None, portrait, queue=False, **QUIET)  # type: ignore[attr-defined]
    portrait.input(lambda: "", None, picks, queue=False, **QUIET)


@contextmanager
def driver_card(samples: Samples, tab: str, number: int = 2) -> Iterator[DriverCard]:
    """A card with a driver to choose; what the `with` block makes stands in it. tab: prefix of the element
    ids."""
    with gr.Column(elem_classes="card"):
        markup.heading("Driver", number)
        driving = video_input("Driving video", elem_id=f"{tab}-driving")
        note = gr.HTML("", elem_id=f"{tab}-driving-note", apply_default_css=False)
        picks = widgets.picks(samples.drivers, "Sample drivers and motions", elem_id=f"{tab}-drivers")

        def pick(event: gr.EventData) -> Any:
            file = samples.driver(event.name).file
            return None if file is None else file_data(file)

        chosen: Any = picks.pick  # type: ignore[attr-defined]
        picked = chosen(pick, None, driving, postprocess=False, queue=False, **QUIET)
        yield DriverCard(driving, picks, picked, note)
    driving.input(lambda: "", None, picks, queue=False, **QUIET)
