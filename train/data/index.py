"""The clips of a dataset as its index lists them; each is opened when a sample is drawn from it.

A data folder holds `index.csv` (columns file, split, identity, kind, and if known frames and repeated),
`clips/*.mp4` (square, one face) and, beside each clip, an `.npz`; see `clips.open_clip`. Rows of kind
`portrait` are pictures with an `.npz` of one face.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...animate.errors import InputError, InputWarning, Warn, ignore
from .clips import Clip, open_clip, open_still, scan_table
from .reading.cache import Cache

LIMIT = 0.05
"""Share of clips that may be missing or broken."""
_NAMED = 3  # of those, in one sentence
_PATIENCE = 1 << 30  # bytes of cache for callers that look at one clip after the other


class Clips(Sequence[Clip]):
    """Clips by number, opened when they are asked for (InputError if one cannot be).

    identities: (N,) the person of each. counts: (N,) how many frames of each do not repeat the one before
    them, as far as the index knows.
    """

    def __init__(self, identities: Sequence[str], counts: Sequence[int], opened: Callable[[int], Clip]):
        self.identities = np.asarray(identities, dtype=np.str_)
        self.counts = np.asarray(counts, dtype=np.int64)
        self._opened = opened

    @classmethod
    def of(cls, clips: Sequence[Clip]) -> Clips:
        """Clips that are in memory."""
        return cls([c.identity for c in clips], [len(c.moving) for c in clips], list(clips).__getitem__)

    def __len__(self) -> int:
        return len(self.identities)

    def __getitem__(self, number: int) -> Clip:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._opened(int(number))

    def __iter__(self) -> Iterator[Clip]:
        return (self[number] for number in range(len(self)))

    def people(self, more_than: int) -> list[NDArray[np.intp]]:
        """The numbers of each person's clips with `more_than` moving frames, in the order of the persons'
        names."""
        long = np.flatnonzero(self.counts > more_than)
        if not len(long):
            return []
        _, person = np.unique(self.identities[long], return_inverse=True)
        order = np.argsort(person, kind="stable")
        return np.split(long[order], np.flatnonzero(np.diff(person[order])) + 1)


class LeftOut:
    """Which of `total` clips are missing or broken. Each is named once; too many end the run."""

    def __init__(self, where: Path, total: int, warn: Warn):
        self.where, self.total, self.warn = where, total, warn
        self.found: dict[str, InputError] = {}

    def add(self, errors: Sequence[InputError]) -> None:
        """Note `errors`; InputError if more than `LIMIT` of the clips are out now."""
        new = {error.subject: error for error in errors if error.subject not in self.found}
        self.found |= new
        if new and len(self.found) > LIMIT * self.total:
            if len(self.found) == 1:
                raise next(iter(new.values()))
            reason = f"{len(self.found)} of {self.total} clips are missing or broken: {_names(self.found)}"
            raise InputError(self.where, reason, "make them again, or take their rows out")
        for error in new.values():
            self.warn(InputWarning(error.subject, error.reason, "it is left out"))

    def missing(self, names: Sequence[str]) -> None:
        """Note the files `names` that are not there, in one sentence; InputError as `add`."""
        self.found |= {name: InputError(name, "no such file") for name in names}
        if len(names) > LIMIT * self.total:
            raise InputError(self.where, f"files are missing: {_names(names)}")
        if names:
            reason = f"{len(names)} of {self.total} clips are missing and left out: {_names(names)}"
            self.warn(InputWarning(str(self.where), reason))


def load_clips(
    data: Path,
    split: str,
    cache: Cache | None = None,
    *,
    mattes: bool = False,
    warn: Warn = ignore,
) -> tuple[Clips, LeftOut]:
    """The clips of `split` of a dataset (see `find_dataset`), and which are left out. mattes: with the
    persons in them. InputError if there are no clips, or too many are missing."""
    index = data / "index.csv"
    names: list[str] = []
    identities: list[str] = []
    counts: list[int] = []
    for line, row in scan_table(index, ("file", "split", "kind", "identity")):
        if row["split"] == split and row["kind"] == "clip":
            names.append(row["file"])
            identities.append(row["identity"])
            counts.append(_moving_count(row, f"{index}, line {line}"))
    if not names:
        raise InputError(index, f"no clips of split {split!r}")
    left_out = LeftOut(index, len(names), warn)
    there = _Folders(data)
    kept, missing = [], []
    for number, name in enumerate(names):
        lacking = [file for file in (name, _beside(name)) if not there.has(file)]
        missing += lacking[:1]
        if not lacking:
            kept.append(number)
    left_out.missing(missing)
    files = _Files(
        data, [names[n] for n in kept], [identities[n] for n in kept], cache or Cache(_PATIENCE), mattes
    )
    return Clips(files.identities, [counts[n] for n in kept], files), left_out


def load_stills(data: Path, split: str, cache: Cache) -> Clips:
    """The portraits of `split` with their persons, as clips of one frame; there may be none."""
    rows = [
        (row["file"], row["identity"])
        for _, row in scan_table(data / "index.csv", ("file", "split", "kind", "identity"))
        if row["split"] == split and row["kind"] == "portrait"
    ]
    files = _Files(data, [name for name, _ in rows], [person for _, person in rows], cache, stills=True)
    return Clips(files.identities, [1] * len(rows), files)


@dataclass(frozen=True)
class _Files:
    """Opens the clips `names` of the folder `data`, or its portraits."""

    data: Path
    names: list[str]
    identities: list[str]
    cache: Cache
    mattes: bool = False
    stills: bool = False

    def __call__(self, number: int) -> Clip:
        path, person = self.data / self.names[number], self.identities[number]

        def made() -> tuple[Clip, int]:
            clip = (
                open_still(path, person, self.cache)
                if self.stills
                else open_clip(path, person, self.cache, mattes=self.mattes)
            )
            return clip, clip.nbytes

        return self.cache.get((self.names[number], "clip"), made)


class _Folders:
    """Which files there are: each folder is listed once, which is much faster than asking for every file."""

    def __init__(self, root: Path):
        self.root = root
        self._listed: dict[str, frozenset[str]] = {}

    def has(self, file: str) -> bool:
        folder, name = os.path.split(file)
        if folder not in self._listed:
            try:
                self._listed[folder] = frozenset(os.listdir(self.root / folder))
            except OSError:
                self._listed[folder] = frozenset()
        return name in self._listed[folder]


def _beside(file: str) -> str:
    return os.path.splitext(file)[0] + ".npz"


def _moving_count(row: dict[str, str], place: str) -> int:
    """The moving frames of a clip by the index: those that `repeated` does not count, all without it."""
    try:
        frames = float(row.get("frames") or np.inf)
        repeated = float(row.get("repeated") or 0)
    except ValueError:
        raise InputError(place, "frames and repeated are numbers") from None
    return round(min(frames * (1 - repeated), 1e9))


def _names(names: Sequence[str] | dict[str, InputError]) -> str:
    first = list(names)[:_NAMED]
    more = len(names) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")
