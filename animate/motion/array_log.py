"""Many small arrays kept as plain numbers in one block, so that what is kept of a video holds nothing else.

An array kept for itself, between pictures that come and go, pins the hole in the heap that a picture leaves:
the next one finds no room there. A long video once held up to a picture's size for every frame of it.
"""

import numpy as np
from numpy.typing import NDArray


class ArrayLog:
    """Keeps arrays of one shape and type, and gives them back as one."""

    def __init__(self) -> None:
        self._kept, self._count = bytearray(), 0
        self._shape: tuple[int, ...] = ()
        self._type = np.dtype(np.float32)

    def __len__(self) -> int:
        return self._count

    def keep(self, row: NDArray) -> None:
        """Append its numbers."""
        assert not self._count or (row.shape, row.dtype) == (self._shape, self._type)
        self._shape, self._type = row.shape, row.dtype
        self._kept += row.tobytes()
        self._count += 1

    def __getitem__(self, index: int) -> NDArray:
        """Number `index`, from 0."""
        size = int(np.prod(self._shape))
        found = np.frombuffer(self._kept, self._type, size, index * size * self._type.itemsize)
        return found.reshape(self._shape).copy()

    def array(self) -> NDArray:
        """All so far, (N, *shape of one), not copied: while it is in use no more can be kept."""
        return np.frombuffer(self._kept, self._type).reshape(self._count, *self._shape)
