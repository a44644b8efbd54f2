"""Avoids heap fragmentation in a process that handles images, and returns unused memory.

By default glibc raises the size from which an allocation gets pages of its own (mmap). A video's images then
lie in the heap among small objects that stay, and the heap grows: at 720 lines by 62 MB in ten minutes. With
that size fixed, glibc would also return the heap's end whenever 128 KB of it are free; a network that
allocates and frees megabytes then faults its pages in again: 3000 to 4500 a frame at 256, 5 to 13 ms.
"""

import ctypes
import errno
import sys
from functools import cache

from av.error import FFmpegError

LEAST = 2 << 20
"""Bytes from which an allocation is mmapped: below an image of 720 lines, above a network layer's."""
KEPT = 64 << 20
"""Bytes that stay free at the heap's end: many times what a frame takes."""
_LEFT = 128 << 20  # bytes; with less there are no frames
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt


@cache
def tune_allocator() -> None:
    """Set both limits, once for the process; does nothing outside Linux with glibc."""
    _call("mallopt", _MMAP_THRESHOLD, LEAST)
    _call("mallopt", _TRIM_THRESHOLD, KEPT)


def return_memory() -> None:
    """Return unused heap to the system: after a job in a long-running process."""
    _call("malloc_trim", 0)


def check_memory(error: FFmpegError) -> None:
    """MemoryError if FFmpeg failed because no memory is left, for its threads too; a damaged file may ask for
    any amount of it."""
    if error.errno not in (errno.ENOMEM, errno.EAGAIN):
        return
    bytearray(_LEFT)


def _call(name: str, *arguments: int) -> None:
    if sys.platform == "linux" and (function := getattr(ctypes.CDLL(None), name, None)) is not None:
        function(*arguments)
