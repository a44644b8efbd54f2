"""The route of Live: a frame for a frame, to whom the token belongs alone, and bad frames get a sentence."""

import io
import json
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import av
import cv2
import numpy as np
import pytest
from app_server import PORTRAIT, Pace, toy_server
from gfla.animate import VideoReader, stages
from gfla.animate.face.tracking import sight
from gfla.animate.options import AnimateOptions
from gfla.animate.streaming.live import LiveCount
from gfla.demos.app.server import Server
from gfla.demos.app.tabs import live_session
from gfla.demos.app.tabs.live_session import LIVE, LiveSession, Seats, begin_live
from gfla.demos.app.ui.images import jpeg
from gfla.demos.app.visitors.session import Visit
from PIL import Image


@pytest.fixture(scope="module")
def server():
    with toy_server(Pace()) as running:
        yield running


@pytest.fixture
def visitor(server: Server, request: pytest.FixtureRequest):
    """A visitor who has chosen a portrait, and the address to send to."""
    name = request.node.name
    visit = server.service.visits.of(name)
    state = server.service.animator.prepare(PORTRAIT, AnimateOptions(crop_only=True))
    yield visit, server.address + begin_live(server.service, visit, state)
    server.service.visits.close(name)


@pytest.fixture(autouse=True)
def _quickly_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live_session, "_IDLE", 0.0)


def face() -> bytes:
    return jpeg(np.asarray(Image.open(PORTRAIT).convert("RGB").resize((256, 256))))


def post(address: str, sent: bytes, opener=None) -> tuple[int, bytes, str]:
    """Status, body, and what it says of the face."""
    answer: Any
    try:
        answer = (opener or urllib.request.build_opener()).open(
            urllib.request.Request(address, sent, method="POST")
        )
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.read(), answer.headers.get("X-Face", "")


@pytest.mark.slow
def test_a_frame_for_a_frame(visitor: tuple[Visit, str]):
    visit, address = visitor
    status, made, seen = post(address, face())
    assert (status, seen) == (200, "1")
    with Image.open(io.BytesIO(made)) as image:
        assert (image.format, image.size) == ("JPEG", (64, 64))
    assert post(address, jpeg(np.full((256, 256, 3), 90, np.uint8)))[2] == "0"
    count: LiveCount = visit.memory[LIVE].count
    assert count.frames == 2
    assert count.latency > 0


@pytest.mark.slow
def test_mirror_and_calibrate_are_asked_with_a_frame(visitor: tuple[Visit, str], server: Server, monkeypatch):
    visit, address = visitor
    session: LiveSession = visit.memory[LIVE]
    seen = []

    def watched(landmarker, image, *given):
        seen.append(image)
        return sight(landmarker, image, *given)

    monkeypatch.setattr(stages, "sight", watched)
    for asked in ("?mirror=0", "?mirror=1"):
        assert post(address + asked, face())[0] == 200
    assert np.abs(seen[0][:, ::-1].astype(int) - seen[1]).mean() < 1
    before = session.state.motion.motion.driver
    assert before is not None
    anew = []
    applied = session.controls.applied
    session.controls.applied = lambda state: anew.append(applied(state)) or anew[-1]
    post(address + "?calibrate=1", face())
    post(address, face())
    assert [state.motion.motion.driver is None for state in anew] == [True, False]


def test_only_the_token_opens_it(visitor: tuple[Visit, str], server: Server):
    visit, address = visitor
    for token in ("", "nobody", visit.token[:-1], visit.token + "x"):
        status, said, _ = post(f"{server.address}gfla/{token}/live", face())
        assert status == 404
        assert b"JFIF" not in said
    other = server.service.visits.of("somebody else")
    status, said, _ = post(f"{server.address}gfla/{other.token}/live", face())
    assert (status, said) == (404, b"This session has ended; reload the page.")
    server.service.visits.close("somebody else")
    assert post(address, face())[0] == 200


def test_who_left_is_not_known_any_more(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server.service.visits, "_grace", 0.0)
    visit = server.service.visits.of("leaving")
    state = server.service.animator.prepare(PORTRAIT, AnimateOptions(crop_only=True))
    address = server.address + begin_live(server.service, visit, state)
    assert post(address, face())[0] == 200
    server.service.visits.close("leaving")
    assert post(address, face())[0] == 404


@pytest.mark.parametrize("sent", [b"", b"no picture", face()[:400]], ids=["empty", "text", "cut"])
def test_what_is_no_frame_is_a_sentence(visitor: tuple[Visit, str], sent: bytes):
    assert post(visitor[1], sent)[:2] == (400, b"frame: it is not a whole JPEG; send one.")


def test_other_formats_and_large_frames_are_refused(visitor: tuple[Visit, str]):
    png = cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
    assert post(visitor[1], png)[0] == 400
    assert b"at most 1280" in post(visitor[1], jpeg(np.zeros((16, 4000, 3), np.uint8)))[1]
    assert post(visitor[1], bytes(2**20 + 1))[0] == 413


def test_seats_are_few_and_come_free(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr(live_session, "_IDLE", 5.0)
    monkeypatch.setattr(live_session.time, "monotonic", lambda: now[0])
    seats = Seats(1)
    assert seats.take("a")
    assert not seats.take("b")
    now[0] += 4
    assert seats.take("a")
    now[0] += 4
    assert not seats.take("b")
    now[0] += 2
    assert seats.take("b")
    assert not seats.take("a")


@pytest.mark.slow
def test_one_more_than_there_are_seats_gets_a_sentence(
    visitor: tuple[Visit, str], server: Server, monkeypatch
):
    visit = server.service.visits.of("second")
    state = server.service.animator.prepare(PORTRAIT, AnimateOptions(crop_only=True))
    second = server.address + begin_live(server.service, visit, state)
    assert post(visitor[1], face())[0] == 200
    monkeypatch.setattr(live_session, "_IDLE", 60.0)
    status, said, _ = post(second, face())
    assert (status, b"Somebody else is live" in said) == (503, True)
    assert post(visitor[1] + "?do=leave", b"")[0] == 204
    assert post(second, face())[0] == 200
    server.service.visits.close("second")


def test_gains_a_snapshot_and_a_recording(visitor: tuple[Visit, str], server: Server):
    visit, address = visitor
    status, said, _ = post(address + "?do=snapshot", b"")
    assert (status, said) == (400, b"snapshot: there is no frame yet; start the camera.")
    assert post(address + "?do=record", b"")[1] == b"{}"
    for _ in range(3):
        assert post(address + "?head=0.5&mouth=2&label=1", face())[0] == 200
    session: LiveSession = visit.memory[LIVE]
    options = session.state.motion.motion.options
    assert (options.head, options.mouth, options.eyes) == (0.5, 2, 1)
    assert post(address + "?head=9", face())[0] == 400
    files = [json.loads(post(address + f"?do={what}", b"")[1]) for what in ("snapshot", "keep")]
    paths: list[Any] = [visit.served[file["address"].split("/")[-1]] for file in files]
    assert [Path(file["name"]).suffix for file in files] == [".png", ".mp4"]
    with Image.open(paths[0]) as image:
        assert str(image.info["Comment"]).startswith("Synthetic media")
    with VideoReader(paths[1]) as reader:
        assert len(list(reader)) == 3
    with av.open(str(paths[1])) as container:
        assert container.metadata["comment"].startswith("Synthetic media")


@pytest.mark.slow
def test_the_login_of_the_page_is_asked_for():
    with toy_server(Pace(), auth=("somebody", "a word")) as server:
        visit = server.service.visits.of("known")
        state = server.service.animator.prepare(PORTRAIT, AnimateOptions(crop_only=True))
        address = server.address + begin_live(server.service, visit, state)
        assert post(address, face())[:2] == (401, b"Log in first.")
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        login = urlencode({"username": "somebody", "password": "a word"}).encode()
        opener.open(server.address + "login", login).close()
        assert post(address, face(), opener)[0] == 200
