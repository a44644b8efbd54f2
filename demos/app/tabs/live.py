"""The tab Live: the visitor's camera moves a portrait, one frame a request."""

import json
from typing import Any

import gradio as gr
from gfla.animate.options import PARTS, AnimateOptions
from gfla.demos.app.tabs.live_session import begin_live
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.events import QUICK, QUIET, RAW
from gfla.demos.app.ui.images import data_url
from gfla.demos.app.ui.inputs import Sent
from gfla.demos.app.ui.pickers import PortraitCard, portrait_card
from gfla.demos.app.visitors.errors import note_errors
from gfla.demos.app.visitors.service import Service

_ABOUT = (
    "Look straight into the camera with a neutral face and press Calibrate: motion is measured from there. "
    "Camera frames go to this server only and are not stored; a recording is deleted when you leave."
)
_GAINS = "".join(
    f'<label>{part.capitalize()}<input type="range" min="0" max="2" step="0.05" value="1" data-gain="{part}">'
    "</label>"
    for part in PARTS
)
_VIEW = f"""
<div class="live" data-on="false" data-mirror="true">
  <div class="views">
    <canvas data-live="picture" width="256" height="256" role="img" aria-label="The portrait, live"></canvas>
    <canvas data-live="sent" width="320" height="240" role="img" aria-label="Your camera"></canvas>
  </div>
  <p class="numbers"><span><b data-live="rate">0</b> frames a second</span>
    <span><b data-live="behind">0</b> ms behind</span></p>
  <p data-live="status" role="status"></p>
  <p class="wrong" data-live="alert" role="alert"></p>
  <div class="actions">
    <button type="button" data-live="start" disabled>Start the camera</button>
    <button type="button" class="second" data-live="calibrate" disabled>Calibrate</button>
    <button type="button" class="second" data-live="snapshot" disabled>Snapshot</button>
    <button type="button" class="second" data-live="record" aria-pressed="false" disabled>Record</button>
    <button type="button" class="second" data-live="full" disabled>Full screen</button>
  </div>
  <div class="actions">
    <label data-live="cameras" hidden>Camera <select data-live="camera"></select></label>
    <label><input type="checkbox" data-live="mirror" checked> Mirror</label>
    <label><input type="checkbox" data-live="label"> Write “AI-generated” into it</label>
  </div>
  <details class="gains"><summary>Strength of each part</summary><div>{_GAINS}</div></details>
</div>
"""


def live_tab(service: Service, page: gr.Blocks) -> PortraitCard:
    """Build the tab of `page` inside the one that is open."""
    with gr.Row(elem_classes="desk"):
        with gr.Column(scale=5, min_width=320), portrait_card(service.samples, "live") as card:
            portrait = card.portrait
        with gr.Column(scale=7, min_width=320, elem_classes="stage"), gr.Column(elem_classes="card"):
            markup.heading("Live", 2)
            view = widgets.scripted(_VIEW, "live", elem_id="live-view")
            gr.HTML(markup.small(_ABOUT), apply_default_css=False)

    @note_errors(1)
    def open_session(request: gr.Request, portrait: Sent) -> str:
        """The view's value, JSON: where to send frames (`address`) and the still portrait (`face`)."""
        if not portrait:
            return "{}"
        visit = service.visit(request)
        visit.memory["portrait"] = portrait
        state = service.animator.prepare(service.portrait(visit, portrait), AnimateOptions(crop_only=True))
        address = begin_live(service, visit, state)
        return json.dumps({"address": address, "face": data_url(state.portrait.face)})

    latest: dict[str, Any] = {"trigger_mode": "always_last"} | RAW | QUICK | QUIET
    portrait.change(open_session, portrait, [view, card.note], **latest)
    return card
