"""The tab Animate in a real browser: the queue, Stop, errors in their place, parts and faces, results."""

import re

import cv2
import numpy as np
import pytest
from app_server import PORTRAIT, chromium, finished, pick, send
from conftest import write_video
from gfla.animate.io.image import read_image, write_image
from gfla.animate.synthetic.talking_head import Pose, TalkingHead
from playwright.sync_api import Locator, Page, expect

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        chromium() is None,
        reason="no Chromium here: the page is not tried in a browser (apt-get install chromium)",
    ),
]
SLOW = 60_000  # milliseconds for what computes


def ready(page: Page, portrait: str = "Eileen", driver: str = "blink") -> None:
    """Both picked, and the preview complete."""
    pick(page, "#animate-portraits", portrait)
    pick(page, "#animate-drivers", driver)
    expect(page.locator("#preview figure img")).to_have_count(3, timeout=SLOW)
    expect(page.locator("#run")).to_be_enabled()


def command(page: Page) -> Locator:
    """The command for the same, whose card is opened."""
    line = page.locator("#command textarea")
    if not line.is_visible():
        page.get_by_role("button", name="As a command").first.click()
    return line


def test_stop_answers_at_once_and_a_place_in_the_queue_is_seen(visit, pace):
    with visit() as one, visit() as two:
        ready(one)
        ready(two)
        pace.seconds = 0.2
        one.locator("#run").click()
        expect(one.locator("#stop")).to_be_focused()
        growing = one.locator("#player video[data-growing=true]")
        expect(growing).to_be_visible(timeout=SLOW)
        two.locator("#run").click()
        expect(two.locator("#status")).to_contain_text("Waiting: 1 render before yours", timeout=SLOW)
        two.locator("#stop").click()
        expect(two.locator("#result-note")).to_contain_text("Left the queue", timeout=SLOW)
        expect(two.locator("#run")).to_be_visible()

        shown = growing.evaluate("video => [video.controls, video.paused, video.loop]")
        assert shown == [False, True, False], "the newest frame, without controls that could spin"
        one.wait_for_function("document.querySelector('#player video').currentTime > 0.2", timeout=SLOW)
        pace.seconds = 1.0
        one.locator("#stop").click()
        assert (one.locator("#stop").text_content() or "").strip() == "Stopping …"
        expect(one.locator("#stop")).to_be_disabled()
        pace.seconds = 0.0
        expect(one.locator("#status")).to_contain_text("are kept", timeout=SLOW)
        video = finished(one)
        assert video.evaluate("video => video.loop") is False
        assert video.evaluate("video => video.clientHeight") <= 0.6 * 900


def test_errors_stay_below_their_input(visit, clip, tmp_path, grey_picture):
    notes = tmp_path / "notes.png"
    notes.write_text("no picture at all")
    nobody = write_video(tmp_path / "nobody.mp4", pts=tuple(range(5)), size=(128, 128), picture=grey_picture)
    with visit() as page:
        send(page, notes, nobody)
        portrait, driver = page.locator("#animate-portrait-note"), page.locator("#animate-driving-note")
        expect(portrait).to_contain_text("notes.png: this is not a picture that we can read", timeout=SLOW)
        expect(driver).to_contain_text("nobody.mp4: no face in any frame", timeout=SLOW)
        expect(page.locator("#run")).to_be_disabled()
        expect(page.locator("#preview .coming")).to_have_count(0)
        assert page.locator(".toast-body").count() == 0
        page.locator("#animate-driving").get_by_label("Clear").click()
        page.set_input_files("#animate-driving input[type=file]", str(clip))
        expect(driver).to_be_hidden(timeout=SLOW)
        expect(portrait).to_be_visible()
        pick(page, "#animate-portraits", "Mara")
        expect(portrait).to_be_hidden(timeout=SLOW)
        expect(page.locator("#run")).to_be_enabled(timeout=SLOW)


def test_one_portrait_for_all_tabs_and_after_a_reload(visit):
    with visit() as page:
        ready(page)
        page.locator("#run").click()
        finished(page)
        page.locator("#edit-this").click()
        expect(page.locator("#view img")).to_be_visible(timeout=SLOW)
        page.get_by_role("tab", name="Animate").click()
        page.locator("#live-this").click()
        expect(page.locator("#live-view [data-live=start]")).to_be_enabled(timeout=SLOW)
        pick(page, "#live-portraits", "Theo")
        expect(page.locator("#live-portrait img")).to_be_visible()
        page.wait_for_timeout(500)
        page.get_by_role("tab", name="Animate").click()
        expect(page.locator('#animate-portraits .pick[data-name="Theo"]')).to_have_attribute(
            "aria-pressed", "true"
        )
        page.reload()
        page.wait_for_selector("#run")
        expect(page.locator("#preview figure img")).to_have_count(3, timeout=SLOW)
        expect(page.locator("#animate-portrait img")).to_be_visible()
        expect(page.locator("#results .pick")).to_have_count(1)
        expect(page.locator("#player video")).to_be_visible()


def test_a_face_and_a_part_are_chosen_before_the_run(visit, clip, tmp_path):
    two = np.concatenate([TalkingHead(seed).render(Pose()).image for seed in (3, 14)], axis=1)
    write_image(two, tmp_path / "two.png")
    with visit() as page:
        send(page, tmp_path / "two.png", clip)
        faces = page.locator("#portrait-frame [data-frame=faces] button")
        expect(faces).to_have_count(2, timeout=SLOW)
        expect(page.locator("#run")).to_be_enabled(timeout=SLOW)
        expect(page.locator("#preview figure img")).to_have_count(3, timeout=SLOW)
        shown = []
        for number in (0, 1):
            faces.nth(number).click()
            expect(faces.nth(number)).to_have_attribute("aria-pressed", "true")
            expect(command(page)).to_have_value(re.compile(f"--source-face={number + 1}"), timeout=SLOW)
            expect(page.locator("#preview figure img")).to_have_count(3, timeout=SLOW)
            shown.append(page.locator("#preview img").first.get_attribute("src"))
        assert shown[0] != shown[1]
        end = page.locator("#trim [data-trim=end]")
        end.focus()
        for _ in range(10):
            end.press("ArrowLeft")
        expect(page.locator("#trim [data-trim=said]")).to_have_text(
            "The part from 0:00.0 to 0:01.0 of 0:02.0"
        )
        expect(command(page)).to_have_value(re.compile("--end=1.0"), timeout=SLOW)


def test_a_part_of_the_driver_is_framed(visit, clip):
    with visit() as page:
        send(page, PORTRAIT, clip)
        expect(page.locator("#preview figure img")).to_have_count(3, timeout=SLOW)
        whole = page.locator("#preview img").nth(1).get_attribute("src") or ""
        page.get_by_text("Face, part, reference frame, motion files").click()
        page.locator("#driver-frame [data-frame=crop]").check()
        box = page.locator("#driver-frame [data-frame=box]")
        corner = box.locator("[data-corner=se]").bounding_box()
        before = box.bounding_box()
        assert corner
        assert before
        page.mouse.move(corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] / 2)
        page.mouse.down()
        page.mouse.move(corner["x"] - 12, corner["y"] - 16, steps=4)
        page.mouse.up()
        after = box.bounding_box()
        assert after
        assert after["width"] < before["width"] - 8
        assert after["height"] < before["height"] - 8
        expect(command(page)).to_have_value(re.compile(r"-o out.mp4  # of clip.mp4 the framed part"))
        expect(page.locator("#preview img").nth(1)).not_to_have_attribute("src", whole, timeout=SLOW)
        expect(page.locator("#run")).to_be_enabled(timeout=SLOW)
        page.locator("#run").click()
        assert abs(finished(page).evaluate("video => video.duration") - 2) < 0.05
        expect(page.locator("#player .save")).to_have_text("Download astronaut-clip.mp4")


def test_a_finished_result_is_begun_again_with_one_click(visit):
    with visit() as page:
        shown = page.locator("#showcase .shown")
        expect(shown).to_have_count(4)
        shown.nth(1).hover()
        page.wait_for_function("!document.querySelectorAll('#showcase video')[1].paused")
        shown.nth(1).get_by_role("button").click()
        expect(page.locator("#preview figure img")).to_have_count(3, timeout=SLOW)
        expect(page.locator("#run")).to_be_enabled()
        expect(page.locator("#showcase")).to_be_hidden()


def test_two_results_are_compared_without_encoding(visit):
    with visit() as page:
        for motion in ("blink", "nod"):
            ready(page, "Eileen", motion)
            page.locator("#run").click()
            expect(page.locator("#run")).to_be_visible(timeout=SLOW)
            expect(page.locator("#status")).to_contain_text("Done", timeout=SLOW)
        strip = page.locator("#results .pick")
        expect(strip).to_have_count(2, timeout=SLOW)
        strip.first.click()
        expect(page.locator("#player .save")).to_have_text("Download astronaut-blink.mp4")
        page.get_by_role("button", name="Compare two").click()
        strip.first.click()
        strip.nth(1).click()
        slider = page.locator("#results .two input")
        expect(slider).to_be_attached()
        slider.fill("20")
        assert "20%" in page.locator("#results .two video").nth(1).evaluate("video => video.style.clipPath")


def test_a_motion_is_saved_and_taken_again(visit, tmp_path):
    with visit() as page:
        ready(page)
        page.get_by_text("Face, part, reference frame, motion files").click()
        with page.expect_download() as saved:
            page.locator("#save-motion").click()
        assert saved.value.suggested_filename == "blink.motion"
        saved.value.save_as(tmp_path / "mine.motion")
        with page.expect_file_chooser() as chooser:
            page.locator("#template").click()
        chooser.value.set_files(str(tmp_path / "mine.motion"))
        expect(command(page)).to_have_value("gfla-animate astronaut.jpg mine.motion -o out.mp4", timeout=SLOW)
        expect(page.locator("#run")).to_be_enabled(timeout=SLOW)


def test_arrow_keys_move_along_the_tabs(visit):
    with visit() as page:
        page.get_by_role("tab", name="Animate").focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tab", name="Edit")).to_be_focused()
        expect(page.get_by_role("tab", name="Edit")).to_have_attribute("aria-selected", "true")
        page.keyboard.press("End")
        expect(page.get_by_role("tab", name="Batch")).to_be_focused()


def test_a_large_photograph_is_taken(visit, server, tmp_path):
    """It is shrunk: `test_uploads` says how."""
    side = server.service.limits.side + 300
    write_image(cv2.resize(read_image(PORTRAIT)[0], (side, side)), tmp_path / "large.jpg")
    with visit() as page:
        page.set_input_files("#animate-portrait input[type=file]", str(tmp_path / "large.jpg"))
        pick(page, "#animate-drivers", "blink")
        expect(page.locator("#run")).to_be_enabled(timeout=SLOW)
        expect(page.locator("#animate-portrait-note")).to_be_hidden()


def test_a_video_is_the_portrait_and_the_result_a_gif(visit, clip):
    with visit() as page:
        page.get_by_text("Face, part, or a video").click()
        with page.expect_file_chooser() as chooser:
            page.locator("#source-video").click()
        chooser.value.set_files(str(clip))
        expect(page.locator("#animate-portrait img")).to_be_visible(timeout=SLOW)
        pick(page, "#animate-drivers", "blink")
        page.get_by_text("Settings", exact=True).first.click()
        page.get_by_label("GIF").check()
        page.get_by_label("The face alone").check()
        page.locator("#run").click()
        expect(page.locator("#player .save")).to_have_text("Download clip-blink.gif", timeout=SLOW)
        page.wait_for_function("document.querySelector('#player img').naturalWidth > 0")
        expect(page.locator("#status")).to_contain_text("Done: 50 frames")
