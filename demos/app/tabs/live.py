"""The tab Live: the visitor's camera moves a portrait, frame by frame."""

import asyncio
import io
import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
import numpy as np
from gfla.animate import AnimationState, Animator, Frame, InputError
from gfla.animate.streaming.live import CLOCK, Controls, LiveCount, live_step
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.events import QUICK
from gfla.demos.app.ui.images import Image, as_source, jpeg
from gfla.demos.app.ui.inputs import RAW
from gfla.demos.app.ui.pickers import QUIET, choose_portrait
from gfla.demos.app.visitors.access import logged_in
from gfla.demos.app.visitors.service import Service, show_errors
from gfla.demos.app.visitors.session import Visit
from gfla.demos.app.visitors.uploads import check_portrait
from PIL import Image as Pillow
from PIL import UnidentifiedImageError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

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

    @show_errors
    def seat(request: gr.Request, portrait: Mapping[str, Any] | None) -> str:
        """What the view is told, as JSON: where frames go (`address`), and the portrait (`face`)."""
        if not portrait:
            return "{}"
        visit = service.visit(request)
        file = check_portrait(visit.sent(portrait), service.limits)
        state = service.animator.prepare(file, crop_only=True)
        return json.dumps({"address": begin(service, visit, state), "face": as_source(state.portrait.face)})

    portrait.change(seat, portrait, view, trigger_mode="always_last", **RAW, **QUICK, **QUIET)


LIVE = "live"
"""Its name among what is kept of a visit, and the end of its address."""
_BYTES, _SIDE = 2**20, 1280  # of a frame that is sent
_LEFT = 5.0  # seconds without a frame after which somebody else may have the place
_QUALITY = 90


@dataclass(eq=False)
class Living:
    """One visitor's portrait, live. began: on the clock of `time.perf_counter`."""

    animator: Animator
    state: AnimationState
    controls: Controls = field(default_factory=Controls)
    count: LiveCount = field(default_factory=LiveCount)
    began: float = field(default_factory=time.perf_counter)

    def step(self, sent: bytes) -> tuple[bytes, bool]:
        """The portrait's frame for a camera's, both JPEG, and whether a face was seen. InputError if what was
        sent is none."""
        taken = time.perf_counter()
        frame = Frame(_picture(sent), int((taken - self.began) / CLOCK), CLOCK)
        made, self.state = live_step(self.animator, frame, self.state, self.controls)
        self.count.frames += 1
        self.count.latency = time.perf_counter() - taken
        return jpeg(made.on_white(), _QUALITY), self.state.landmarks is not None


class Places:
    """Who is live: `most` visitors at once, each until no frame of it came for a while."""

    def __init__(self, most: int):
        self._most = most
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, token: str) -> bool:
        """Whether that visitor has a place now."""
        now = time.monotonic()
        with self._lock:
            self._seen = {who: at for who, at in self._seen.items() if now - at < _LEFT}
            if token not in self._seen and len(self._seen) >= self._most:
                return False
            self._seen[token] = now
            return True

    def leave(self, token: str) -> None:
        """That visitor's place is free."""
        with self._lock:
            self._seen.pop(token, None)


def begin(service: Service, visit: Visit, state: AnimationState) -> str:
    """Let this visitor move the portrait of `state`; returns the address to send frames to, relative to the
    page."""
    visit.kept[LIVE] = Living(service.animator, state)
    return f"gfla/{visit.token}/{LIVE}"


def live_routes(service: Service) -> list[Route]:
    """POST gfla/TOKEN/live?mirror=0|1&calibrate=0|1: a JPEG in, a JPEG out, its header X-Face 0 or 1; with
    leave=1 nothing but that this was the last."""
    places = Places(service.limits.live)
    thread = ThreadPoolExecutor(1, "live")

    async def live(request: Request) -> Response:
        if not logged_in(request):
            return PlainTextResponse("Log in first.", 401)
        visit = service.visits.by_token(request.path_params["token"])
        living: Living | None = visit.kept.get(LIVE) if visit else None
        if visit is None or living is None:
            return PlainTextResponse("This page is not known here any more; load it anew.", 404)
        if request.query_params.get("leave") == "1":
            places.leave(visit.token)
            return Response(status_code=204)
        if not places.take(visit.token):
            return PlainTextResponse("Somebody else is live at this moment; try again in a while.", 503)
        sent = bytearray()
        async for part in request.stream():
            sent += part
            if len(sent) > _BYTES:
                return PlainTextResponse("This frame is too large.", 413)
        living.controls.mirror = request.query_params.get("mirror") == "1"
        if request.query_params.get("calibrate") == "1":
            living.controls.calibrate()
        try:
            made, face = await asyncio.get_running_loop().run_in_executor(thread, living.step, bytes(sent))
        except InputError as error:
            return PlainTextResponse(str(error), 400)
        return Response(
            made, media_type="image/jpeg", headers={"Cache-Control": "no-store", "X-Face": str(int(face))}
        )

    return [Route("/gfla/{token}/" + LIVE, live, methods=["POST"])]


def _picture(sent: bytes) -> Image:
    """RGB of a JPEG whose size is looked at before it is decoded."""
    try:
        with Pillow.open(io.BytesIO(sent), formats=("JPEG",)) as image:
            if max(image.size) > _SIDE:
                raise InputError(f"This frame is too large; send at most {_SIDE} pixels on its longer side.")
            return np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("This frame is no whole JPEG.") from None
