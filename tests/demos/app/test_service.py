"""The app as programs and strangers meet it: endpoints, sentences, the queue, only one's own files."""

import re
import socket
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import av
import gradio as gr
import httpx
import numpy as np
import pytest
from app_server import PORTRAIT, Pace, toy_server
from gfla.animate import InputError, VideoReader
from gfla.animate.io.image import read_image, write_image
from gfla.demos.app.api import _served_path
from gfla.demos.app.cli import main
from gfla.demos.app.ui.samples import make_samples
from gfla.demos.app.visitors.errors import message_of
from gfla.demos.app.visitors.limits import Limits
from gfla.demos.app.visitors.session import Visit
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

PACE = Pace()


@pytest.fixture(scope="module")
def server():
    with toy_server(PACE) as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    return Client(server.address, verbose=False)


def face():
    return handle_file(str(PORTRAIT))


def length(path):
    with VideoReader(path) as reader:
        return sum(1 for _ in reader)


@pytest.mark.slow
def test_a_motion_animates(client):
    job = client.submit(
        face(), motion="blink", options={"end": 1, "codec": "h265"}, format="mov", api_name="/animate"
    )
    told = list(job)
    video, progress, warnings = told[-1]
    assert Path(video).name == "astronaut-blink.mov"
    assert length(video) == 25
    assert progress == {"state": "done", "done": 25, "expected": 25}
    assert warnings == []
    assert {each["state"] for _, each, _ in told} >= {"rendering", "done"}
    assert {video for video, _, _ in told[:-1]} == {None}
    with av.open(video) as container:
        assert container.streams.video[0].codec_context.name == "hevc"


@pytest.mark.slow
def test_key_frames_make_a_video(client):
    keys = {"0": {"yaw": -15}, "0.4": {"yaw": 15, "smile": 0.6}}
    video, _, _ = client.predict(face(), keys, api_name="/edit_video")
    assert length(video) == 11
    for wrong, said in (({"0": {}}, "at least two key frames"), ({"0": {"yaw": 500}, "1": {}}, "yaw 500")):
        with pytest.raises(AppError, match=said):
            client.predict(face(), wrong, api_name="/edit_video")


@pytest.mark.slow
def test_a_preview_is_two_pictures(client):
    reference, preview = client.predict(face(), motion="nod", api_name="/preview")
    assert read_image(reference)[0].shape == read_image(preview)[0].shape


@pytest.mark.slow
def test_an_edit_changes_the_picture(client):
    still = client.predict(face(), {}, api_name="/edit")
    turned = client.predict(face(), {"yaw": 15, "mouth_open": 1}, api_name="/edit")
    assert read_image(still)[0].shape == (512, 512, 3)
    assert (read_image(still)[0] != read_image(turned)[0]).any()


def test_endpoints_are_named_and_documented(client):
    listed = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert {"/preview", "/animate", "/edit"} <= set(listed)
    names = [each["parameter_name"] for each in listed["/animate"]["parameters"]]
    assert names[:4] == ["portrait", "driving", "motion", "mode"]
    returned = {name: [each["label"] for each in endpoint["returns"]] for name, endpoint in listed.items()}
    assert returned["/animate"] == returned["/edit_video"] == ["video", "progress", "warnings"]
    assert returned["/preview"] == ["reference", "preview"]
    for name in ("/preview", "/animate", "/edit", "/edit_video"):
        assert listed[name]["description"], name
        for each in listed[name]["parameters"]:
            assert each["python_type"]["description"], f"{name} {each['parameter_name']}"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"motion": "dance"}, "dance: there is no such motion; choose of blink"),
        ({}, "send a driving video, or name a motion"),
        ({"motion": "nod", "mode": "sideways"}, "motion: 'sideways': no such choice; take relative or"),
        (
            {"motion": "nod", "options": {"tail": 1}},
            "tail: there is no such option; choose of audio-track, brows, codec",
        ),
        ({"motion": "nod", "options": {"mouth": 9}}, "--mouth 9: out of range; give 0 to 3"),
        ({"motion": "nod", "options": {"detail": "much"}}, "detail: 'much': not a number; write a number"),
        ({"motion": "nod", "options": [1]}, "options: not an object; give values by name"),
        ({"motion": "nod", "options": {"mouth": None}}, "mouth: 'None': not a number"),
        ({"motion": "nod", "options": {"overwrite": True}}, "overwrite: there is no such option"),
        ({"motion": [1]}, "[1]: there is no such motion"),
    ],
)
def test_what_cannot_be_is_a_sentence(client, asked, said):
    with pytest.raises(AppError, match=re.escape(said)):
        client.predict(face(), **asked, api_name="/animate")


def test_controls_that_are_no_numbers_are_a_sentence(client):
    for controls in ("x", [1]):
        with pytest.raises(AppError, match="controls: not an object; give values by name"):
            client.predict(face(), controls, api_name="/edit")


@pytest.mark.slow
def test_a_bad_file_is_a_sentence_without_its_folder(client, tmp_path):
    (tmp_path / "notes.jpg").write_text("no picture")
    with pytest.raises(AppError) as failed:
        client.predict(handle_file(str(tmp_path / "notes.jpg")), motion="nod", api_name="/animate")
    assert str(failed.value).startswith("notes.jpg: this is not a picture")
    write_image(np.zeros((64, 64, 3), np.uint8), tmp_path / "nobody.png")
    with pytest.raises(AppError, match="no face found") as failed:
        client.predict(handle_file(str(tmp_path / "nobody.png")), motion="nod", api_name="/animate")
    assert "/" not in str(failed.value)


@pytest.mark.slow
def test_no_path_of_ones_own_is_read(server, client):
    """A client may claim to have sent any file that there is."""
    for path in (str(PORTRAIT), "/etc/hostname", str(server.service.folder / "samples" / "astronaut.jpg")):
        for meta in ({"_type": "gradio.FileData"}, {}):
            body = {"data": [{"path": path, "meta": meta}, None, "nod"], "session_hash": "stranger"}
            begun = httpx.post(f"{server.address}gradio_api/call/animate", json=body)
            if begun.status_code != 200:
                continue
            told = httpx.get(
                f"{server.address}gradio_api/call/animate/{begun.json()['event_id']}", timeout=60
            )
            assert "event: error" in told.text, path
            assert "event: complete" not in told.text, path


def test_two_answers_at_once_lie_in_two_folders(tmp_path):
    visit = Visit(tmp_path / "visit", tmp_path / "cache")
    first = _served_path(visit, "a.png")
    visit.uploads.clear()  # what another call still sees that began with it
    second = _served_path(visit, "a.png")
    assert first.parent.is_dir()
    assert second.parent != first.parent


def test_only_the_token_opens_a_visitors_videos(server, tmp_path):
    visit = server.service.visits.of("somebody")
    video = visit.folder / "video.mp4"
    video.write_bytes(b"0123456789")
    address = visit.serve(video)
    got = httpx.get(server.address + address, headers={"Range": "bytes=2-4"})
    assert (got.status_code, got.content) == (206, b"234")
    name = address.rsplit("/", 1)[1]
    other = server.service.visits.of("somebody else")
    for wrong in (
        f"gfla/{other.token}/{name}",
        f"gfla/x/{name}",
        f"gfla/{visit.token}/video.mp4",
        f"gfla/{visit.token}/..%2f..%2fsamples%2fastronaut.jpg",
        f"gradio_api/file={video}",
    ):
        assert httpx.get(server.address + wrong).status_code in (403, 404), wrong


@pytest.mark.slow
def test_the_login_covers_our_own_routes():
    with toy_server(PACE, auth=("ada", "secret")) as server:
        visit = server.service.visits.of("ada's")
        (visit.folder / "video.mp4").write_bytes(b"x")
        address = server.address + visit.serve(visit.folder / "video.mp4")
        assert httpx.get(address).status_code == 401
        assert (
            httpx.get(address, cookies={f"access-token-{server.blocks.app.cookie_id}": "guess"}).status_code
            == 401
        )
        with httpx.Client() as browser:
            login = browser.post(f"{server.address}login", data={"username": "ada", "password": "secret"})
            assert login.status_code == 200
            assert browser.get(address).content == b"x"


@pytest.mark.slow
def test_one_more_than_the_queue_holds_gets_a_sentence_and_may_retry():
    pace = Pace()
    with toy_server(pace, limits=Limits(queue=2)) as server:
        client = Client(server.address, verbose=False)
        pace.seconds = 1.0
        asked: dict[str, Any] = {"motion": "blink", "options": {"end": 0.4}, "api_name": "/animate"}
        jobs = []
        for count in range(3):
            jobs.append(client.submit(face(), **asked))
            wait_until(lambda count=count: len(server.service.turns) == count + 1)
        with pytest.raises(Exception, match=r"(?i)queue is full.*try again"):
            client.predict(face(), **asked)
        pace.seconds = 0.0
        assert [length(job.result()[0]) for job in jobs] == [10, 10, 10]
        assert length(client.predict(face(), **asked)[0]) == 10


def test_no_event_needs_ffmpeg(server):
    """gradio calls the system's ffmpeg and ffprobe for a video that it converts; ours pass as they are."""
    events = list(server.blocks.fns.values())
    into = [event for event in events if any(isinstance(part, gr.Video) for part in event.inputs)]
    out = [event for event in events if any(isinstance(part, gr.Video) for part in event.outputs)]
    assert into
    assert out
    assert not any(event.preprocess for event in into)
    assert not any(event.postprocess for event in out)


def test_an_address_that_cannot_be_is_a_sentence(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for asked, said in {
            f"--port={port}": f"--port {port}: it is taken; choose another",
            "--port=99999": "--port 99999: out of range; give a number from 1 to 65535",
            "--host=192.0.2.1": "--host 192.0.2.1 --port 7860: cannot listen there",
            "--host=no..name": "--host no..name --port 7860: cannot listen there",
        }.items():
            assert main([asked]) == 2
            assert capsys.readouterr().err.startswith(said)


@pytest.mark.slow
def test_nothing_is_left_when_the_server_ends():
    with toy_server(PACE) as server:
        folder = server.service.folder
        Client(server.address, verbose=False).predict(face(), {}, api_name="/edit")
        assert list(folder.rglob("*.png"))
    assert not folder.exists()
    assert "gfla-app" in folder.name


def visitors(address, count, jobs, parts=1):
    """Each takes a motion of its own length, or that part of it, so that a video of somebody else's would
    show."""
    motions = {"blink": 50 // parts, "smile": 75 // parts, "talk": 100 // parts}

    def visit(number):
        client, kinds = Client(address, verbose=False), list(motions)
        for turn in range(jobs):
            motion = kinds[(number + turn) % len(kinds)]
            options = {"crop-only": True, "end": motions[motion] / 25}
            video, _, _ = client.predict(face(), motion=motion, options=options, api_name="/animate")
            assert length(video) == motions[motion], f"visitor {number}, job {turn}"
        return jobs

    with ThreadPoolExecutor(count) as pool:
        return sum(pool.map(visit, range(count)))


@pytest.mark.slow
def test_visitors_at_once_lose_nothing(server):
    assert visitors(server.address, 3, 1, parts=5) == 3


@pytest.mark.long
def test_eight_visitors_of_five_jobs_each(server):
    """None lost, none mixed, and the server's memory does not grow; the visitors are another process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as crowd:
        assert crowd.submit(visitors, server.address, 8, 2).result() == 16
        before = resident()
        assert crowd.submit(visitors, server.address, 8, 5).result() == 40
        grown = resident() - before
    print(f"{before >> 20} MiB before, {grown / 2**20:.0f} more after")
    assert grown < 60 * 2**20


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def wait_until(happened, most=20.0):
    end = time.monotonic() + most
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_sentences_name_files_without_folders():
    error = InputError("/some where/my face.jpg", "no face found", "give another")
    assert message_of(error) == "my face.jpg: no face found; give another."
    assert message_of(InputError("1/2", "too few", "give more")) == "1/2: too few; give more."
    assert message_of(InputError("nod", "too few"), {"nod": ""}) == "nod: too few."
    assert message_of(InputError("ab.png", "cut"), {"/v/ab.png": "My face.HEIC"}) == "My face.HEIC: cut."
    assert "/secret" not in message_of(OSError("/secret"))


def test_samples_are_files_and_motions(tmp_path):
    samples = make_samples(tmp_path / "samples")
    assert all(sample.file and sample.file.exists() for sample in samples.portraits)
    assert [sample.name for sample in samples.drivers if sample.file is None][:2] == ["blink", "nod"]
    assert all(len(sample.thumb) < 20_000 for sample in (*samples.portraits, *samples.drivers))
