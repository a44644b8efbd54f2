"""Who is here: a folder and a token for each visitor, gone when the visitor is.

A visit is known by gradio's session hash (a browser tab, or a client), what it made by its token alone.
"""

import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gfla.animate import InputError

if TYPE_CHECKING:
    from gfla.demos.app.render.growing_video import Playing


@dataclass(eq=False)
class Visit:
    """One visitor. Everything that is kept for a visitor is here or in the folder.

    folder: for files, deleted in the end. cache: gradio's, where uploads arrive. token: unguessable; our own
    routes know the visitor by it. cancel: set when the run under way is to stop and keep what is done.
    uploads: files of gradio's cache that are this visitor's. shown: names under which our own route gives
    files to whoever has the token. kept: what tabs remember, by name. closed: the visitor left.
    """

    folder: Path
    cache: Path
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    cancel: threading.Event = field(default_factory=threading.Event)
    uploads: set[Path] = field(default_factory=set)
    shown: "dict[str, Path | Playing]" = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    busy: int = 0
    seen: float = field(default_factory=time.monotonic)
    closed: bool = False

    @property
    def public(self) -> Path:
        """A folder from which gradio gives files to whoever knows their whole path."""
        return self.cache / self.token

    def sent(self, file_data: Mapping[str, Any]) -> Path:
        """The file of gradio's FileData that this visitor sent; it is deleted with the visit. InputError for
        any other: only what lies in gradio's own folder of uploads is read."""
        file = Path(str(file_data.get("path"))).resolve()
        if not file.is_relative_to(self.cache.resolve()) or not file.is_file():
            raise InputError("This file is not here any more; send it once more.")
        self.uploads.add(file)
        return file

    def give(self, thing: "Path | Playing") -> str:
        """The address, relative to the page, under which this visitor alone is given a file or a film in the
        making."""
        suffix = thing.suffix if isinstance(thing, Path) else ".mp4"
        name = f"{secrets.token_hex(8)}{suffix}"
        self.shown[name] = thing
        return f"gfla/{self.token}/{name}"


class Visits:
    """The visitors, by session hash and by token; from any thread."""

    def __init__(self, folder: Path, cache: Path, idle: float = 3600.0):
        self._folder, self._cache, self._idle = folder, cache, idle
        self._lock = threading.RLock()
        self._visits: dict[str, Visit] = {}

    def __len__(self) -> int:
        return len(self._visits)

    def of(self, session: str) -> Visit:
        """The visit of that session, begun if it is new. Whoever has been idle for too long is forgotten."""
        with self._lock:
            self._sweep()
            if session not in self._visits:
                folder = self._folder / secrets.token_hex(16)
                folder.mkdir(mode=0o700, parents=True)
                self._visits[session] = Visit(folder, self._cache)
            visit = self._visits[session]
            visit.seen = time.monotonic()
            return visit

    def by_token(self, token: str) -> Visit | None:
        """The visit with that token."""
        with self._lock:
            for visit in self._visits.values():
                if secrets.compare_digest(visit.token.encode(), token.encode()):
                    visit.seen = time.monotonic()
                    return visit
        return None

    def close(self, session: str) -> None:
        """The visitor left: stop what runs, delete what was kept, at once or when the run has stopped."""
        with self._lock:
            visit = self._visits.pop(session, None)
            if visit is not None:
                visit.closed = True
                visit.cancel.set()
                self._clear(visit)

    def begin(self, visit: Visit) -> None:
        """A job of this visitor begins: its files stay until `end`."""
        with self._lock:
            visit.busy += 1

    def end(self, visit: Visit) -> None:
        with self._lock:
            visit.busy -= 1
            visit.seen = time.monotonic()
            if visit.closed:
                self._clear(visit)

    def close_all(self) -> None:
        for session in list(self._visits):
            self.close(session)

    def _sweep(self) -> None:
        long_ago = time.monotonic() - self._idle
        for session, visit in list(self._visits.items()):
            if visit.seen < long_ago and not visit.busy:
                self.close(session)

    def _clear(self, visit: Visit) -> None:
        if visit.busy:
            return
        shutil.rmtree(visit.folder, ignore_errors=True)
        others = {path for other in self._visits.values() for path in other.uploads}
        for path in visit.uploads - others:
            path.unlink(missing_ok=True)
        shutil.rmtree(visit.public, ignore_errors=True)
        visit.uploads.clear()
        visit.kept.clear()
