"""What programs call instead of a page: three endpoints with names, documented where they are listed."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gfla.animate import InputError
from gfla.animate.io.image import write_image
from gfla.animate.motion.controls import check_control
from gfla.animate.motion.presets import SHIPPED
from gfla.animate.options import PARTS
from gfla.animate.streaming.provenance import tag
from gfla.demos.app.render.preview import glimpse
from gfla.demos.app.render.render import Order, make
from gfla.demos.app.render.workspace import desk_of
from gfla.demos.app.tabs.edit_events import draw
from gfla.demos.app.ui.events import JOB, LOOK
from gfla.demos.app.ui.images import Image
from gfla.demos.app.ui.inputs import file_data
from gfla.demos.app.ui.settings import MODES, PICTURES, Settings
from gfla.demos.app.visitors.service import Service, show_errors
from gfla.demos.app.visitors.session import Visit
from gfla.demos.app.visitors.uploads import check_driving, check_portrait
from gradio.events import api


def add_api(service: Service) -> None:
    """Give the open Blocks the endpoints /preview, /animate and /edit."""

    def preview(
        request: gr.Request,
        portrait: gr.FileData,
        driving: gr.FileData | None = None,
        motion: str = "",
        mode: str = "relative",
    ) -> tuple[gr.FileData, gr.FileData]:
        """Look before a run: the driver's reference frame with its landmarks, and one frame of the result.

        portrait: a picture. driving: a video, or none with motion: blink, nod, shake, smile, talk or
        look-around. mode: relative, absolute or copy.
        """
        visit = service.visit(request)
        desk, driver = desk_of(visit), _driver(visit, service, driving, motion)
        state = desk.prepared(service.animator, _portrait(visit, service, portrait))
        recording = desk.look(service.animator, driver, lambda: False)
        assert recording is not None
        found = glimpse(service.animator, state, driver, recording, _settings(mode).manner)
        made = _picture(visit, found.result, "preview", tag(service.animator.name))
        return _picture(visit, found.driver, "reference"), made

    def animate(
        request: gr.Request,
        portrait: gr.FileData,
        driving: gr.FileData | None = None,
        motion: str = "",
        mode: str = "relative",
        gains: dict[str, float] | None = None,
        smoothing: float = 1.0,
        detail: float = 1.0,
        face_only: bool = False,
        label: bool = False,
    ) -> gr.FileData:
        """Animate a portrait; gives the film as MP4.

        portrait, driving, motion, mode: as in /preview. gains: of head, eyes, mouth, brows and gaze, 0 to 2,
        1 where nothing is said. smoothing: 0 (off) to 5. detail: 0 to 1. face_only: the 256 x 256 face alone.
        label: write AI-generated into the picture.
        """
        visit = service.visit(request)
        driver = _driver(visit, service, driving, motion)
        asked = _settings(mode, gains, smoothing, detail, face_only, label)
        order = Order(_portrait(visit, service, portrait), driver, asked.ways, asked.label)
        with service.job(visit):
            output = _place(visit, f"{order.portrait.stem[:60]}-{Path(driver).stem[:60]}.mp4")
            recording = desk_of(visit).known(driver)
            cancel = visit.cancel.is_set
            for _ in make(service.animator, order, output, recording=recording, cancel=cancel):
                pass
            return file_data(output)

    def edit(
        request: gr.Request, portrait: gr.FileData, controls: dict[str, float] | None = None
    ) -> gr.FileData:
        """Change a portrait's pose and expression by the controls of gfla-edit; gives the picture as PNG.

        controls: values by name, such as {"yaw": 15, "smile": 0.6}; 0 is as it is.
        """
        visit, values = service.visit(request), _numbers("controls", controls)
        for name, value in values.items():
            check_control(name, value)
        state = desk_of(visit).prepared(service.animator, _portrait(visit, service, portrait))
        image = draw(service.animator, state, values).image
        return _picture(visit, image, "edited", tag(service.animator.name))

    api(show_errors(preview), api_name="preview", **LOOK)
    api(show_errors(animate), api_name="animate", **JOB)
    api(show_errors(edit), api_name="edit", **LOOK)


def _portrait(visit: Visit, service: Service, sent: Any) -> Path:
    if not isinstance(sent, Mapping):
        raise InputError("Send a portrait: a picture file.")
    return check_portrait(visit.sent(sent), service.limits)


def _driver(visit: Visit, service: Service, sent: Any, motion: str) -> Path | str:
    if motion:
        if not isinstance(motion, str) or motion not in SHIPPED:
            raise InputError(f"{motion}: there is no such motion; choose of {', '.join(SHIPPED)}.")
        return motion
    if not isinstance(sent, Mapping):
        raise InputError("Send a driving video, or name a motion.")
    return check_driving(visit.sent(sent), service.limits)


def _settings(
    mode: str,
    gains: Any = None,
    smoothing: float = 1.0,
    detail: float = 1.0,
    face_only: bool = False,
    label: bool = False,
) -> Settings:
    if mode not in MODES.values():
        raise InputError(f"{mode}: there is no such mode; choose of {', '.join(MODES.values())}.")
    much: dict[str, Any] = _numbers("gains", gains)
    if unknown := set(much) - set(PARTS):
        raise InputError(f"{min(unknown)}: there is no such part; choose of {', '.join(PARTS)}.")
    share = _number("detail", detail)
    if not 0 <= share <= 1:
        raise InputError(f"detail {share:g}: give a number from 0 to 1.")
    return Settings(
        mode=mode.capitalize(),
        **much,
        smoothing=_number("smoothing", smoothing),
        detail=share,
        picture=PICTURES[bool(face_only)],
        label=bool(label),
    )


def _numbers(what: str, sent: Any) -> dict[str, float]:
    if sent is None or isinstance(sent, Mapping):
        return {name: _number(name, value) for name, value in (sent or {}).items()}
    raise InputError(f"{what}: give an object, numbers by name.")


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name}: give a number.") from None


def _place(visit: Visit, name: str) -> Path:
    """Where gradio may give a file of that name to this visitor; it is deleted with the visit."""
    visit.public.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=visit.public))
    visit.uploads.add(folder / name)
    return folder / name


def _picture(visit: Visit, image: Image, name: str, comment: str | None = None) -> Any:
    path = _place(visit, f"{name}.png")
    write_image(image, path, comment)
    return file_data(path)
