"""The endpoints for programs: /preview, /animate and /edit, documented by their docstrings, which the page
shows."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gfla.animate import InputError
from gfla.animate.io.image import write_image
from gfla.animate.motion.controls import check_control
from gfla.animate.motion.presets import SHIPPED
from gfla.animate.streaming.provenance import tag
from gfla.demos.app.render.preview import make_preview
from gfla.demos.app.render.render import DriverPart, RenderRequest, render
from gfla.demos.app.render.workspace import workspace_of
from gfla.demos.app.tabs.edit_events import draw
from gfla.demos.app.ui.events import JOB, SCAN
from gfla.demos.app.ui.images import Image
from gfla.demos.app.ui.inputs import Sent, file_data
from gfla.demos.app.ui.settings import read_sent
from gfla.demos.app.visitors.errors import show_errors
from gfla.demos.app.visitors.service import Service
from gfla.demos.app.visitors.session import Visit
from gradio.events import api


def add_api(service: Service) -> None:
    """Give the open Blocks the endpoints."""

    def preview(
        request: gr.Request,
        portrait: gr.FileData,
        driving: gr.FileData | None = None,
        motion: str = "",
        mode: str = "relative",
    ) -> tuple[gr.FileData, gr.FileData]:
        """Look before a render: the driver's reference frame with landmarks, and one frame of the result.

        portrait: a picture. driving: a video, or none with motion: blink, nod, shake, smile, talk or
        look-around. mode: relative, absolute or copy.
        """
        visit = service.visit(request)
        workspace, driver = workspace_of(visit), _driver(service, visit, driving, motion)
        state = workspace.prepare(service.animator, _portrait(service, visit, portrait))
        recording = workspace.record(service.animator, DriverPart(driver), lambda: False)
        assert recording is not None
        made = make_preview(service.animator, state, driver, recording, read_sent({"motion": mode}))
        result = _write_picture(visit, made.result, "preview", tag(service.animator.name))
        return _write_picture(visit, made.driver, "reference"), result

    def animate(
        request: gr.Request,
        portrait: gr.FileData,
        driving: gr.FileData | None = None,
        motion: str = "",
        mode: str = "relative",
        options: dict[str, Any] | None = None,
    ) -> gr.FileData:
        """Animate a portrait; returns the video as MP4.

        portrait, driving, motion, mode: as in /preview. options: those of gfla-animate by name, such as
        {"mouth": 1.2, "smoothing": 0, "detail": 0.5, "crop-only": true, "label": true}; the others
        have the command's defaults.
        """
        visit = service.visit(request)
        driver = _driver(service, visit, driving, motion)
        asked = read_sent({"motion": mode} | _mapping("options", options))
        order = RenderRequest(_portrait(service, visit, portrait), driver, asked)
        with service.job(visit, "api") as turn:
            for _ in service.turns.wait(turn):
                pass
            output = _served_path(visit, f"{order.portrait.stem[:60]}-{Path(driver).stem[:60]}.mp4")
            recording = workspace_of(visit).recorded(order.driver)
            cancel = turn.cancel.is_set
            for _ in render(service.animator, order, output, recording=recording, cancel=cancel):
                pass
            return file_data(output)

    def edit(
        request: gr.Request, portrait: gr.FileData, controls: dict[str, float] | None = None
    ) -> gr.FileData:
        """Change a portrait's pose and expression by the controls of gfla-edit; returns the picture as PNG.

        controls: values by name, such as {"yaw": 15, "smile": 0.6}; 0 changes nothing.
        """
        visit, values = service.visit(request), _numbers("controls", controls)
        for name, value in values.items():
            check_control(name, value)
        state = workspace_of(visit).prepare(service.animator, _portrait(service, visit, portrait))
        image = draw(service.animator, state, values).image
        return _write_picture(visit, image, "edited", tag(service.animator.name))

    api(show_errors(preview), api_name="preview", **SCAN)
    api(show_errors(animate), api_name="animate", **JOB)
    api(show_errors(edit), api_name="edit", **SCAN)


def _portrait(service: Service, visit: Visit, sent: Any) -> Path:
    return service.portrait(visit, _sent("portrait", sent))


def _driver(service: Service, visit: Visit, sent: Any, motion: Any) -> Path | str:
    if motion and not (isinstance(motion, str) and motion in SHIPPED):
        raise InputError(motion, "there is no such motion", f"choose of {', '.join(SHIPPED)}")
    return service.driver(visit, _sent("driving", sent), motion)


def _sent(name: str, sent: Any) -> Sent:
    if sent and not isinstance(sent, Mapping):
        raise InputError(name, "this is not a file", "upload one")
    return sent


def _numbers(name: str, sent: Any) -> dict[str, float]:
    return {name: _number(name, value) for name, value in _mapping(name, sent).items()}


def _mapping(name: str, sent: Any) -> dict[str, Any]:
    if sent is not None and not isinstance(sent, Mapping):
        raise InputError(name, "not an object", "give values by name")
    return dict(sent or {})


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(name, "not a number", "give a number") from None


def _served_path(visit: Visit, name: str) -> Path:
    """A new path of that name that gradio serves to this visitor; deleted with the visit."""
    visit.public.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=visit.public)) / name
    visit.uploads.add(path)
    return path


def _write_picture(visit: Visit, image: Image, name: str, comment: str | None = None) -> Any:
    path = _served_path(visit, f"{name}.png")
    write_image(image, path, comment)
    return file_data(path)
