"""One driver's landmarks, found once and kept on disk, because many jobs of a batch share a driver.

N frames. A frame's answer depends on the picture and on the landmarks of the frame before; both are part of
what is looked up, so whatever asks otherwise than the walk that was kept gets an answer of its own.
"""

import hashlib
import os
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ..face.landmarks import Landmarker, Landmarks
from ..io.atomic import fsync_path
from ..motion.array_log import ArrayLog
from ..video import Frame, VideoReader

Key = tuple[int, bytes]
"""A frame's pts and the `_digest` of the landmarks before."""


class Track:
    """By Key the landmarks found, None without a face; kept as plain numbers, see `ArrayLog`."""

    def __init__(self) -> None:
        self._row: dict[Key, int | None] = {}
        self._places, self._scores = ArrayLog(), array("d")

    def __contains__(self, key: Key) -> bool:
        return key in self._row

    def __getitem__(self, key: Key) -> Landmarks | None:
        row = self._row[key]
        if row is None:
            return None
        places = self._places[row]
        return Landmarks(places[:68], places[68:], self._scores[row])

    def __setitem__(self, key: Key, found: Landmarks | None) -> None:
        self._row[key] = None if found is None else len(self._places)
        if found is not None:
            self._places.keep(found.places)
            self._scores.append(found.score)

    def columns(self) -> dict[str, NDArray]:
        """All of it, to be saved."""
        columns = {
            "pts": np.array([pts for pts, _ in self._row], np.int64),
            "before": np.frombuffer(b"".join(digest for _, digest in self._row), np.uint8),
            "found": np.array([row is not None for row in self._row.values()]),
        }
        if len(self._places):
            columns |= {"places": self._places.array(), "score": np.array(self._scores)}
        return columns

    @classmethod
    def of(cls, columns: Mapping[str, NDArray]) -> Self:
        """What `columns` gave; KeyError, ValueError or TypeError where it cannot be."""
        track, row = cls(), 0
        digests = columns["before"].reshape(-1, _DIGEST)
        for pts, digest, found in zip(columns["pts"].tolist(), digests, columns["found"], strict=True):
            track._row[pts, digest.tobytes()] = row if found else None
            row += bool(found)
        if row:
            for place in columns["places"]:
                track._places.keep(place)
            track._scores.extend(columns["score"].tolist())
        if not row == len(track._places) == len(track._scores):
            raise ValueError("not as many landmarks as frames with a face")
        return track


class Recorded:
    """A Landmarker that answers from `track` for the frames that went through `passing`, else asks another.

    It serves one stream, from any thread.
    """

    def __init__(self, landmarker: Landmarker, track: Track):
        self._landmarker, self._track = landmarker, track
        self._coming: deque[Frame] = deque(maxlen=16)

    def passing(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames, remembered on their way so that `follow` knows them by their very picture."""
        for frame in frames:
            self._coming.append(frame)
            yield frame

    def find(self, image: NDArray[np.uint8]) -> list[Landmarks]:
        return self._landmarker.find(image)

    def follow(self, image: NDArray[np.uint8], last: Landmarks | None) -> Landmarks | None:
        for frame in tuple(self._coming):
            if frame.image is image:
                key = frame.pts, _digest(last)
                if key in self._track:
                    return self._track[key]
        return self._landmarker.follow(image, last)


def record_track(
    path: Path,
    landmarker: Landmarker,
    driving: str | os.PathLike,
    start: Fraction | float | None = None,
    end: Fraction | float | None = None,
) -> Track:
    """The track of `driving` from the file `path`, or else by walking the video, kept at `path` then.

    InputError if the video cannot be read.
    """
    if path.exists():
        try:
            return Track.of(load_file(path))
        except (SafetensorError, KeyError, ValueError, TypeError):
            path.unlink()  # damaged: it costs a walk, no more
    track, last = Track(), None
    with VideoReader(driving, start, end) as reader:
        for frame in reader:
            before, last = last, landmarker.follow(frame.image, last)
            track[frame.pts, _digest(before)] = last
    _save(path, track)
    return track


def _save(path: Path, track: Track) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    save_file(track.columns(), part)
    fsync_path(part)
    os.replace(part, path)


_DIGEST = 16


def _digest(last: Landmarks | None) -> bytes:
    if last is None:
        return bytes(_DIGEST)
    hashed = hashlib.blake2b(digest_size=_DIGEST)
    for field in fields(Landmarks):
        hashed.update(np.ascontiguousarray(getattr(last, field.name)).tobytes())
    return hashed.digest()
