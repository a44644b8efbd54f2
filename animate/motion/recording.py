"""A driver's motion, kept: tracked once, then reused by every render of it, saved, and given to other people.

About half a kilobyte a frame. A file of it, a motion template, holds numbers alone: no picture of the driver
and no face shape.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..batch.landmark_cache import Recorded
from ..errors import InputError
from ..face.crop import FaceSquare, face_square, to_crop
from ..face.landmarks import Landmarker, Landmarks
from ..face.morphable_model import Faces, draw, fit, load_face_model
from ..face.tracking import Sighting, sight
from ..io.timecode import Span
from ..video import Frame, VideoReader
from .array_log import ArrayLog
from .controls import RATE, Curves, control_signals, rest
from .parameters import FaceMotion, calibrate, lid_range, read_signals
from .retarget import MotionState, Person, unlikeness
from .smoothing import smooth, smooth_points

Progress = Callable[[int, int | None], None]
_SIDE = 256  # of a shot's face square, as if it were cropped so
_APART = 1000  # frames between two shots, for the smoothing


@dataclass(frozen=True)
class Tracked(Landmarks):
    """Landmarks with what the driver does in that frame, read with the whole recording in sight; T = 1."""

    signals: FaceMotion | None = None


@dataclass(frozen=True, eq=False)
class DriverMotion:
    """The motion in a video or a template, frame by frame.

    path: where it came from. pts: (T,) int64 ticks of time_base (seconds). rate: frames a second. zero: the
    file's time at its beginning, seconds. found: (T,) where there was a face; cuts: (T,) where another
    shot begins; signals: of the F frames with a face, each shot in units of its own face square.
    points: (F, 70, 2) float32 pixels of the video, None in a template. lids: `lid_range`, None where the
    signals are calibrated. rest: the signals to take as reference, T = 1, None to look for a frame.
    """

    path: Path
    pts: NDArray[np.int64]
    time_base: Fraction
    rate: Fraction
    zero: Fraction
    found: NDArray[np.bool_]
    cuts: NDArray[np.bool_]
    signals: FaceMotion
    points: NDArray[np.float32] | None = None
    lids: NDArray[np.float64] | None = None
    rest: FaceMotion | None = None

    def ready(self, smoothing: float, *, copied: bool = False) -> Self:
        """The same, smoothed by both sides and calibrated, once; the points too where they are `copied`."""
        if self.lids is None:
            return self
        apart = _APART * np.cumsum(self.cuts)
        frames = (np.arange(len(self.pts)) + apart)[self.found]
        signals = calibrate(smooth(self.signals, frames, smoothing), self.lids)
        points = self.points
        if copied and points is not None:
            points = smooth_points(points, frames, smoothing)
        return replace(self, signals=signals, points=points, lids=None)

    def cut(self, start: Fraction | float | None, end: Fraction | float | None) -> Self:
        """The frames with start <= time < end, seconds from the beginning, the first of them at time 0 if
        there is a start. InputError if there is none."""
        times = [int(pts) * self.time_base - self.zero for pts in self.pts]
        keep = np.array([(start is None or t >= start) and (end is None or t < end) for t in times])
        if not keep[self.found].any():
            raise InputError(f"{self.path}: there is no motion between --start and --end.")
        pts = self.pts[keep]
        seen = keep[self.found]
        return replace(
            self,
            pts=pts if start is None else pts - pts[0],
            zero=self.zero if start is None else Fraction(0),
            found=self.found[keep],
            cuts=self.cuts[keep],
            signals=FaceMotion(*(part[seen] for part in self.signals)),
            points=None if self.points is None else self.points[seen],
        )

    def reference_signals(self, person: Person, frame: int | None = None) -> FaceMotion:
        """The driver in frame number `frame` (from 0), else at the recording's own rest, else in the frame
        nearest to what `person` does in the portrait. InputError if there is no face in that frame."""
        if frame is None and self.rest is not None:
            return self.rest
        if frame is None:
            return self.signals.at(int(np.argmin(unlikeness(self.signals, person))))
        if not 0 <= frame < len(self.pts):
            raise InputError(
                f"--reference-frame {frame}: {self.path} has the frames 0 to {len(self.pts) - 1}; choose one."
            )
        if not self.found[frame]:
            raise InputError(f"--reference-frame {frame}: {self.path} shows no face there; choose another.")
        return self.signals.at(int(self.found[:frame].sum()))

    def sighting(self, pts: int) -> Sighting:
        """What was seen in the frame of that time, no face where there is no such frame."""
        frame = int(np.searchsorted(self.pts, pts))
        if frame == len(self.pts) or self.pts[frame] != pts:
            return Sighting.known(None, False)
        return Sighting.known(self._tracked(frame), bool(self.cuts[frame]))

    def _tracked(self, frame: int) -> Tracked | None:
        if not self.found[frame]:
            return None
        index = int(self.found[:frame].sum())
        signals = self.signals.at(index)
        if self.points is not None:
            points = self.points[index]
        else:
            model = load_face_model()
            points = draw(model.mean, Faces(*signals[:4]), model.expression)[0].astype(np.float32)
        return Tracked(points[:68], points[68:], 1.0, signals)


def record(
    landmarker: Landmarker,
    reader: VideoReader,
    number: int | None = None,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> DriverMotion:
    """Look at a driving video once and keep its motion. number: the face, as `tracking.sight` takes it.
    progress: called with frames done and expected. cancel: asked before each frame; True ends it there.
    InputError if there is no face."""
    pts: list[int] = []
    seen = ArrayLog()
    near = ArrayLog()  # the same in the shot's own face square
    found, cuts = [], []
    last: Sighting | None = None
    square: FaceSquare | None = None
    for frame in landmarker.passing(reader) if isinstance(landmarker, Recorded) else reader:
        if cancel and cancel():
            break
        last = sight(landmarker, frame.image, last, number)
        pts.append(frame.pts)
        found.append(last.landmarks is not None)
        cuts.append(last.cut)
        square = None if last.cut else square
        if last.landmarks is not None:
            square = square or face_square(last.landmarks, (frame.image.shape[1], frame.image.shape[0]))
            seen.keep(last.landmarks.places)
            near.keep(to_crop(last.landmarks.places, square, _SIDE))
        if progress:
            progress(len(pts), reader.frames)
    if not len(seen) and cancel and cancel():
        raise InputError(f"{reader.name}: stopped before the first face; no file is left.")
    if not len(seen):
        raise InputError(f"{reader.name}: no face in any frame; give a driving video that shows one.")
    model, places = load_face_model(), near.array()
    shape, faces = fit(model, places)
    signals = read_signals(model, shape, faces, places)
    del near, places  # a long video's are no small matter
    return DriverMotion(
        reader.path,
        np.array(pts, np.int64),
        reader.time_base,
        reader.rate,
        reader.zero,
        np.array(found),
        np.array(cuts),
        signals,
        seen.array(),
        lid_range(signals.opening),
    )


def recorded(curves: Curves, name: str, rate: Fraction = RATE) -> DriverMotion:
    """The motion of these curves, a value a frame."""
    signals = control_signals(curves)
    count = len(signals.scale)
    found = np.ones(count, bool)
    return DriverMotion(
        Path(name), np.arange(count), 1 / rate, rate, Fraction(0), found, ~found, signals, rest=rest()
    )


def follow_recording(
    state: MotionState, recording: DriverMotion, frame: int | None, picture: bool
) -> tuple[MotionState, DriverMotion]:
    """The state and the recording with which a stream begins whose driver was looked at before; see
    `Animator.follow`. picture: whether the driver's picture guides. InputError where a template is asked for
    more than it holds, or there is no such frame."""
    if recording.points is None and (picture or state.manner.kind == "copy"):
        raise InputError(
            f"{recording.path}: a motion shows no face; leave out --motion copy and --guidance edges."
        )
    recording = recording.ready(state.manner.smoothing, copied=state.manner.kind == "copy")
    return replace(state, reference=recording.reference_signals(state.source, frame)), recording


class MotionReader:
    """A recording's frames without pictures: what a template gives where a VideoReader gives a video's."""

    size = (2, 2)
    until = None
    lost: tuple[Span, ...] = ()

    def __init__(self, recording: DriverMotion):
        self.path, self.name = recording.path, str(recording.path)
        self.rate, self.time_base = recording.rate, recording.time_base
        self.zero, self.origin = recording.zero, Fraction(0)
        self._pts = recording.pts.tolist()
        self.frames: int | None = len(self._pts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        blank = np.zeros((2, 2, 3), np.uint8)
        return (Frame(blank, pts, self.time_base) for pts in self._pts)
