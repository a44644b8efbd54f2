"""What a visitor chose in the tab Animate, as one value; and a look at each input before the run."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from gfla.animate import InputError, VideoReader
from gfla.animate.io.image import read_image
from gfla.animate.motion.presets import SHIPPED, SUFFIX
from gfla.animate.options import AnimateOptions
from gfla.demos.app.render.cutting import cut_driver
from gfla.demos.app.render.faces import find_faces
from gfla.demos.app.render.render import RenderRequest
from gfla.demos.app.render.workspace import workspace_of
from gfla.demos.app.ui import markup, widgets
from gfla.demos.app.ui.images import data_url, shrink
from gfla.demos.app.ui.inputs import Sent, file_data, sent_name
from gfla.demos.app.ui.settings import SETTINGS, command, read_controls
from gfla.demos.app.ui.widgets import read_frame, read_trim
from gfla.demos.app.visitors.errors import note_errors
from gfla.demos.app.visitors.pictures import first_frame
from gfla.demos.app.visitors.service import Service
from gfla.demos.app.visitors.session import Visit
from gfla.demos.app.visitors.uploads import check_driving, check_length

_SHOWN = 640  # pixels of a picture in which something is chosen
FORMATS = {"MP4": ".mp4", "WebM": ".webm", "GIF": ".gif"}
Shown = TypeVar("Shown")


@dataclass(frozen=True)
class Asked:
    """The inputs of an event of the tab, in the order of its components: `Asked.of(*values)`.

    portrait, driving: uploads. picked: a sample's, motion's or template's name. portrait_frame, driver_frame,
    part: the widgets' values. reference: the frame that corresponds to the portrait, None to choose it.
    suffix: of the output. options: of the other controls.
    """

    portrait: Sent
    driving: Sent
    picked: str
    portrait_frame: str | None
    driver_frame: str | None
    part: str | None
    reference: int | None
    suffix: str
    options: AnimateOptions

    @classmethod
    def of(cls, *values: Any) -> "Asked":
        """InputError for what no control gives but a client may send."""
        portrait, driving, picked, portrait_frame, driver_frame, part, auto, number, suffix, *rest = values
        options = read_controls(rest, SETTINGS)
        start, end = read_trim(part) if driving else (None, None)
        source_face, _ = read_frame(portrait_frame)
        driving_face, _ = read_frame(driver_frame)
        reference = None if auto or not isinstance(number, int | float) else int(number)
        options = replace(
            options,
            start=start,
            end=end,
            source_face=source_face,
            driving_face=driving_face,
            reference_frame=reference,
        )
        return cls(
            portrait,
            driving,
            picked or "",
            portrait_frame,
            driver_frame,
            part,
            reference,
            FORMATS.get(suffix, ".mp4"),
            options,
        )

    @property
    def has_driver(self) -> bool:
        return bool(self.driving or self.picked)

    def names(self) -> tuple[str, str]:
        """Of portrait and driver on the visitor's side."""
        return sent_name(self.portrait, "portrait.jpg"), (
            sent_name(self.driving) or self.picked or "driving.mp4"
        )

    def request(self, service: Service, visit: Visit) -> RenderRequest:
        """What to render, of the whole driver. InputError for an input that is missing or unusable."""
        portrait, driver = self.picture(service, visit), self.driver(service, visit)
        source = service.source(visit, portrait)
        given = {str(portrait): self.names()[0], str(source): self.names()[0], str(driver): self.names()[1]}
        return RenderRequest(source, driver, self.options, given)

    def picture(self, service: Service, visit: Visit) -> Path:
        return service.portrait(visit, self.portrait, read_frame(self.portrait_frame)[1])

    def driver(self, service: Service, visit: Visit) -> Path | str:
        """The driver, whole: `cut` makes what was framed. InputError if it is missing or unusable."""
        picked = self.picked if not self.driving else ""
        return service.driver(visit, self.driving, picked, (self.options.start, self.options.end))

    def cut(
        self,
        visit: Visit,
        order: RenderRequest,
        cancel: Callable[[], bool],
        show: Callable[[str], Shown],
    ) -> Generator[Shown, None, RenderRequest]:
        """`order` with the part of its driver that was framed, if one was; yields what `show` makes of a
        progress bar. Errors as `cut_driver`."""
        box = read_frame(self.driver_frame)[1] if self.driving else None
        if box is None or isinstance(order.driving, str) or order.driving.suffix.lower() == SUFFIX:
            return order
        return (yield from cut_driver(visit, order, box, cancel, lambda made: show(markup.cut_bar(made))))

    def command(self) -> str:
        """The same in a terminal, with a remark on what is done here alone."""
        framed = [
            name
            for name, frame in zip(self.names(), (self.portrait_frame, self.driver_frame), strict=True)
            if read_frame(frame)[1] is not None
        ]
        remark = f"  # of {' and '.join(framed)} the framed part" if framed else ""
        return command(self.options, *self.names()) + remark


class InputEvents:
    """The events that look at an input as soon as it is chosen."""

    def __init__(self, service: Service):
        self.service = service
        self.look_at_portrait = note_errors(2)(self._look_at_portrait)
        self.look_at_driver = note_errors(2)(self._look_at_driver)
        self.take_video = note_errors(1)(self._take_video)
        self.take_template = note_errors(2)(self._take_template)

    def _look_at_portrait(self, request: gr.Request, portrait: Sent) -> Any:
        """Yields the frame widget's value, and whether its accordion is open: where there are several faces.
        InputError if there is no face."""
        yield "", gr.skip()
        if not portrait:
            return
        service, visit = self.service, self.service.visit(request)
        visit.memory["portrait"] = portrait
        path = service.portrait(visit, portrait)
        state = workspace_of(visit).prepare(service.animator, path)
        image = state.portrait.image  # set upright, if it lay on its side
        faces = find_faces(service.animator.networks.landmarker, image, small=True)
        still = service.source(visit, path) == path and image.shape == read_image(path)[0].shape
        shown = widgets.frame_value(data_url(shrink(image, _SHOWN)), faces, crops=still)
        yield shown, gr.Accordion(open=True) if len(faces) > 1 else gr.skip()

    def _look_at_driver(self, request: gr.Request, driving: Sent, picked: str) -> Any:
        """Yields the values of the trim and the frame widget. InputError if it is no usable video."""
        yield "", ""
        service, visit = self.service, self.service.visit(request)
        visit.memory["driver"] = driving, picked
        if not driving:
            return
        path = visit.uploaded(driving)
        length = check_driving(path, service.limits)
        with VideoReader(path) as reader:
            image = next(iter(reader)).on_white()
        faces = find_faces(service.animator.networks.landmarker, image)
        trim = widgets.trim_value(length, service.limits.seconds)
        yield trim, widgets.frame_value(data_url(shrink(image, _SHOWN)), faces, crops=True)

    def _take_video(self, request: gr.Request, sent: Sent) -> Any:
        """A video as the portrait: its first frame, which stands for it."""
        visit = self.service.visit(request)
        if not sent:
            return gr.skip()
        path = visit.uploaded(sent)
        limits = self.service.limits
        check_length(path, check_driving(path, limits), (None, None), limits)
        picture = first_frame(visit, path)
        visit.memory.setdefault("videos", {})[picture.resolve()] = path
        return file_data(picture, sent_name(sent))

    def _take_template(self, request: gr.Request, sent: Sent) -> Any:
        """A .motion file as the driver: no video, and its name as the picked one."""
        visit = self.service.visit(request)
        if not sent:
            return gr.skip(), gr.skip()
        name = sent_name(sent)
        if Path(name).suffix.lower() != SUFFIX or name in SHIPPED:
            raise InputError(name, f"this is not a {SUFFIX} file", "send one that gfla saved")
        visit.memory.setdefault("templates", {})[name] = self.service.driver(visit, sent)
        return None, name
