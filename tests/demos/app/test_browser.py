"""The page in a real browser: what a visitor does, and that nothing asks beyond this machine."""

import base64
import json
import time

import pytest
from app_server import PORTRAIT, chromium, finished, pick, send
from gfla.demos.app.page import TABS
from playwright.sync_api import expect

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        chromium() is None,
        reason="no Chromium here: the page is not tried in a browser (apt-get install chromium)",
    ),
]
SECONDS = 2.0
NAMES = [name for name, _ in TABS]


def test_from_upload_to_a_video_and_a_part_of_one(visit, clip, pace):
    with visit() as page:
        send(page, PORTRAIT, clip)
        expect(page.locator("#preview figure img")).to_have_count(3, timeout=60_000)
        expect(page.locator("#preview")).to_contain_text("reference frame")

        pace.seconds = 0.06
        page.locator("#run").click()
        expect(page.locator("#status [role=progressbar]")).to_be_visible()
        growing = page.locator("#player video[data-growing=true]")
        expect(growing).to_be_visible(timeout=60_000)
        page.wait_for_function("document.querySelector('#player video').currentTime > 0.3", timeout=60_000)
        assert growing.count() == 1, "the newest frame is shown while it is being made"
        expect(page.locator("#status")).to_contain_text("to go")
        video = finished(page)
        assert abs(video.evaluate("video => video.duration") - SECONDS) < 0.05
        page.wait_for_function("document.querySelector('#player video').currentTime > 0")
        expect(page.locator("#player .save")).to_have_text("Download astronaut-clip.mp4")

        page.locator("#beside").click()
        page.wait_for_function("document.querySelector('#player video').videoWidth === 1024")

        pace.seconds = 0.25
        page.locator("#run").click()
        page.wait_for_function(
            "document.querySelector('#status').textContent.includes('Frame ')", timeout=60_000
        )
        page.locator("#stop").click()
        expect(page.locator("#status")).to_contain_text("are kept", timeout=60_000)
        assert 0 < finished(page).evaluate("video => video.duration") < SECONDS - 0.2
        expect(page.locator("#run")).to_be_visible()


def test_a_slider_changes_the_picture(visit):
    with visit() as page:
        page.get_by_role("tab", name="Edit").click()
        pick(page, "#edit-portraits", "Eileen")
        page.wait_for_selector("#view img")
        before = page.get_attribute("#view img", "src")
        slider = page.get_by_role("slider", name="Turn")
        slider.focus()
        slider.press("ArrowRight")
        changed = "before => document.querySelector('#view img').src !== before"
        page.wait_for_function(changed, arg=before)
        page.locator("#reset").click()
        page.wait_for_function("before => document.querySelector('#view img').src === before", arg=before)
        with page.expect_download() as saved:
            page.locator("#save").click()
        assert saved.value.suggested_filename == "astronaut-edited.png"


def test_a_bad_file_is_a_sentence(visit, clip, tmp_path):
    notes = tmp_path / "notes.png"
    notes.write_text("no picture at all")
    with visit() as page:
        send(page, notes, clip)
        said = page.get_by_text("notes.png: this is not a picture that we can read")
        expect(said.first).to_be_visible(timeout=30_000)
        expect(page.locator("#run")).to_be_disabled()


def test_two_visitors_see_their_own(visit, server):
    with visit() as one, visit() as two:
        for page, motion in ((one, "blink"), (two, "smile")):
            pick(page, "#animate-portraits", "Eileen")
            pick(page, "#animate-drivers", motion)
            expect(page.locator("#preview figure img")).to_have_count(3, timeout=60_000)
        for page in (one, two):
            page.locator("#run").click()
        lengths = [finished(page).evaluate("video => video.duration") for page in (one, two)]
        assert [round(length, 1) for length in lengths] == [2.0, 3.0]
        addresses = [finished(page).evaluate("video => video.src") for page in (one, two)]
        assert addresses[0].split("/")[-2] != addresses[1].split("/")[-2], "a token each"
        folders = [server.service.visits.by_token(address.split("/")[-2]).folder for address in addresses]
    end = time.monotonic() + 30
    while any(folder.exists() for folder in folders):
        assert time.monotonic() < end, "what visitors made is deleted when they leave"
        time.sleep(0.1)


def test_the_camera_gives_a_portrait(visit):
    with visit(permissions=["camera"]) as page:
        pick(page, "#animate-drivers", "nod")
        page.locator("#animate-portrait").get_by_label("Capture from camera").click()
        page.locator("#animate-portrait").get_by_role("button", name="Click to Access Webcam").click()
        page.locator("#animate-portrait").get_by_label("capture photo").click()
        expect(page.locator("#preview figure img")).to_have_count(3, timeout=60_000)
        expect(page.locator("#run")).to_be_enabled()


def test_a_portrait_is_pasted(visit):
    with visit(permissions=["clipboard-read", "clipboard-write"]) as page:
        pick(page, "#animate-drivers", "nod")
        page.evaluate(_COPY, base64.b64encode(PORTRAIT.read_bytes()).decode())
        page.locator("#animate-portrait").get_by_label("Paste from clipboard").click()
        expect(page.locator("#preview figure img")).to_have_count(3, timeout=60_000)


def test_settings_and_the_dark_page_are_remembered(visit):
    with visit() as page:
        page.get_by_text("Settings", exact=True).first.click()
        stored = "JSON.stringify(localStorage)"
        before = page.evaluate(stored)
        page.get_by_label("Absolute").check()
        page.wait_for_function(f"before => {stored} !== before", arg=before)
        page.locator(".night").click()
        dark = page.evaluate("document.body.classList.contains('dark')")
        page.reload()
        page.wait_for_selector("#run")
        assert page.evaluate("document.body.classList.contains('dark')") is dark
        page.get_by_text("Settings", exact=True).first.click()
        expect(page.get_by_label("Absolute")).to_be_checked()


def test_a_phone_needs_no_sideways_scrolling(visit):
    with visit(viewport={"width": 390, "height": 844}) as page:
        for tab in NAMES:
            page.get_by_role("tab", name=tab).click()
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, tab


def test_everything_has_a_name_for_screen_readers(visit):
    with visit() as page:
        for tab in NAMES:
            page.get_by_role("tab", name=tab).click()
            nameless = page.evaluate(_NAMELESS)
            assert nameless == [], json.dumps(nameless, indent=1)


_COPY = """
async (jpeg) => {
    const picture = await createImageBitmap(await (await fetch(`data:image/jpeg;base64,${jpeg}`)).blob());
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    canvas.getContext('2d').drawImage(picture, 0, 0);
    const png = await canvas.convertToBlob({type: 'image/png'});
    await navigator.clipboard.write([new ClipboardItem({'image/png': png})]);
}
"""
_NAMELESS = """
() => [...document.querySelectorAll('button, input, textarea, select, img, video, [role=slider]')]
    .filter((each) => each.checkVisibility())
    .filter((each) => {
        const labels = each.labels ? [...each.labels].map((label) => label.textContent).join('') : '';
        const name = each.getAttribute('aria-label') || each.title || labels || each.textContent;
        return each.tagName === 'IMG' ? !each.hasAttribute('alt') : !(name || '').trim();
    })
    .map((each) => each.outerHTML.slice(0, 200))
"""
