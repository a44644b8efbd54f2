"""What one visitor has before him: the portrait prepared, the driver looked through, the runs; each once."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gfla.animate import AnimationState, Animator
from gfla.animate.motion.recording import DriverMotion
from gfla.demos.app.render.preview import look_through
from gfla.demos.app.render.render import Order
from gfla.demos.app.ui.progress import Progress
from gfla.demos.app.visitors.session import Visit

_RUNS = 3  # of a visitor are kept


@dataclass(frozen=True)
class Run:
    """A run that left a film. order: what was asked. recording: the driver's, if it was kept."""

    order: Order
    output: Path
    recording: DriverMotion | None


@dataclass(eq=False)
class Desk:
    """From any thread; one look at a driver at a time. run: the last that left something."""

    folder: Path
    run: Run | None = None
    progress: Progress = field(default_factory=Progress)
    _asked: object = None
    _turn: int = 0
    _runs: int = 0
    _prepared: tuple[Path, AnimationState] | None = None
    _recorded: tuple[Path | str, DriverMotion] | None = None
    _looking: threading.Lock = field(default_factory=threading.Lock)
    _preparing: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, asked: object) -> Callable[[], bool] | None:
        """A new look begins: what was under way is of no use any more. Returns what tells whether that is so
        of this one, or None where just this was `asked` last."""
        if asked == self._asked:
            return None
        self._asked = asked
        self._turn += 1
        mine = self._turn
        return lambda: self._turn != mine

    def prepared(self, animator: Animator, portrait: Path) -> AnimationState:
        """The portrait, encoded once. InputError if it shows no face."""
        with self._preparing:
            if self._prepared is None or self._prepared[0] != portrait:
                self._prepared = portrait, animator.prepare(portrait)
            return self._prepared[1]

    def known(self, driving: Path | str) -> DriverMotion | None:
        """The driver's motion, if it was looked through already."""
        kept = self._recorded
        return kept[1] if kept is not None and kept[0] == driving else None

    def look(
        self, animator: Animator, driving: Path | str, cancel: Callable[[], bool]
    ) -> DriverMotion | None:
        """The driver's motion; None if that was cancelled. InputError if there is no face."""
        with self._looking:
            if (kept := self.known(driving)) is not None:
                return kept
            self.progress = Progress(looking=True)

            def tell(done: int, expected: int | None) -> None:
                self.progress.done, self.progress.expected = done, expected

            if cancel():
                return None
            recording = look_through(animator, driving, tell, cancel)
            if cancel():
                return None
            self._recorded = driving, recording
            return recording

    @property
    def is_looking(self) -> bool:
        return self._looking.locked()

    def new_run(self) -> Path:
        """A folder for another run; the oldest is deleted."""
        self._runs += 1
        shutil.rmtree(self.folder / f"run-{self._runs - _RUNS}", ignore_errors=True)
        folder = self.folder / f"run-{self._runs}"
        folder.mkdir()
        return folder


def desk_of(visit: Visit) -> Desk:
    """The visitor's."""
    desk: Desk = visit.kept.setdefault("desk", Desk(visit.folder))
    return desk
