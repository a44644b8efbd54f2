"""Live, Look inside and Batch in a real browser, with a camera that plays the shipped driver."""

import re
import zipfile
from fractions import Fraction
from pathlib import Path

import pytest
from app_server import ASSETS, PORTRAIT, Pace, chromium, film_camera, toy_server
from gfla.animate import VideoReader, VideoWriter
from gfla.animate.io.image import write_image
from playwright.sync_api import Page, expect, sync_playwright

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        chromium() is None,
        reason="no Chromium here: the page is not tried in a browser (apt-get install chromium)",
    ),
]
SLOW = 60_000  # milliseconds for what computes


@pytest.fixture(scope="module")
def server():
    with toy_server(Pace()) as running:
        yield running


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film_camera(tmp_path_factory.mktemp("camera") / "camera.mjpeg")


@pytest.fixture(scope="module")
def browser(camera: Path):
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        options.append(f"--use-file-for-fake-video-capture={camera}")
        opened = playwright.chromium.launch(executable_path=chromium(), args=options)
        yield opened
        opened.close()


@pytest.fixture
def page(server, browser):
    """A visitor's page; fails in the end if it asked beyond localhost or its script failed."""
    asked, wrong = [], []
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    opened = context.new_page()
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.goto(server.address)
    opened.wait_for_selector("#run")
    yield opened
    context.close()
    assert [url for url in asked if not url.startswith((server.address, "data:", "blob:"))] == []
    assert wrong == []


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three and thirty frames of the shipped driver."""
    paths = []
    for name, frames in (("short.mp4", 3), ("long.mp4", 30)):
        paths.append(tmp_path_factory.mktemp("clips") / name)
        with (
            VideoReader(ASSETS / "driver.mp4", end=Fraction(frames, 25)) as reader,
            VideoWriter(paths[-1], reader.size, reader.rate, reader.time_base) as writer,
        ):
            for frame in reader:
                writer.write(frame)
    return paths


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def part(name: str) -> str:
    return f"#live-view [data-live={name}]"


def canvas(page: Page) -> str:
    return page.locator(part("picture")).evaluate("canvas => canvas.toDataURL()")


def test_the_camera_moves_the_portrait(page: Page, server):
    open_tab(page, "Live")
    expect(page.locator(part("start"))).to_be_disabled()
    page.locator('#live-portraits .pick[data-name="Mara"]').click()
    expect(page.locator(part("start"))).to_be_enabled(timeout=SLOW)
    still = canvas(page)
    page.locator(part("start")).click()
    expect(page.locator(part("status"))).to_have_text("Live", timeout=SLOW)
    page.wait_for_function(f"Number(document.querySelector('{part('rate')}').textContent) > 0", timeout=SLOW)
    assert float(page.locator(part("behind")).text_content() or 0) > 0
    moved = canvas(page)
    assert moved != still
    page.locator(part("calibrate")).click()
    page.locator(part("mirror")).uncheck()
    page.wait_for_function(
        f"before => document.querySelector('{part('picture')}').toDataURL() !== before", arg=moved
    )
    page.locator(part("start")).click()
    expect(page.locator(part("status"))).to_have_text("Stopped.")
    expect(page.locator(part("sent"))).to_be_hidden()


def test_live_ends_with_a_sentence_when_the_visit_does(page: Page, server):
    open_tab(page, "Live")
    page.locator('#live-portraits .pick[data-name="Theo"]').click()
    expect(page.locator(part("start"))).to_be_enabled(timeout=SLOW)
    page.locator(part("start")).click()
    expect(page.locator(part("status"))).to_have_text("Live", timeout=SLOW)
    server.service.visits.close_all()
    expect(page.locator(part("alert"))).to_contain_text("reload the page", timeout=SLOW)


def test_any_frame_and_any_point_is_looked_into(page: Page, clips: list[Path]):
    open_tab(page, "Look inside")
    page.set_input_files("#inside-portrait input[type=file]", str(PORTRAIT))
    page.set_input_files("#inside-driving input[type=file]", str(clips[1]))
    figures = page.locator("#inside-panels figure")
    expect(figures).to_have_count(14, timeout=SLOW)
    expect(figures.nth(1)).to_contain_text("by its matte")
    expect(figures.nth(6)).to_contain_text("the wheel shows the direction")
    expect(page.locator("#inside-status")).to_contain_text("of 30")
    attention = page.locator("#inside-attention figure")
    place = attention.first.locator("img")
    before = place.get_attribute("src")
    output = page.locator("#inside-panels img[data-point]")
    output.click(position={"x": 30, "y": 20})
    expect(place).not_to_have_attribute("src", before or "", timeout=SLOW)
    clicked = place.get_attribute("src")
    attention.first.locator("img").focus()
    for _ in range(6):  # one is a place of the real network, a part of one of the toy
        page.keyboard.press("ArrowRight")
        page.wait_for_function("document.activeElement.hasAttribute('data-point')")
    expect(place).not_to_have_attribute("src", clicked or "", timeout=SLOW)

    number = page.locator("#inside-frame input[type=number]")
    number.fill("0")
    number.press("Enter")
    expect(page.locator("#inside-status")).to_contain_text("Frame 0 of 30", timeout=SLOW)
    expect(page.locator("#inside-attention")).not_to_contain_text("frame before")
    page.locator('#inside-drivers .pick[data-name="blink"]').click()
    expect(page.locator("#inside-status")).to_contain_text("of 50", timeout=SLOW)


def test_a_batch_is_stopped_gone_on_with_and_packed(page: Page, clips: list[Path], tmp_path: Path):
    open_tab(page, "Batch")
    page.set_input_files("#batch-portraits input[type=file]", str(PORTRAIT))
    page.set_input_files("#batch-drivers input[type=file]", [str(clip) for clip in clips])
    expect(page.locator("#batch-drivers")).to_contain_text(re.compile(r"long\s*\.mp4"))
    page.get_by_text("Manifest and settings").click()
    page.get_by_label("The face alone").check()
    page.locator("#batch-run").click()
    done = page.locator("#batch-jobs .state.done")
    expect(done).to_have_count(1, timeout=2 * SLOW)
    page.locator("#batch-stop").click()
    more = page.locator("#batch-more")
    expect(more).to_be_visible(timeout=SLOW)
    expect(page.locator("#batch-jobs .state.stopped")).to_have_count(1)
    expect(done).to_have_count(1)
    more.click()
    expect(done).to_have_count(2, timeout=2 * SLOW)
    with page.expect_download() as download:
        page.locator("#batch-jobs .save").click()
    download.value.save_as(tmp_path / "got.zip")
    with zipfile.ZipFile(tmp_path / "got.zip") as archive:
        videos = [name for name in archive.namelist() if name.endswith(".mp4")]
        assert videos == ["01-astronaut-short.mp4", "02-astronaut-long.mp4"]
        archive.extractall(tmp_path)
    for video, frames in zip(videos, (3, 30), strict=True):
        with VideoReader(tmp_path / video) as reader:
            assert reader.size == (256, 256)
            assert len(list(reader)) == frames


def test_a_batch_says_what_was_not_sent(page: Page, clips: list[Path], tmp_path: Path):
    manifest = tmp_path / "jobs.csv"
    manifest.write_text("source,driving,output\nastronaut.jpg,/etc/passwd,x.mp4\n")
    open_tab(page, "Batch")
    page.set_input_files("#batch-portraits input[type=file]", str(PORTRAIT))
    page.get_by_text("Manifest and settings").click()
    page.set_input_files("#batch-manifest input[type=file]", str(manifest))
    said = page.get_by_text("jobs.csv line 2: no driving video of the name passwd was sent")
    expect(said).to_be_visible(timeout=SLOW)
    expect(page.locator("#batch-run")).to_be_disabled()


def test_a_batch_is_listed_before_it_runs_and_what_failed_is_tried_again(
    page: Page, tmp_path: Path, grey_picture
):
    write_image(grey_picture(0), tmp_path / "nobody.png")
    open_tab(page, "Batch")
    page.set_input_files("#batch-portraits input[type=file]", [str(tmp_path / "nobody.png")])
    expect(page.locator("#batch-run")).to_be_disabled()
    page.get_by_label("blink").check()
    jobs = page.locator("#batch-jobs")
    expect(jobs).to_contain_text("1 job to do", timeout=SLOW)
    expect(jobs.locator(".state.waiting")).to_have_count(1)
    page.locator("#batch-run").click()
    expect(jobs).to_contain_text("0 of 1 jobs done · 1 failed", timeout=2 * SLOW)
    expect(jobs).to_contain_text("nobody.png: no face found")
    again = page.locator("#batch-more")
    expect(again).to_have_text("Try the failed ones again")
    again.click()
    expect(jobs).to_contain_text("1 failed", timeout=2 * SLOW)


def test_key_frames_and_own_presets_are_removed_one_by_one(page: Page):
    open_tab(page, "Edit")
    page.locator('#edit-portraits .pick[data-name="Mara"]').click()
    expect(page.locator("#view img")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Wink").click()
    page.get_by_label("Keep this expression as").fill("mine")
    page.locator("#preset-keep").click()
    own = page.locator("#own-presets")
    expect(own.get_by_role("button", name="mine", exact=True)).to_be_visible()
    for count in (1, 2):
        page.locator("#add-key").click()
        expect(page.locator("#keys tbody tr")).to_have_count(count)
    page.locator("#reset").click()
    expect(page.get_by_role("slider", name="Tilt")).to_have_value("0")
    own.get_by_role("button", name="mine", exact=True).click()
    expect(page.get_by_role("slider", name="Tilt")).to_have_value("4")
    page.get_by_role("button", name="Remove 0 s").click()
    expect(page.locator("#keys tbody tr")).to_have_count(1)
    expect(page.locator("#keys")).to_contain_text("1 s")
    page.reload()
    open_tab(page, "Edit")
    own.get_by_role("button", name="Remove mine").click()
    expect(own.get_by_role("button")).to_have_count(0)


def test_no_label_shows_through_the_portrait_on_a_phone(page: Page):
    page.set_viewport_size({"width": 390, "height": 844})
    open_tab(page, "Edit")
    page.locator('#edit-portraits .pick[data-name="Mara"]').click()
    expect(page.locator("#view img")).to_be_visible(timeout=SLOW)
    page.evaluate("window.scrollTo(0, 1000)")
    page.wait_for_function("document.querySelector('#view').getBoundingClientRect().top < 40")
    covered = page.evaluate(
        """() => {
            const card = document.querySelector('.follow').getBoundingClientRect();
            const inside = [...document.querySelectorAll('.sliders [data-testid=block-info]')]
                .map((label) => label.getBoundingClientRect())
                .filter((box) => box.width && box.top > card.top && box.bottom < card.bottom);
            const above = (box) => document.elementFromPoint(box.left + 5, box.top + 5);
            return [inside.length > 0, inside.every((box) => above(box).closest('.follow'))];
        }"""
    )
    assert covered == [True, True]
