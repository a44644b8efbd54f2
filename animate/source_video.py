"""A source that is itself a video: for every moment of the driving video the frame of that moment.

Frames are paired by time, not by number, so that rates may differ; two frames are held, however long it is.
"""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from fractions import Fraction
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from .errors import InputError
from .face.crop import FaceSquare, crop, face_square, to_crop
from .face.landmarks import Landmarker, Landmarks
from .face.tracking import Sighting, sight
from .io.paths import existing_file
from .motion.retarget import fit_source
from .options import Guidance, SourceMotion
from .state import AnimationState, Portrait, Source
from .video import Frame, VideoReader

_AWAY = 0.12  # of the side: how far a face may go from where its square fits best
_GROWN = 1.2  # how much larger or smaller its best square may be


class Painter(Protocol):
    """What makes portraits of frames: an Animator."""

    landmarker: Landmarker

    def portray(
        self, image: NDArray[np.uint8], found: Landmarks, square: FaceSquare, guidance: Guidance
    ) -> Portrait: ...


class SourceVideo:
    """The frames of a source video by the time since its beginning; use it with `with`.

    motion: "keep" the source's own movement, the driver's being added to it, or "replace" it: the head stays
    where it is in each frame, but turns, tilts and speaks as the driver does from the first frame's pose.

    path: Path. image: the frame that is shown now, RGB (H, W, 3) uint8. ended: seconds, when the video was
    asked for more than it has; None until then.
    """

    def __init__(self, path: str | os.PathLike, motion: SourceMotion = "keep"):
        self._reader = VideoReader(path)
        self._motion = motion
        self.path = self._reader.path
        self._frames = iter(self._reader)
        first = next(self._frames)
        self._next: Frame | None = first
        self._zero = self._last = first.seconds
        self.image: NDArray[np.uint8] = first.image
        self.ended: Fraction | None = None
        self._begin: Fraction | None = None
        self._seen: Sighting | None = None
        self._rest: NDArray[np.float32] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def begin(self, found: Landmarks, places: NDArray[np.float32]) -> None:
        """Take the first frame's face: its landmarks, and its (70, 2) `places` in the crop."""
        self._seen, self._rest = Sighting.first(self.image, found), places

    def advance(self, seconds: Fraction) -> bool:
        """Show the last frame that is due at `seconds`; whether it is another one than before."""
        image = self.image
        while self._next is not None and self._next.seconds - self._zero <= seconds:
            self.image, self._last = self._next.image, self._next.seconds
            self._next = next(self._frames, None)
        over = self._last - self._zero + 1 / self._reader.rate
        if self._next is None and self.ended is None and seconds >= over:
            self.ended = over
        return self.image is not image

    def follow(self, seconds: Fraction, state: AnimationState, painter: Painter) -> AnimationState:
        """`state` with the portrait of the source's frame at the driving frame's `seconds`; the first call's
        are the beginning.

        The square stays while the face fits it, so that nothing swims; a cut begins anew. A frame without a
        face is shown as it is.
        """
        self._begin = seconds if self._begin is None else self._begin
        if not self.advance(seconds - self._begin):
            return replace(state, portrait=replace(state.portrait, recropped=False))
        self._seen = seen = sight(painter.landmarker, self.image, self._seen, None)
        square = state.portrait.square
        if seen.landmarks is None:
            face = crop(self.image, square, len(state.portrait.face))
            return replace(state, portrait=replace(state.portrait, image=self.image, face=face), shown=False)
        best = face_square(seen.landmarks, (self.image.shape[1], self.image.shape[0]))
        anew = seen.cut or not state.shown or not _fits(square, best)
        portrait = painter.portray(self.image, seen.landmarks, best if anew else square, state.guidance)
        pose = to_crop(seen.landmarks.places, portrait.square, len(portrait.face))
        if seen.cut or self._rest is None:
            self._rest = pose
        if self._motion == "replace":
            pose = self._rest + (pose.mean(0) - self._rest.mean(0))
        return replace(state, portrait=replace(portrait, pose=fit_source(pose), recropped=anew), shown=True)


def open_source(
    source: Source, motion: SourceMotion
) -> AbstractContextManager[SourceVideo] | AbstractContextManager[Source]:
    """A `source` for `with`: opened if it is a video, as it is if it is a picture."""
    if isinstance(source, str | os.PathLike) and is_video(source):
        return SourceVideo(source, motion)
    return nullcontext(source)


def is_video(path: str | os.PathLike) -> bool:
    """Whether it is no picture but a video that can be read from the file; InputError if there is none."""
    path = existing_file(path)
    try:
        with PillowImage.open(path):
            return False
    except UnidentifiedImageError:
        pass
    except (OSError, SyntaxError, ValueError, PillowImage.DecompressionBombError):
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
