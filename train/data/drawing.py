"""A sample drawn again where a clip cannot be read, so that a few broken ones do not end a run."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from ...animate.errors import InputError
from .clips import Clip, Sample

_TRIES = 20  # clips in a row that cannot be used


class TooShort(InputError):  # noqa: N818
    """A clip that is whole, but has too few frames for a sample."""


class Broken:
    """Collects the errors of clips that were left out; called, gives those since the last call."""

    def __init__(self) -> None:
        self._errors: list[InputError] = []
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Broken], tuple[()]]:
        return Broken, ()

    def __call__(self) -> list[InputError]:
        with self._lock:
            errors, self._errors = self._errors, []
        return errors

    def add(self, error: InputError) -> None:
        with self._lock:
            self._errors.append(error)


def draw(sample: Callable[[np.random.Generator], Sample], rng: np.random.Generator, broken: Broken) -> Sample:
    """`sample(rng)`; where it raises InputError, `rng` goes on to another, and the error to `broken` unless
    it is `TooShort`. The last InputError if none of many can be used."""
    for _ in range(_TRIES - 1):
        try:
            return sample(rng)
        except InputError as error:
            if not isinstance(error, TooShort):
                broken.add(error)
    return sample(rng)


def check_length(clip: Clip, length: int) -> None:
    """TooShort if `clip` has no more than `length` frames that move."""
    if len(clip.moving) <= length:
        raise TooShort(clip.name, f"no more than {length} moving frames", "give longer clips")
