"""The heap of a process that handles pictures: they are kept out of it, and what they leave is given back.

The C library raises by itself the size from which memory comes from the system and goes back to it at once.
Then a video's pictures lie between small things that are kept, and the heap grows: at 720 lines, by 62 MB in
ten minutes. Told that size, it also gives back the heap's end whenever 128 KB of it are free, and a network
that takes and leaves megabytes all the time would have its pages made anew: 3000 to 4500 a frame at 256, 5 to
13 ms of it.
"""

import ctypes
import sys
from functools import cache

LEAST = 2 << 20
"""Bytes: below a picture of 720 lines, above what the network uses from layer to layer."""
KEPT = 64 << 20
"""Bytes free at the heap's end before they go back to the system: what a frame takes, many times."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt


@cache
def keep_pictures_apart() -> None:
    """Once for the process: memory of `LEAST` bytes and more is the system's, the heap's end stays. Where
    there is no such setting (outside Linux with glibc) nothing is done."""
    _call("mallopt", _MMAP_THRESHOLD, LEAST)
    _call("mallopt", _TRIM_THRESHOLD, KEPT)


def return_memory() -> None:
    """Give back to the system what the heap holds but nobody uses: after a job of a process that goes on."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    if sys.platform == "linux" and (function := getattr(ctypes.CDLL(None), name, None)) is not None:
        function(*arguments)
