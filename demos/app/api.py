"""The endpoints for programs: /preview, /animate, /edit and /edit_video, documented here, which the page
shows."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import isgeneratorfunction, signature
from pathlib import Path
from typing import Any, get_args

import gradio as gr
from gfla.animate import InputError
from gfla.animate.io.image import write_image
from gfla.animate.io.timecode import parse_time
from gfla.animate.motion.controls import check_control, key_frames
from gfla.animate.motion.presets import SHIPPED
from gfla.animate.motion.recording import DriverMotion, motion_of_curves
from gfla.animate.streaming.provenance import tag
from gfla.demos.app.render.player import warnings_of
from gfla.demos.app.render.preview import make_preview
from gfla.demos.app.render.render import DriverPart, RenderRequest, render
from gfla.demos.app.render.workspace import workspace_of
from gfla.demos.app.tabs.edit_events import draw
from gfla.demos.app.ui.events import JOB, SCAN
from gfla.demos.app.ui.images import Image
from gfla.demos.app.ui.inputs import Sent, file_data, sent_name
from gfla.demos.app.ui.progress import Progress
from gfla.demos.app.ui.settings import DECLARED, read_sent
from gfla.demos.app.visitors.errors import show_errors
from gfla.demos.app.visitors.service import Service
from gfla.demos.app.visitors.session import Visit
from gradio.context import get_blocks_context
from gradio.events import api

_OPTIONS = {flag: option for flag, (option, _) in DECLARED.items() if flag not in ("overwrite", "sidecar")}
"""What a program may set: no option that names a file or a device."""
FORMATS = ("mp4", "webm", "mov", "gif")
_ABOUT = {
    "portrait": "a picture: a file of yours",
    "driving": "a video or a .motion file; none with a motion",
    "motion": f"of {', '.join(SHIPPED)}, instead of a driving video",
    "mode": "how the motion is applied: relative, absolute or copy",
    "options": "options of gfla-animate by name: start and end trim the driver, in seconds; codec, quality, "
    'mouth, smoothing, label and so on, such as {"start": 1, "end": 3, "label": true}',
    "format": f"of the video: {', '.join(FORMATS)}",
    "controls": 'controls of gfla-edit by name, such as {"yaw": 15, "smile": 0.6}; 0 changes nothing',
    "keys": 'key frames: controls by seconds, such as {"0": {"yaw": -15}, "1.5": {"yaw": 15}}',
    "video": "the finished video; null until then",
    "progress": "state (waiting, tracking, rendering, done), done and expected frames, or how many renders "
    "come before this one; sent several times a second",
    "warnings": "what is to be known about the result, in sentences",
}


def add_api(service: Service) -> None:
    """Give the open Blocks the endpoints."""

    def preview(
        request: gr.Request,
        portrait: gr.FileData,
        driving: gr.FileData | None = None,
        motion: str = "",
        mode: str = "relative",
    ) -> tuple[gr.FileData, gr.FileData]:
        """Look before a render: the driver's reference frame with landmarks, and one frame of the result."""
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
        format: str = "mp4",
    ) -> Iterator[tuple[gr.FileData | None, dict[str, Any], list[str]]]:
        """Animate a portrait: the video, how far it is, warnings."""
        visit = service.visit(request)
        asked = read_sent({"motion": mode} | _mapping("options", options), _OPTIONS)
        driver = _driver(service, visit, driving, motion, (asked.start, asked.end))
        path = _portrait(service, visit, portrait)
        names = {str(path): sent_name(portrait), str(driver): sent_name(driving)}
        name = f"{path.stem[:60]}-{Path(driver).stem[:60]}.{_format(format)}"
        yield from _render(service, visit, RenderRequest(path, driver, asked, names), name)

    def edit(
        request: gr.Request, portrait: gr.FileData, controls: dict[str, float] | None = None
    ) -> gr.FileData:
        """Change a portrait's pose and expression; the picture as PNG."""
        visit, values = service.visit(request), _controls("controls", controls)
        state = workspace_of(visit).prepare(service.animator, _portrait(service, visit, portrait))
        image = draw(service.animator, state, values).image
        return _write_picture(visit, image, "edited", tag(service.animator.name))

    def edit_video(
        request: gr.Request,
        portrait: gr.FileData,
        keys: dict[str, dict[str, float]],
        options: dict[str, Any] | None = None,
        format: str = "mp4",
    ) -> Iterator[tuple[gr.FileData | None, dict[str, Any], list[str]]]:
        """Key frames of pose and expression as a video, how far it is, warnings."""
        visit = service.visit(request)
        sent = _mapping("keys", keys).items()
        found = {parse_time(str(at)): _controls(f"keys {at}", each) for at, each in sent}
        if len(found) < 2:
            raise InputError("keys", "a video needs at least two key frames", "give more")
        if max(found) > service.limits.seconds:
            most = f"{service.limits.seconds:g} seconds"
            raise InputError("keys", "they last too long", f"end within {most}")
        asked = read_sent(_mapping("options", options), _OPTIONS)
        path = _portrait(service, visit, portrait)
        order = RenderRequest(path, "edit", asked, {str(path): sent_name(portrait)})
        recording = motion_of_curves(key_frames(found), "edit")
        yield from _render(service, visit, order, f"{path.stem[:60]}-edited.{_format(format)}", recording)

    _add(preview, ("reference", "preview"), SCAN)
    _add(animate, ("video", "progress", "warnings"), JOB)
    _add(edit, ("picture",), SCAN)
    _add(edit_video, ("video", "progress", "warnings"), JOB)


def _add(function: Callable, results: Sequence[str], queue: dict[str, Any]) -> None:
    """An endpoint of the function's name, whose docstring describes it; with names for its results and a
    line for each parameter, which gradio's own `api` does not give."""
    shown: Any = show_errors(function)
    given = signature(function)
    if isgeneratorfunction(function):  # gradio reads the results from the annotation, and only from a tuple
        given = given.replace(return_annotation=get_args(given.return_annotation)[0])
    shown.__signature__ = given
    api(shown, api_name=function.__name__, **queue)
    blocks: Any = get_blocks_context()
    endpoint = blocks.fns[max(blocks.fns)]
    parameters = [name for name in given.parameters if name != "request"]
    for names, parts in ((parameters, endpoint.inputs), (results, endpoint.outputs)):
        for name, part in zip(names, parts, strict=True):
            part.label = name  # type: ignore[attr-defined]
            about: dict[str, Any] = part._api_info  # type: ignore[attr-defined]
            part._api_info = about | {"additional_description": _ABOUT.get(name, "")}  # type: ignore[attr-defined]


def _render(
    service: Service,
    visit: Visit,
    order: RenderRequest,
    name: str,
    recording: DriverMotion | None = None,
) -> Iterator[tuple[gr.FileData | None, dict[str, Any], list[str]]]:
    with service.job(visit, "api") as turn:
        for before in service.turns.wait(turn):
            yield None, {"state": "waiting", "before": before}, []
        output = _served_path(visit, name)
        recording = recording or workspace_of(visit).recorded(order.driver)
        progress = Progress()
        for progress in render(
            service.animator, order, output, recording=recording, cancel=turn.cancel.is_set
        ):
            yield None, _told("tracking" if progress.tracking else "rendering", progress), []
        warnings = list(warnings_of(progress.warnings, order.names))
        yield file_data(output), _told("done", progress), warnings


def _told(state: str, progress: Progress) -> dict[str, Any]:
    return {"state": state, "done": progress.done, "expected": progress.expected}


def _format(name: str) -> str:
    if name not in FORMATS:
        raise InputError(f"format {name}", "there is no such format", f"choose of {', '.join(FORMATS)}")
    return name


def _portrait(service: Service, visit: Visit, sent: Any) -> Path:
    return service.portrait(visit, _sent("portrait", sent))


def _driver(
    service: Service, visit: Visit, sent: Any, motion: Any, part: tuple[Any, Any] = (None, None)
) -> Path | str:
    if motion and not (isinstance(motion, str) and motion in SHIPPED):
        raise InputError(motion, "there is no such motion", f"choose of {', '.join(SHIPPED)}")
    return service.driver(visit, _sent("driving", sent), motion, part)


def _sent(name: str, sent: Any) -> Sent:
    if sent and not isinstance(sent, Mapping):
        raise InputError(name, "this is not a file", "upload one")
    return sent


def _controls(name: str, sent: Any) -> dict[str, float]:
    values = {each: _number(each, value) for each, value in _mapping(name, sent).items()}
    for each, value in values.items():
        check_control(each, value)
    return values


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
    return path


def _write_picture(visit: Visit, image: Image, name: str, comment: str | None = None) -> Any:
    path = _served_path(visit, f"{name}.png")
    write_image(image, path, comment)
    return file_data(path)
