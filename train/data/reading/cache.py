"""A bounded memory of what was read last, so that training needs no decoded files and no more memory with
time."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

Made = TypeVar("Made")
_UNKNOWN = 8 << 30  # bytes taken as free where the system does not say


class Cache:
    """Values by key, at most `limit` bytes of them: the least recently used goes first.

    Threads may share it. Pickled, it is empty: each process keeps its own.
    """

    def __init__(self, limit: int):
        self.limit, self.used = limit, 0
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Cache], tuple[int]]:
        return Cache, (self.limit,)

    def find(self, key: Hashable) -> Any | None:
        """The value of `key`, if it is kept."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def keep(self, key: Hashable, value: Made, size: int) -> Made:
        """Keep `value`, which takes `size` bytes, and return it. What is larger than the whole cache is not
        kept."""
        with self._lock:
            self.used -= self._kept.pop(key, (None, 0))[1]
            if size <= self.limit:
                self._kept[key] = value, size
                self.used += size
            while self.used > self.limit:
                self.used -= self._kept.popitem(last=False)[1][1]
        return value

    def get(self, key: Hashable, make: Callable[[], tuple[Made, int]]) -> Made:
        """The value of `key`; `make` gives it and its size if it is not kept."""
        found = self.find(key)
        return self.keep(key, *make()) if found is None else found


def free_memory() -> int:
    """Bytes that programs can still take, also where a container limits them."""
    return min(_available(), _container_room())


def _available() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (OSError, ValueError, AttributeError):
        return _UNKNOWN


def _container_room() -> int:
    group = Path("/sys/fs/cgroup")
    try:
        most = (group / "memory.max").read_text().strip()
        return max(int(most) - int((group / "memory.current").read_text()), 0)
    except (OSError, ValueError):  # no container, no limit ("max"), or the older layout
        return 1 << 62
