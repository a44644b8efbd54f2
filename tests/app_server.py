"""A running app for the tests: the real page and tracker, a generator of toy size whose pace tests set."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
from gfla.animate import Animator, VideoReader, load_landmarker
from gfla.demos.app.server import Server, start
from gfla.demos.app.visitors.limits import Limits
from gfla.models import CONFIGS, Generator
from playwright.sync_api import Locator, Page, expect

ASSETS = Path(__file__).resolve().parent.parent / "animate" / "assets"
PORTRAIT = ASSETS / "astronaut.jpg"
LIMITS = Limits(bytes=8 * 2**20, seconds=20, side=2048)


class Pace:
    """Seconds that the toy waits for each frame, so that a run can be caught while it runs."""

    seconds = 0.0


def toy_animator(pace: Pace) -> Animator:
    """It finds faces as ours does and draws nonsense, another for other points."""
    torch.manual_seed(0)
    animator = Animator(Generator(CONFIGS["face-tiny"]), load_landmarker("builtin"), name="toy")
    generate: Any = animator.networks.generate

    def paced(*arguments):
        time.sleep(pace.seconds)
        return generate(*arguments)

    animator.networks.generate = paced  # type: ignore[method-assign]
    return animator


@contextmanager
def toy_server(pace: Pace, limits: Limits = LIMITS, auth: tuple[str, str] | None = None) -> Iterator[Server]:
    """The app on a free port of this machine."""
    with start(toy_animator(pace), limits=limits, auth=auth) as server:
        yield server


def chromium() -> str | None:
    """The browser for the tests of the page."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def film_camera(path: Path) -> Path:
    """A second of the shipped driver between grey stripes, 320 x 240, as Chromium's fake camera plays it."""
    with VideoReader(ASSETS / "driver.mp4", end=1) as reader, av.open(str(path), "w", format="mjpeg") as out:
        stream = out.add_stream("mjpeg", rate=Fraction(25), options={"q": "3"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuvj420p"
        for frame in reader:
            picture = np.full((240, 320, 3), 128, np.uint8)
            picture[:, 40:280] = cv2.resize(frame.image, (240, 240))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def pick(page: Page, group: str, name: str) -> None:
    """Pick a sample."""
    page.locator(f'{group} .pick[data-name="{name}"]').click()


def send(page: Page, portrait: Path, driving: Path) -> None:
    """Upload both in the tab Animate."""
    page.set_input_files("#animate-portrait input[type=file]", str(portrait))
    page.set_input_files("#animate-driving input[type=file]", str(driving))


def finished(page: Page) -> Locator:
    """The finished video's element."""
    video = page.locator("#player video[data-growing=false]")
    expect(video).to_be_visible(timeout=60_000)
    page.wait_for_function("document.querySelector('#player video').readyState > 0")
    return video
