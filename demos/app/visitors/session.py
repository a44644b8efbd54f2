"""The visitors: each has a folder and a token, deleted when the visitor leaves.

Gradio's session hash (of a browser tab or a client) finds a visit; the token finds the visit's files.
"""

import secrets
import shutil
import threading
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from gfla.animate import InputError
from gfla.demos.app.visitors.turns import Turn


class Growing(Protocol):
    """A file that is still being written."""

    def follow(self) -> AsyncIterator[bytes]:
        """Its bytes from the beginning to the end, as they are written."""
        ...


@dataclass(eq=False)
class Visit:
    """One visitor. Everything stored for a visitor is here or in the folder.

    folder: for files, deleted in the end.
    cache: gradio's, where uploads arrive.
    token: unguessable; our own routes know the visitor by it.
    turns: the visitor's renders that wait or run.
    uploads: the visitor's files in gradio's cache, with their times (ns): equal files have one path there,
    and one of another time was sent anew, by somebody whose event has not come yet.
    served: files that our own route gives to anybody with the token, by name.
    memory: what the tabs remember, by name.
    making: held while a picture is made that two events may want. cutting: the same for a video,
    of which `cut` counts the frames: done, and expected or None.
    busy: renders that run. seen: `time.monotonic` of the last request. closed: the visitor left.
    """

    folder: Path
    cache: Path
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    turns: list[Turn] = field(default_factory=list)
    uploads: dict[Path, int] = field(default_factory=dict)
    served: dict[str, Path | Growing] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    making: threading.Lock = field(default_factory=threading.Lock)
    cutting: threading.Lock = field(default_factory=threading.Lock)
    cut: tuple[int, int | None] = (0, None)
    busy: int = 0
    seen: float = field(default_factory=time.monotonic)
    closed: bool = False

    @property
    def public(self) -> Path:
        """A folder whose files gradio serves to anybody who knows their whole path."""
        return self.cache / self.token

    def stop(self, name: str | None = None) -> None:
        """Stop the renders of that tab, or all: those that run keep their finished frames."""
        for turn in list(self.turns):
            if name in (None, turn.name):
                turn.cancel.set()

    def uploaded(self, file_data: Mapping[str, Any]) -> Path:
        """The visitor's upload behind gradio's FileData; it is deleted with the visit. InputError for a file
        outside gradio's folder of uploads: a client may claim to have sent any path."""
        file = Path(str(file_data.get("path"))).resolve()
        if not file.is_relative_to(self.cache.resolve()) or not file.is_file():
            raise InputError("upload", "this file is no longer here", "send it again")
        self.uploads[file] = file.stat().st_mtime_ns
        return file

    def serve(self, file: Path | Growing) -> str:
        """The address, relative to the page, at which only this visitor gets a file or a growing MP4."""
        suffix = file.suffix if isinstance(file, Path) else ".mp4"
        name = f"{secrets.token_hex(8)}{suffix}"
        self.served[name] = file
        return f"gfla/{self.token}/{name}"


class Visits:
    """All visitors, by session hash and by token; thread-safe.

    idle: seconds until a visitor is forgotten. grace: seconds in which a visitor who left may come back, as
    one does who reloads the page.
    """

    def __init__(self, folder: Path, cache: Path, idle: float = 3600.0, grace: float = 0.0):
        self._folder, self._cache, self._idle, self._grace = folder, cache, idle, grace
        self._lock = threading.RLock()
        self._visits: dict[str, Visit] = {}
        self._left: list[Visit] = []

    def __len__(self) -> int:
        return len(self._all())

    def of(self, session: str) -> Visit:
        """The visit of that session, a new one if needed. Visitors idle for too long are forgotten."""
        with self._lock:
            self._sweep()
            if session not in self._visits:
                folder = self._folder / secrets.token_hex(16)
                folder.mkdir(mode=0o700, parents=True)
                self._visits[session] = Visit(folder, self._cache)
            visit = self._visits[session]
            visit.seen = time.monotonic()
            return visit

    def join(self, session: str, token: str) -> Visit:
        """The visit with that token, from now on of this session too; without one, the session's own."""
        with self._lock:
            visit = self.by_token(token)
            if visit is None:
                return self.of(session)
            before = self._visits.get(session)
            self._visits[session] = visit
            if before not in (None, visit):
                self._leave(before)
            if visit in self._left:
                self._left.remove(visit)
            return visit

    def by_token(self, token: str) -> Visit | None:
        """The visit with that token, None without one."""
        with self._lock:
            for visit in self._all():
                if secrets.compare_digest(visit.token.encode(), token.encode()):
                    visit.seen = time.monotonic()
                    return visit
        return None

    def close(self, session: str) -> None:
        """The visitor left: after the time of grace stop the render and delete the files, at once or when the
        render has stopped."""
        with self._lock:
            visit = self._visits.pop(session, None)
            if visit is not None:
                self._leave(visit)

    def begin(self, visit: Visit) -> None:
        """A render of this visitor begins: the files stay until `end`."""
        with self._lock:
            visit.busy += 1

    def end(self, visit: Visit) -> None:
        """A render of this visitor has ended."""
        with self._lock:
            visit.busy -= 1
            visit.seen = time.monotonic()
            if visit.closed:
                self._clear(visit)

    def close_all(self) -> None:
        """Every visitor leaves, for good."""
        with self._lock:
            everybody = self._all()
            self._visits.clear()
            self._left = list(everybody)
            for visit in everybody:
                self._forget(visit)

    def _all(self) -> list[Visit]:
        return list(dict.fromkeys([*self._visits.values(), *self._left]))

    def _leave(self, visit: Visit) -> None:
        if visit in self._visits.values():  # in another window
            return
        self._left.append(visit)
        if self._grace <= 0:
            self._forget(visit)
            return
        timer = threading.Timer(self._grace, self._forget, (visit,))
        timer.daemon = True
        timer.start()

    def _forget(self, visit: Visit) -> None:
        with self._lock:
            if visit not in self._left:
                return
            self._left.remove(visit)
            visit.closed = True
            visit.stop()
            self._clear(visit)

    def _sweep(self) -> None:
        oldest = time.monotonic() - self._idle
        for session, visit in list(self._visits.items()):
            if visit.seen < oldest and not visit.busy:
                del self._visits[session]
                if visit not in self._visits.values():
                    self._left.append(visit)
                    self._forget(visit)

    def _clear(self, visit: Visit) -> None:
        if visit.busy:
            return
        shutil.rmtree(visit.folder, ignore_errors=True)
        others = {path for other in self._all() for path in other.uploads}
        for path, sent in list(visit.uploads.items()):
            if path not in others and path.exists() and path.stat().st_mtime_ns == sent:
                path.unlink(missing_ok=True)
        shutil.rmtree(visit.public, ignore_errors=True)
        visit.uploads.clear()
        visit.memory.clear()
