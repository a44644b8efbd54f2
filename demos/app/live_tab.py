"""The tab Live: the visitor's camera moves a portrait, frame by frame."""

import json
from collections.abc import Mapping
from typing import Any

import gradio as gr
from gfla.demos.app import markup, widgets
from gfla.demos.app.choosing import QUIET, choose_portrait
from gfla.demos.app.inputs import RAW
from gfla.demos.app.living import begin
from gfla.demos.app.pictures import as_source
from gfla.demos.app.service import QUICK, Service, spoken
from gfla.demos.app.uploads import check_portrait

_ABOUT = (
    "Look straight into the camera with a calm face and press Calibrate: motion is counted from there. The "
    "camera's pictures go to this server alone and are not kept."
)
_VIEW = """
<div class="live" data-on="false" data-mirror="true">
  <div class="views">
    <canvas data-live="picture" width="256" height="256" role="img" aria-label="The portrait, live"></canvas>
    <canvas data-live="sent" width="320" height="240" role="img" aria-label="Your camera"></canvas>
  </div>
  <p class="numbers"><span><b data-live="rate">0</b> frames a second</span>
    <span><b data-live="behind">0</b> ms behind</span></p>
  <p data-live="told" role="status"></p>
  <p class="wrong" data-live="alert" role="alert"></p>
  <div class="actions">
    <button type="button" data-live="start" disabled>Start the camera</button>
    <button type="button" class="second" data-live="calibrate" disabled>Calibrate</button>
    <label><input type="checkbox" data-live="mirror" checked> Mirror</label>
  </div>
</div>
"""


def live_tab(service: Service, page: gr.Blocks) -> None:
    """Build the tab of `page` inside the one that is open."""
    with gr.Row(elem_classes="desk"):
        with gr.Column(scale=5, min_width=320):
            portrait = choose_portrait(service.samples, "live")
        with gr.Column(scale=7, min_width=320, elem_classes="stage"), gr.Column(elem_classes="card"):
            markup.heading("Live", 2)
            view = widgets.live(_VIEW, "live", elem_id="live-view")
            gr.HTML(f'<p class="consent">{_ABOUT}</p>', apply_default_css=False)

    @spoken
    def seat(request: gr.Request, portrait: Mapping[str, Any] | None) -> str:
        """What the view is told, as JSON: where frames go (`address`), and the portrait (`face`)."""
        if not portrait:
            return "{}"
        visit = service.visit(request)
        file = check_portrait(visit.sent(portrait), service.limits)
        state = service.animator.prepare(file, crop_only=True)
        return json.dumps({"address": begin(service, visit, state), "face": as_source(state.portrait.face)})

    portrait.change(seat, portrait, view, trigger_mode="always_last", **RAW, **QUICK, **QUIET)
