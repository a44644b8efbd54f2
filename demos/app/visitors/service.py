"""What all tabs share: the one Animator, the visitors, the limits and the samples."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr
from gfla.animate import Animator, InputError
from gfla.animate.io.memory import return_memory
from gfla.animate.motion.presets import SHIPPED
from gfla.demos.app.ui.inputs import Sent
from gfla.demos.app.ui.samples import make_samples
from gfla.demos.app.visitors.limits import Limits
from gfla.demos.app.visitors.session import Visit, Visits
from gfla.demos.app.visitors.uploads import check_driving, check_portrait


@dataclass(eq=False)
class Service:
    """The animator and its visitors. folder: of this server alone, deleted with it."""

    animator: Animator
    folder: Path
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.visits = Visits(self.folder / "visits", self.cache)
        self.samples = make_samples(self.folder / "samples")

    @property
    def cache(self) -> Path:
        """Gradio's folder of uploads and of files it serves."""
        return self.folder / "cache"

    def visit(self, request: gr.Request) -> Visit:
        """The visitor who sent the request."""
        return self.visits.of(str(request.session_hash))

    def portrait(self, visit: Visit, sent: Sent) -> Path:
        """The portrait that the visitor sent. InputError without one, or if it is unusable."""
        if not sent:
            raise InputError("portrait", "there is none", "send a picture")
        return check_portrait(visit.uploaded(sent), self.limits)

    def driver(self, visit: Visit, sent: Sent, motion: str = "") -> Path | str:
        """The shipped motion of that name, else the driving video that the visitor sent. InputError without
        either, or if the video is unusable."""
        if motion in SHIPPED:
            return motion
        if not sent:
            raise InputError("driving", "there is none", "send a driving video, or name a motion")
        return check_driving(visit.uploaded(sent), self.limits)

    @contextmanager
    def job(self, visit: Visit) -> Iterator[None]:
        """A render of this visitor: the visitor's files stay until it ends, and `visit.cancel` stops it."""
        visit.cancel.clear()
        self.visits.begin(visit)
        try:
            if visit.closed:
                visit.cancel.set()
            yield
        finally:
            self.visits.end(visit)
            return_memory()
