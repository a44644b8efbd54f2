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
    cancel: set to stop the running render and keep its finished frames.
    uploads: the visitor's files in gradio's cache.
    served: files that our own route gives to anybody with the token, by name.
    memory: what the tabs remember, by name.
    busy: renders that run. seen: `time.monotonic` of the last request. closed: the visitor left.
    """

    folder: Path
    cache: Path
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    cancel: threading.Event = field(default_factory=threading.Event)
    uploads: set[Path] = field(default_factory=set)
    served: dict[str, Path | Growing] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    busy: int = 0
    seen: float = field(default_factory=time.monotonic)
    closed: bool = False

    @property
    def public(self) -> Path:
        """A folder whose files gradio serves to anybody who knows their whole path."""
        return self.cache / self.token

    def uploaded(self, file_data: Mapping[str, Any]) -> Path:
        """The visitor's upload behind gradio's FileData; it is deleted with the visit. InputError for a file
        outside gradio's folder of uploads: a client may claim to have sent any path."""
        file = Path(str(file_data.get("path"))).resolve()
        if not file.is_relative_to(self.cache.resolve()) or not file.is_file():
            raise InputError("upload", "this file is no longer here", "send it again")
        self.uploads.add(file)
        return file

    def serve(self, file: Path | Growing) -> str:
        """The address, relative to the page, at which only this visitor gets a file or a growing MP4."""
        suffix = file.suffix if isinstance(file, Path) else ".mp4"
        name = f"{secrets.token_hex(8)}{suffix}"
        self.served[name] = file
        return f"gfla/{self.token}/{name}"


class Visits:
    """All visitors, by session hash and by token; thread-safe. idle: seconds until a visitor is forgotten."""

    def __init__(self, folder: Path, cache: Path, idle: float = 3600.0):
        self._folder, self._cache, self._idle = folder, cache, idle
        self._lock = threading.RLock()
        self._visits: dict[str, Visit] = {}

    def __len__(self) -> int:
        return len(self._visits)

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

    def by_token(self, token: str) -> Visit | None:
        """The visit with that token, None without one."""
        with self._lock:
            for visit in self._visits.values():
                if secrets.compare_digest(visit.token.encode(), token.encode()):
                    visit.seen = time.monotonic()
                    return visit
        return None

    def close(self, session: str) -> None:
        """The visitor left: stop the render and delete the files, at once or when the render has stopped."""
        with self._lock:
            visit = self._visits.pop(session, None)
            if visit is not None:
                visit.closed = True
                visit.cancel.set()
                self._clear(visit)

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
        """Every visitor leaves."""
        for session in list(self._visits):
            self.close(session)

    def _sweep(self) -> None:
        oldest = time.monotonic() - self._idle
        for session, visit in list(self._visits.items()):
            if visit.seen < oldest and not visit.busy:
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
        visit.memory.clear()
