"""A growing log of equal-shaped arrays in one block of memory: avoids heap fragmentation.

Small arrays allocated one by one between decoded frames keep the heap from reusing a freed frame's memory:
a long video once cost up to a frame's size per frame.
"""

import tempfile
import weakref

import numpy as np
from numpy.typing import NDArray


class ArrayLog:
    """Appends arrays of one shape and dtype, and returns them as one array. on_disk: kept in a temporary file
    that has no name, and read from there."""

    def __init__(self, *, on_disk: bool = False) -> None:
        self._bytes, self._count = bytearray(), 0
        self._file = tempfile.TemporaryFile() if on_disk else None  # noqa: SIM115, open while the log is
        if self._file is not None:
            weakref.finalize(self, self._file.close)
        self._shape: tuple[int, ...] = ()
        self._type = np.dtype(np.float32)

    def __len__(self) -> int:
        return self._count

    def append(self, row: NDArray) -> None:
        """Copy `row` to the end."""
        assert not self._count or (row.shape, row.dtype) == (self._shape, self._type)
        self._shape, self._type = row.shape, row.dtype
        if self._file is None:
            self._bytes += row.tobytes()
        else:
            self._file.write(row.tobytes())
        self._count += 1

    def array(self) -> NDArray:
        """All rows, (N, *shape of one), as a view: while it is in use nothing can be appended."""
        if self._file is not None and self._count:
            self._file.flush()
            return np.memmap(self._file, self._type, "r", shape=(self._count, *self._shape))
        return np.frombuffer(self._bytes, self._type).reshape(self._count, *self._shape)
