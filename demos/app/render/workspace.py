"""What one visitor works on: the prepared portrait, the driver's motion, the renders; each computed once."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gfla.animate import AnimationState, Animator
from gfla.animate.motion.recording import DriverMotion
from gfla.animate.motion.template import open_motion
from gfla.demos.app.render.render import RenderRequest
from gfla.demos.app.ui.progress import Progress
from gfla.demos.app.visitors.session import Visit

_RENDERS = 3  # of a visitor are kept


@dataclass(eq=False)
class Workspace:
    """Thread-safe; one driver at a time is tracked.

    last: the request and the output of the last render that left a video. progress: of the tracking.
    """

    folder: Path
    last: tuple[RenderRequest, Path] | None = None
    progress: Progress = field(default_factory=Progress)
    _inputs: object = None
    _turn: int = 0
    _renders: int = 0
    _prepared: tuple[Path, AnimationState] | None = None
    _recorded: tuple[Path | str, DriverMotion] | None = None
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

    def prepare(self, animator: Animator, portrait: Path) -> AnimationState:
        """The portrait, encoded once. InputError if it shows no face."""
        with self._preparing:
            if self._prepared is None or self._prepared[0] != portrait:
                self._prepared = portrait, animator.prepare(portrait)
            return self._prepared[1]

    def recorded(self, driving: Path | str) -> DriverMotion | None:
        """The driver's motion, None if it is not tracked yet."""
        kept = self._recorded
        return kept[1] if kept is not None and kept[0] == driving else None

    def record(
        self, animator: Animator, driving: Path | str, cancel: Callable[[], bool]
    ) -> DriverMotion | None:
        """The driver's motion, tracked once; None if cancelled. InputError if there is no face."""
        with self._tracking:
            if (kept := self.recorded(driving)) is not None:
                return kept
            self.progress = Progress(tracking=True)

            def show(done: int, expected: int | None) -> None:
                self.progress.done, self.progress.expected = done, expected

            if cancel():
                return None
            motion = open_motion(str(driving)) or animator.record(driving, progress=show, cancel=cancel)
            if cancel():
                return None
            self._recorded = driving, motion
            return motion

    @property
    def is_tracking(self) -> bool:
        return self._tracking.locked()

    def render_folder(self) -> Path:
        """A new folder for a render; the oldest is deleted."""
        self._renders += 1
        shutil.rmtree(self.folder / f"render-{self._renders - _RENDERS}", ignore_errors=True)
        folder = self.folder / f"render-{self._renders}"
        folder.mkdir()
        return folder


def workspace_of(visit: Visit, name: str = "workspace") -> Workspace:
    """The visitor's workspace of that name."""
    workspace: Workspace = visit.memory.setdefault(name, Workspace(visit.folder))
    return workspace
