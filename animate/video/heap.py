"""The heap of a process that handles pictures: they are kept out of it, and what they leave is given back.

The C library raises by itself the size from which memory comes from the system and goes back to it at once.
Then a video's pictures lie between small things that are kept, and the heap grows: at 720 lines, by 62 MB in
ten minutes.
"""

import ctypes
import sys
from functools import cache

LEAST = 2 << 20
"""Bytes: below a picture of 720 lines, above what the network uses from layer to layer."""
_MMAP_THRESHOLD = -3  # of glibc's mallopt


@cache
def keep_pictures_apart() -> None:
    """Once for the process: memory of `LEAST` bytes and more is the system's. Where there is no such setting
    (outside Linux with glibc) nothing is done."""
    _call("mallopt", _MMAP_THRESHOLD, LEAST)


def return_memory() -> None:
    """Give back to the system what the heap holds but nobody uses: after a job of a process that goes on."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    if sys.platform == "linux" and (function := getattr(ctypes.CDLL(None), name, None)) is not None:
        function(*arguments)
