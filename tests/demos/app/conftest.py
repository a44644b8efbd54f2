"""A toy server, a browser before whose camera the shipped driver speaks, and visits that stay at home."""

from contextlib import contextmanager

import pytest
from app_server import ASSETS, Pace, chromium, film_camera, toy_server
from gfla.animate import VideoReader, VideoWriter
from playwright.sync_api import sync_playwright


@pytest.fixture(scope="module")
def pace():
    return Pace()


@pytest.fixture(scope="module")
def server(pace):
    with toy_server(pace) as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    camera = film_camera(tmp_path_factory.mktemp("camera") / "camera.mjpeg")
    with sync_playwright() as playwright:
        options = [
            "--no-sandbox",
            "--autoplay-policy=no-user-gesture-required",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
        ]
        opened = playwright.chromium.launch(executable_path=chromium(), args=options)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The first two seconds of the shipped driver."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with (
        VideoReader(ASSETS / "driver.mp4", end=2.0) as reader,
        VideoWriter(path, reader.size, reader.rate, reader.time_base) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    return path


@pytest.fixture
def visit(server, browser, pace):
    """Opens the page for a new visitor; fails if it asked beyond localhost or a script failed."""
    asked, wrong, contexts = [], [], []

    @contextmanager
    def open_page(**options):
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(server.address)
        page.wait_for_selector("#run")
        yield page
        context.close()

    pace.seconds = 0.0
    yield open_page
    pace.seconds = 0.0
    for context in contexts:
        context.close()
    assert asked
    assert [url for url in asked if not url.startswith((server.address, "data:", "blob:"))] == []
    assert wrong == []
