"""Live in a browser: the route that takes a camera's frame and gives the portrait's, each visitor's own.

Each request is one frame and its answer: a browser sends its newest one when it has the last, so that nothing
waits in between. The frames of all visitors are made one after another on one thread.
"""

import asyncio
import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from gfla.animate import AnimationState, Animator, Frame, InputError
from gfla.animate.live import CLOCK, Controls, LiveCount, live_step
from gfla.demos.app.access import logged_in
from gfla.demos.app.pictures import Image, jpeg
from gfla.demos.app.service import Service
from gfla.demos.app.session import Visit
from PIL import Image as Pillow
from PIL import UnidentifiedImageError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

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
