"""Files that are whole or absent: written beside their name, flushed to disk, then renamed."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LONGEST = 230  # bytes of a name, of the 255 that most file systems take: part_file adds some


def part_file(path: Path) -> Path:
    """The hidden name beside `path` under which it is written until whole; the muxer needs the suffix."""
    return path.with_name(f".{_hidden(path)}.{os.getpid()}.part{path.suffix}")


def clear_parts(path: Path) -> None:
    """Remove what writers of `path` that were killed left of it; for who knows that none is at work."""
    name = re.compile(rf"\.{re.escape(_hidden(path))}\.\d+\.part{re.escape(path.suffix)}", re.S)
    for left in path.parent.iterdir():
        if name.fullmatch(left.name):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


def _hidden(path: Path) -> str:
    return path.stem.replace("%", "")  # a part is never a pattern


def fsync_path(path: Path) -> None:
    """Have the disk hold what was written to `path` before its name is changed: power may fail."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def held(path: Path, wait: bool = True) -> Iterator[None]:
    """The lock file `path`, ours until the block ends or the process dies, however it dies.

    BlockingIOError if another has it and we do not `wait`.
    """
    import fcntl

    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
