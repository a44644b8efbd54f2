"""What one visitor works on: the prepared portrait, the driver's motion, the renders; each computed once."""

import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gfla.animate import AnimationState, Animator
from gfla.animate.motion.recording import DriverMotion
from gfla.animate.motion.template import open_motion
from gfla.animate.options import AnimateOptions
from gfla.demos.app.render.render import DriverPart, RenderRequest
from gfla.demos.app.ui.images import Image, data_url, shrink
from gfla.demos.app.ui.progress import Progress
from gfla.demos.app.visitors.session import Visit

_RESULTS = 8  # of a visitor are kept
_THUMB = 144  # pixels


@dataclass(frozen=True)
class Result:
    """A finished render. name: its key. thumb: an <img>'s src."""

    name: str
    request: RenderRequest
    output: Path
    thumb: str


@dataclass(eq=False)
class Workspace:
    """Thread-safe; one driver at a time is tracked.

    results: the renders that left a video, the oldest first. last: the one that is shown. progress: of the
    tracking.
    """

    folder: Path
    results: list[Result] = field(default_factory=list)
    last: Result | None = None
    progress: Progress = field(default_factory=Progress)
    _inputs: object = None
    _turn: int = 0
    _prepared: tuple[object, AnimationState] | None = None
    _recorded: tuple[DriverPart, DriverMotion] | None = None
    _tracking: threading.Lock = field(default_factory=threading.Lock)
    _preparing: threading.Lock = field(default_factory=threading.Lock)

    def begin_preview(self, inputs: object) -> Callable[[], bool] | None:
        """Begin a preview of `inputs`, which outdates the one before. Returns a function that says whether
        this one is outdated; None if the last preview had the same inputs."""
        if inputs == self._inputs:
            return None
        self._inputs = inputs
        self._turn += 1
        mine = self._turn
        return lambda: self._turn != mine

    def prepare(self, animator: Animator, portrait: Path, face: int | None = None) -> AnimationState:
        """The portrait, encoded once. face: number from the left, None for the largest. InputError if there
        is no such face."""
        with self._preparing:
            if self._prepared is None or self._prepared[0] != (portrait, face):
                state = animator.prepare(portrait, AnimateOptions(source_face=face))
                self._prepared = (portrait, face), state
            return self._prepared[1]

    def recorded(self, part: DriverPart) -> DriverMotion | None:
        """The driver's motion, None if it is not tracked yet."""
        kept = self._recorded
        return kept[1] if kept is not None and kept[0] == part else None

    def record(self, animator: Animator, part: DriverPart, cancel: Callable[[], bool]) -> DriverMotion | None:
        """The driver's motion, tracked once; None if cancelled. InputError if there is no face."""
        with self._tracking:
            if (kept := self.recorded(part)) is not None:
                return kept
            self.progress = Progress(tracking=True)

            def show(done: int, expected: int | None) -> None:
                self.progress.done, self.progress.expected = done, expected

            if cancel():
                return None
            driving, start, end, face = part
            motion = open_motion(driving, start, end) or animator.record(
                driving, start, end, driving_face=face, progress=show, cancel=cancel
            )
            if cancel():
                return None
            self._recorded = part, motion
            return motion

    @property
    def is_tracking(self) -> bool:
        return self._tracking.locked()

    def render_folder(self) -> Path:
        """A new folder for a render."""
        folder = self.folder / f"render-{secrets.token_hex(4)}"
        folder.mkdir()
        return folder

    def keep(self, request: RenderRequest, output: Path, image: Image | None) -> Result:
        """A finished render is the last one now; the oldest is deleted. image: of its thumbnail."""
        thumb = "" if image is None else data_url(shrink(image, _THUMB), 80)
        self.last = Result(secrets.token_hex(4), request, output, thumb)
        self.results.append(self.last)
        for old in self.results[:-_RESULTS]:
            shutil.rmtree(old.output.parent, ignore_errors=True)
        del self.results[:-_RESULTS]
        return self.last


def workspace_of(visit: Visit, name: str = "workspace") -> Workspace:
    """The visitor's workspace of that name."""
    workspace: Workspace = visit.memory.setdefault(name, Workspace(visit.folder))
    return workspace
