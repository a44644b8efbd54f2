"""A source that is itself a video: each driving frame is paired with the source's frame of the same time.

Pairing is by time, not by number, so the rates may differ. The reader holds two frames; what a stream keeps
of the source is a `SourceState`, so that a render can be resumed.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple, Self

import numpy as np

from .errors import InputError
from .face.crop import FaceSquare, crop, face_square, to_crop
from .face.tracking import sight
from .io.image import shrink
from .io.paths import video_file
from .io.picture_files import is_picture
from .motion.person import fit_source
from .networks import Networks
from .options import AnimateOptions
from .state import Image, Source, SourceState
from .video import Frame, VideoReader

_AWAY = 0.12  # of the side: how far a face may move from where its square fits best
_GROWN = 1.2  # how much larger or smaller its best square may be


class Pair(NamedTuple):
    """A driving frame; and the source's picture (H, W, 3) uint8, on white where it is transparent, with its
    alpha (H, W) uint8 if it has any, if it is not that of the frame before."""

    frame: Frame
    source: Image | None = None
    alpha: Image | None = None


class SourceVideo:
    """The frames of a source video by time; use it with `with`.

    path: Path. first, alpha: its first picture, (H, W, 3) uint8 RGB, on white where it is transparent, and
    its alpha (H, W) uint8; all frames have one or none does. ended: seconds, set once the video was asked for
    more than it has.
    """

    def __init__(self, path: str | os.PathLike):
        self._reader = VideoReader(path)
        self.path = self._reader.path
        self._frames = iter(self._reader)
        first = next(self._frames)
        self._next: Frame | None = first
        self._zero = self._last = first.seconds
        self._frame = first
        self.first, self.alpha = first.on_white(), self._alpha()
        self.ended: Fraction | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def pair(self, frames: Iterable[Frame]) -> Iterator[Pair]:
        """Driving frames with the source's pictures; the first one is at the source's beginning."""
        begin = None
        for frame in frames:
            begin = frame.seconds if begin is None else begin
            if self._advance(frame.seconds - begin):
                yield Pair(frame, self._frame.on_white(), self._alpha())
            else:
                yield Pair(frame)

    def _advance(self, seconds: Fraction) -> bool:
        """Go to the last frame that is due at `seconds`; whether it is another one than before."""
        before = self._frame
        while self._next is not None and self._next.seconds - self._zero <= seconds:
            self._frame, self._last = self._next, self._next.seconds
            self._next = next(self._frames, None)
        end = self._last - self._zero + 1 / self._reader.rate
        if self._next is None and self.ended is None and seconds >= end:
            self.ended = end
        return self._frame is not before

    def _alpha(self) -> Image | None:
        if not self._reader.has_alpha:
            return None
        opaque = self._frame.image.shape[:2]
        return np.full(opaque, 255, np.uint8) if self._frame.alpha is None else self._frame.alpha


def follow_source(
    networks: Networks, pair: Pair, state: SourceState, options: AnimateOptions
) -> tuple[SourceState, bool]:
    """The source's state at the next picture of `pair`, and whether the face's square is another one.

    The square stays while the face fits it, so that nothing swims; after a cut it is set again. A picture
    without a face is shown as it is. With `source_motion` "replace" the head stays where it is in each
    frame, but turns, tilts and speaks as the driver does from the shot's first pose.
    """
    assert pair.source is not None
    image = shrink(pair.source, options.max_side)
    alpha = None if pair.alpha is None else shrink(pair.alpha, options.max_side)
    seen = sight(networks.landmarker, image, state.seen, None)
    square = state.portrait.square
    if seen.landmarks is None:
        face = crop(image, square, len(state.portrait.face))
        portrait = replace(state.portrait, image=image, face=face, alpha=alpha)
        return replace(state, portrait=portrait, seen=seen, visible=False), False
    best = face_square(seen.landmarks, (image.shape[1], image.shape[0]))
    recropped = seen.cut or not state.visible or not _fits(square, best)
    square = best if recropped else square
    portrait = networks.encode(image, seen.landmarks, square, options.guidance, alpha)
    pose = to_crop(seen.landmarks.places, portrait.square, len(portrait.face))
    rest = pose if seen.cut or state.rest is None else state.rest
    if options.source_motion == "replace":
        pose = rest + (pose.mean(0) - rest.mean(0))
    return SourceState(portrait, seen, fit_source(pose), rest), recropped


def open_source(source: Source) -> AbstractContextManager[SourceVideo] | AbstractContextManager[Source]:
    """A `source` for `with`: opened if it is a video, as it is if it is a picture."""
    if isinstance(source, str | os.PathLike) and is_video(source):
        return SourceVideo(source)
    return nullcontext(source)


def pair_frames(frames: Iterable[Frame], source: object) -> Iterator[Pair]:
    """Driving frames for a stream whose `source` is a `SourceVideo` or a picture."""
    return source.pair(frames) if isinstance(source, SourceVideo) else (Pair(frame) for frame in frames)


def is_video(path: str | os.PathLike) -> bool:
    """Whether it is no picture but a video that can be read from the file, or numbered pictures; InputError
    if there is none."""
    path = video_file(path)
    if not path.exists():
        return True
    if is_picture(path):
        return False
    try:
        VideoReader(path).close()
    except InputError:
        return False
    return True


def _fits(square: FaceSquare, best: FaceSquare) -> bool:
    """Whether a face whose best square is `best` may stay in `square`."""
    larger = (square.side - best.side) / 2
    away = np.hypot(square.x - best.x + larger, square.y - best.y + larger)
    return bool(away <= _AWAY * square.side and 1 / _GROWN <= best.side / square.side <= _GROWN)
