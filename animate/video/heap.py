"""Keeps pictures out of the heap, so that what stays of a video does not pin the holes that they leave.

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
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, LEAST)
