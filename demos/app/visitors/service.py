"""What all tabs share: the one Animator, the visitors, the limits and the samples."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr
from gfla.animate import Animator, InputError
from gfla.animate.io.memory import return_memory
from gfla.animate.motion.presets import SHIPPED, SUFFIX
from gfla.animate.motion.template import load_motion
from gfla.demos.app.ui.inputs import Sent
from gfla.demos.app.ui.samples import make_samples
from gfla.demos.app.visitors.limits import Limits
from gfla.demos.app.visitors.pictures import crop_picture, fit_picture
from gfla.demos.app.visitors.session import Visit, Visits
from gfla.demos.app.visitors.turns import Turn, Turns
from gfla.demos.app.visitors.uploads import Part, check_driving, check_length, check_portrait


@dataclass(eq=False)
class Service:
    """The animator and its visitors. folder: of this server alone, deleted with it."""

    animator: Animator
    folder: Path
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.visits = Visits(self.folder / "visits", self.cache, grace=self.limits.grace)
        self.turns = Turns(self.limits.queue)
        self.samples = make_samples(self.folder / "samples")

    @property
    def cache(self) -> Path:
        """Gradio's folder of uploads and of files it serves."""
        return self.folder / "cache"

    def visit(self, request: gr.Request) -> Visit:
        """The visitor who sent the request."""
        return self.visits.of(str(request.session_hash))

    def portrait(self, visit: Visit, sent: Sent, crop: Sequence[float] | None = None) -> Path:
        """The portrait that the visitor sent, shrunk if it is large. crop: the part of it, as fractions:
        left, top, right, bottom. InputError without one, or if it is unusable."""
        if not sent:
            raise InputError("portrait", "there is none", "send a picture")
        path = self.fitted(visit, visit.uploaded(sent))
        return path if crop is None else crop_picture(visit, path, crop)

    def fitted(self, visit: Visit, path: Path) -> Path:
        """A picture that the visitor sent, shrunk if it is large. InputError if it is unusable."""
        large = check_portrait(path, self.limits) > self.limits.side
        return fit_picture(visit, path, self.limits.side) if large else path

    def driver(
        self,
        visit: Visit,
        sent: Sent,
        motion: str = "",
        part: Part = (None, None),
    ) -> Path | str:
        """The shipped motion of that name or the visitor's template, else the driving video that the visitor
        sent. part: start and end, seconds. InputError without any, or if it is unusable."""
        if motion in SHIPPED:
            return motion
        if motion in (kept := visit.memory.get("templates", {})):
            return kept[motion]
        if not sent:
            raise InputError("driving", "there is none", "send a driving video, or name a motion")
        path = visit.uploaded(sent)
        if path.suffix.lower() == SUFFIX:
            load_motion(path)
            return path
        check_length(path, check_driving(path, self.limits), part, self.limits)
        return path

    def source(self, visit: Visit, portrait: Path) -> Path:
        """The video of which `portrait` is the first frame, else `portrait`."""
        return visit.memory.get("videos", {}).get(portrait, portrait)

    @contextmanager
    def job(self, visit: Visit, name: str) -> Iterator[Turn]:
        """A render of this visitor in the tab `name`, to be waited for with `turns.wait`; the visitor's files
        stay until it ends. InputError if too many wait."""
        turn = self.turns.enter(name)
        visit.turns.append(turn)
        self.visits.begin(visit)
        try:
            if visit.closed:
                turn.cancel.set()
            yield turn
        finally:
            self.turns.leave(turn)
            visit.turns.remove(turn)
            self.visits.end(visit)
            return_memory()
