"""A visitor's live portrait: a frame of the camera in, a frame of the portrait out, over a route of ours."""

import asyncio
import io
import secrets
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from gfla.animate import AnimationState, Animator, Frame, InputError
from gfla.animate.io.image import write_image
from gfla.animate.options import PARTS
from gfla.animate.streaming.live import CLOCK, Controls, LiveCount, live_step
from gfla.animate.streaming.provenance import labelled, tag
from gfla.animate.streaming.sinks import FileSink
from gfla.animate.video import Encoding
from gfla.demos.app.ui.images import Image, jpeg
from gfla.demos.app.visitors.access import logged_in
from gfla.demos.app.visitors.errors import message_of
from gfla.demos.app.visitors.service import Service
from gfla.demos.app.visitors.session import Visit
from PIL import Image as Pillow
from PIL import UnidentifiedImageError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

LIVE = "live"
"""Key of the session in a visit's memory, and the end of its address."""
_BYTES, _SIDE = 2**20, 1280  # most bytes and pixels of a sent frame
_IDLE = 5.0  # seconds without a frame until a seat is free again
_QUALITY = 90  # of the answer's JPEG
_RATE = Fraction(25)  # at least of a recording; its frames have the times at which they were captured


@dataclass(eq=False)
class LiveSession:
    """One visitor's live portrait. folder: for its files. label: write that it is synthetic into the picture.
    began: of `time.perf_counter`."""

    animator: Animator
    state: AnimationState
    folder: Path
    label: bool = False
    controls: Controls = field(default_factory=Controls)
    count: LiveCount = field(default_factory=LiveCount)
    began: float = field(default_factory=time.perf_counter)
    _last: Frame | None = None
    _recording: tuple[FileSink, Path] | None = None

    def step(self, sent: bytes) -> tuple[bytes, bool]:
        """The portrait's frame for a camera's, both JPEG, and whether a face was seen. InputError if `sent`
        is no usable JPEG."""
        taken = time.perf_counter()
        frame = Frame(_decode(sent), int((taken - self.began) / CLOCK), CLOCK)
        step = partial(self.animator.step, alone=True)
        made, self.state = live_step(step, frame, self.state, self.controls)
        self._last = made = labelled(made) if self.label else made
        if self._recording is not None:
            self._recording[0].show(made)
        self.count.frames += 1
        self.count.latency = time.perf_counter() - taken
        return jpeg(made.on_white(), _QUALITY), self.state.landmarks is not None

    def set_gains(self, gains: Mapping[str, float]) -> None:
        """How strongly each part moves from now on. InputError for one out of range."""
        motion = self.state.motion
        options = replace(motion.motion.options, **gains)
        self.state = replace(
            self.state, motion=replace(motion, motion=replace(motion.motion, options=options))
        )

    def snapshot(self) -> Path:
        """The last frame as a PNG whose metadata say that it is synthetic."""
        if self._last is None:
            raise InputError("snapshot", "there is no frame yet", "start the camera")
        path = self.folder / f"live-{secrets.token_hex(4)}.png"
        write_image(self._last.on_white(), path, tag(self.animator.name))
        return path

    def record(self, on: bool) -> Path | None:
        """Begin a recording, or end it: then its file, None if nothing was shown."""
        if on and self._recording is None:
            path = self.folder / f"live-{secrets.token_hex(4)}.mp4"
            encoding = Encoding(comment=tag(self.animator.name))
            self._recording = FileSink(str(path), self.state.size, _RATE, encoding=encoding), path
        elif not on and self._recording is not None:
            (sink, path), self._recording = self._recording, None
            sink.close()
            return path if path.exists() else None
        return None


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
    before: LiveSession | None = visit.memory.get(LIVE)
    if before is not None:
        before.record(False)
    visit.memory[LIVE] = LiveSession(service.animator, state, visit.folder)
    return f"gfla/{visit.token}/{LIVE}"


def live_routes(service: Service) -> list[Route]:
    """POST gfla/TOKEN/live: a JPEG in, a JPEG out; its header X-Face is 0 or 1.

    The query sets mirror=0|1, label=0|1, calibrate=1 and head=, eyes=, ... the parts' gains. Instead of a
    frame it may ask for do=leave (the seat is freed), snapshot, record or keep (the recording ends):
    the answer is JSON, the file's address and name, if there is one.
    """
    seats = Seats(service.limits.live)
    thread = ThreadPoolExecutor(1, "live")

    async def live(request: Request) -> Response:
        if not logged_in(request):
            return PlainTextResponse("Log in first.", 401)
        visit = service.visits.by_token(request.path_params["token"])
        session: LiveSession | None = visit.memory.get(LIVE) if visit else None
        if visit is None or session is None:
            return PlainTextResponse("This session has ended; reload the page.", 404)
        asked, on_thread = request.query_params, asyncio.get_running_loop().run_in_executor
        if asked.get("do") == "leave":
            seats.leave(visit.token)
            return Response(status_code=204)
        if not seats.take(visit.token):
            return PlainTextResponse("Somebody else is live right now; try again later.", 503)
        sent = bytearray()
        async for part in request.stream():
            sent += part
            if len(sent) > _BYTES:
                return PlainTextResponse("This frame is too large.", 413)
        try:
            if "do" in asked:
                file = await on_thread(thread, _do, session, asked["do"])
                told = {"address": visit.serve(file), "name": file.name} if file else {}
                return JSONResponse(told)
            session.controls.mirror = asked.get("mirror") == "1"
            session.label = asked.get("label") == "1"
            if asked.get("calibrate") == "1":
                session.controls.calibrate()
            gains = {part: _number(asked[part]) for part in PARTS if part in asked}
            made, face = await on_thread(thread, _step, session, gains, bytes(sent))
        except InputError as error:
            return PlainTextResponse(message_of(error), 400)
        headers = {"Cache-Control": "no-store", "X-Face": str(int(face))}
        return Response(made, media_type="image/jpeg", headers=headers)

    return [Route("/gfla/{token}/" + LIVE, live, methods=["POST"])]


def _step(session: LiveSession, gains: Mapping[str, float], sent: bytes) -> tuple[bytes, bool]:
    if gains:
        session.set_gains(gains)
    return session.step(sent)


def _do(session: LiveSession, what: str) -> Path | None:
    if what == "snapshot":
        return session.snapshot()
    return session.record(what == "record")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError("gain", "not a number", "give a number") from None


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
