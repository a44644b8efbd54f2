"""The tab Live: the visitor's camera moves a portrait, one frame a request."""

import asyncio
import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import gradio as gr
import numpy as np
from gfla.animate import AnimationState, Animator, Frame, InputError
from gfla.animate.streaming.live import CLOCK, Controls, LiveCount, live_step
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.events import QUICK, QUIET, RAW
from gfla.demos.app.ui.images import Image, data_url, jpeg
from gfla.demos.app.ui.inputs import Sent
from gfla.demos.app.ui.pickers import choose_portrait
from gfla.demos.app.visitors.access import logged_in
from gfla.demos.app.visitors.errors import message_of, show_errors
from gfla.demos.app.visitors.service import Service
from gfla.demos.app.visitors.session import Visit
from PIL import Image as Pillow
from PIL import UnidentifiedImageError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

LIVE = "live"
"""Key of the session in a visit's memory, and the end of its address."""
_BYTES, _SIDE = 2**20, 1280  # most bytes and pixels of a sent frame
_IDLE = 5.0  # seconds without a frame until a seat is free again
_QUALITY = 90  # of the answer's JPEG
_ABOUT = (
    "Look straight into the camera with a neutral face and press Calibrate: motion is measured from there. "
    "Camera frames go to this server only and are not stored."
)
_VIEW = """
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
            view = widgets.scripted(_VIEW, "live", elem_id="live-view")
            gr.HTML(markup.small(_ABOUT), apply_default_css=False)

    @show_errors
    def open_session(request: gr.Request, portrait: Sent) -> str:
        """The view's value, JSON: where to send frames (`address`) and the still portrait (`face`)."""
        if not portrait:
            return "{}"
        visit = service.visit(request)
        state = service.animator.prepare(service.portrait(visit, portrait), crop_only=True)
        address = begin_live(service, visit, state)
        return json.dumps({"address": address, "face": data_url(state.portrait.face)})

    portrait.change(open_session, portrait, view, trigger_mode="always_last", **RAW, **QUICK, **QUIET)


@dataclass(eq=False)
class LiveSession:
    """One visitor's live portrait. began: of `time.perf_counter`."""

    animator: Animator
    state: AnimationState
    controls: Controls = field(default_factory=Controls)
    count: LiveCount = field(default_factory=LiveCount)
    began: float = field(default_factory=time.perf_counter)

    def step(self, sent: bytes) -> tuple[bytes, bool]:
        """The portrait's frame for a camera's, both JPEG, and whether a face was seen. InputError if `sent`
        is no usable JPEG."""
        taken = time.perf_counter()
        frame = Frame(_decode(sent), int((taken - self.began) / CLOCK), CLOCK)
        made, self.state = live_step(self.animator, frame, self.state, self.controls)
        self.count.frames += 1
        self.count.latency = time.perf_counter() - taken
        return jpeg(made.on_white(), _QUALITY), self.state.landmarks is not None


class Seats:
    """At most `count` visitors are live at once; a seat is free when its visitor leaves or sends no frame."""

    def __init__(self, count: int):
        self._count = count
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, token: str) -> bool:
        """Whether that visitor has a seat now."""
        now = time.monotonic()
        with self._lock:
            self._seen = {each: at for each, at in self._seen.items() if now - at < _IDLE}
            if token not in self._seen and len(self._seen) >= self._count:
                return False
            self._seen[token] = now
            return True

    def leave(self, token: str) -> None:
        """That visitor's seat is free."""
        with self._lock:
            self._seen.pop(token, None)


def begin_live(service: Service, visit: Visit, state: AnimationState) -> str:
    """Let this visitor move the portrait of `state`; returns the address to send frames to, relative to the
    page."""
    visit.memory[LIVE] = LiveSession(service.animator, state)
    return f"gfla/{visit.token}/{LIVE}"


def live_routes(service: Service) -> list[Route]:
    """POST gfla/TOKEN/live?mirror=0|1&calibrate=0|1: a JPEG in, a JPEG out; its header X-Face is 0 or 1.
    With leave=1 no frame: the visitor's seat is freed."""
    seats = Seats(service.limits.live)
    thread = ThreadPoolExecutor(1, "live")

    async def live(request: Request) -> Response:
        if not logged_in(request):
            return PlainTextResponse("Log in first.", 401)
        visit = service.visits.by_token(request.path_params["token"])
        session: LiveSession | None = visit.memory.get(LIVE) if visit else None
        if visit is None or session is None:
            return PlainTextResponse("This session has ended; reload the page.", 404)
        if request.query_params.get("leave") == "1":
            seats.leave(visit.token)
            return Response(status_code=204)
        if not seats.take(visit.token):
            return PlainTextResponse("Somebody else is live right now; try again later.", 503)
        sent = bytearray()
        async for part in request.stream():
            sent += part
            if len(sent) > _BYTES:
                return PlainTextResponse("This frame is too large.", 413)
        session.controls.mirror = request.query_params.get("mirror") == "1"
        if request.query_params.get("calibrate") == "1":
            session.controls.calibrate()
        try:
            made, face = await asyncio.get_running_loop().run_in_executor(thread, session.step, bytes(sent))
        except InputError as error:
            return PlainTextResponse(message_of(error), 400)
        headers = {"Cache-Control": "no-store", "X-Face": str(int(face))}
        return Response(made, media_type="image/jpeg", headers=headers)

    return [Route("/gfla/{token}/" + LIVE, live, methods=["POST"])]


def _decode(sent: bytes) -> Image:
    """RGB of a JPEG, its size checked before it is decoded."""
    try:
        with Pillow.open(io.BytesIO(sent), formats=("JPEG",)) as image:
            if max(image.size) > _SIDE:
                reason = "it is too large"
                raise InputError("frame", reason, f"send at most {_SIDE} pixels on its longer side")
            return np.asarray(image.convert("RGB"))
    except InputError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise InputError("frame", "it is not a whole JPEG", "send one") from None
