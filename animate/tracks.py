"""One driver's landmarks, found once and kept on disk, because many jobs of a batch share a driver.

N frames. A frame's answer depends on the picture and on the landmarks of the frame before; both are part of
what is looked up, so whatever asks otherwise than the walk that was kept gets an answer of its own.
"""

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from .files import settle
from .landmarks import Landmarker, Landmarks
from .video import Frame, VideoReader

Key = tuple[int, bytes]
Track = dict[Key, Landmarks | None]
"""By pts and `_digest` of the landmarks before: the landmarks found, None without a face."""


class Recorded:
    """A Landmarker that answers from `track` for the frames that went through `passing`, else asks another.

    It serves one stream, from any thread.
    """

    def __init__(self, landmarker: Landmarker, track: Track):
        self._landmarker, self._track = landmarker, track
        self._coming: deque[Frame] = deque(maxlen=64)

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
            return _load(path)
        except (SafetensorError, KeyError, ValueError, TypeError):
            path.unlink()  # damaged: it costs a walk, no more
    track: Track = {}
    last = None
    with VideoReader(driving, start, end) as reader:
        for frame in reader:
            before, last = last, landmarker.follow(frame.image, last)
            track[frame.pts, _digest(before)] = last
    _save(path, track)
    return track


def _save(path: Path, track: Track) -> None:
    found = [landmarks for landmarks in track.values() if landmarks is not None]
    columns = {
        "pts": np.array([pts for pts, _ in track], np.int64),
        "before": np.frombuffer(b"".join(digest for _, digest in track), np.uint8),
        "found": np.array([landmarks is not None for landmarks in track.values()]),
    }
    for field in fields(Landmarks):
        if found:
            columns[f"landmarks.{field.name}"] = np.stack([np.asarray(getattr(f, field.name)) for f in found])
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    save_file(columns, part)
    settle(part)
    os.replace(part, path)


def _load(path: Path) -> Track:
    columns = load_file(path)
    digests = columns["before"].reshape(-1, _DIGEST)
    stacked = {
        name.removeprefix("landmarks."): c for name, c in columns.items() if name.startswith("landmarks.")
    }
    track: Track = {}
    row = 0
    for pts, digest, found in zip(columns["pts"].tolist(), digests, columns["found"].tolist(), strict=True):
        landmarks = None
        if found:
            cells = {name: column[row] for name, column in stacked.items()}
            landmarks = Landmarks(**{n: c if c.ndim else c.item() for n, c in cells.items()})
            row += 1
        track[pts, digest.tobytes()] = landmarks
    return track


_DIGEST = 16


def _digest(last: Landmarks | None) -> bytes:
    if last is None:
        return bytes(_DIGEST)
    hashed = hashlib.blake2b(digest_size=_DIGEST)
    for field in fields(Landmarks):
        hashed.update(np.ascontiguousarray(getattr(last, field.name)).tobytes())
    return hashed.digest()
