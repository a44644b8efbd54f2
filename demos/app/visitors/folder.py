"""The folder of one server's files: deleted when it ends, or by the next server if it was killed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gfla.animate.io.atomic import file_lock

_PREFIX = "gfla-app-"
_LOCK = "server.lock"


@contextmanager
def server_folder() -> Iterator[Path]:
    """A new folder for temporary files, of this process alone. Those of killed servers are deleted."""
    _clear_abandoned(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with file_lock(folder / _LOCK):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _clear_abandoned(home: Path) -> None:
    """Delete our own folders whose lock nobody holds: the lock ends with its process in any way."""
    for folder in home.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another server just removes it, or it is another user's
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            if not (folder / _LOCK).is_file():  # a server that is just starting, or nothing of ours
                continue
            with file_lock(folder / _LOCK, wait=False):
                shutil.rmtree(folder)
