"""Files that are whole or absent: written beside their name, flushed to disk, then renamed."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAX_NAME = 230  # bytes of a file name: most file systems take 255, and part_file adds some


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Write `path` whole or not at all: yields the part file to write, which is renamed to `path` at the end.

    If the block raises, the part is removed and `path` is as it was.
    """
    part = part_file(path)
    try:
        yield part
        commit_part(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def part_file(path: Path) -> Path:
    """The hidden name beside `path` under which it is written; FFmpeg needs the suffix."""
    return path.with_name(f".{_hidden(path)}.{os.getpid()}.part{path.suffix}")


def commit_part(part: Path, path: Path) -> None:
    """Flush the whole `part` to disk and rename it to `path`: the last step of `atomic_file`."""
    fsync_path(part)
    os.replace(part, path)


def clear_parts(path: Path) -> None:
    """Remove the parts that killed writers of `path` left; no writer may be at work."""
    name = re.compile(rf"\.{re.escape(_hidden(path))}\.\d+\.part{re.escape(path.suffix)}", re.S)
    for left in path.parent.iterdir():
        if name.fullmatch(left.name):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


def _hidden(path: Path) -> str:
    return path.stem.replace("%", "")  # a part is never a pattern


def fsync_path(path: Path) -> None:
    """Flush `path` to disk: before a rename, so that a power failure leaves the old file or the new one."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def file_lock(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold the lock file `path` until the block ends or the process dies.

    BlockingIOError if another holds it and `wait` is false.
    """
    import fcntl

    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
