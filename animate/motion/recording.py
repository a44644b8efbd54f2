"""A driver's motion, tracked once and reused by every render: about half a kilobyte a frame.

It comes from a video (`track_driver`), from curves of controls, or from a motion template (template.py).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..errors import Cancelled, InputError
from ..face.crop import FaceSquare, face_square, to_crop
from ..face.landmarks import Landmarker, Landmarks
from ..face.morphable_model import Faces, draw, fit, load_face_model
from ..face.search import TURNED, quarter_turns
from ..face.tracking import Sighting, sight
from ..io.timecode import Span
from ..video import Frame, VideoReader
from .array_log import ArrayLog
from .controls import RATE, Curves, control_signals, rest
from .parameters import FaceMotion, calibrate, lid_range, no_slack, read_signals
from .person import Person, unlikeness
from .retarget import MotionState
from .smoothing import moved_off, points_of, smooth, smooth_points

Progress = Callable[[int, int | None], None]
_SIDE = 256  # pixels: side to which each shot's face square is scaled
_LIPS_ALIKE = 0.01  # model units: a difference of lips that counts like a head turned 8 degrees
_GLANCE = 50  # frames of another picture stream that are looked at for a face
_SHOT_GAP = 1000  # frames inserted between two shots, so that smoothing does not cross cuts


@dataclass(frozen=True)
class Tracked(Landmarks):
    """Landmarks with the driver's motion in that frame, estimated from the whole video; T = 1."""

    signals: FaceMotion | None = None


@dataclass(frozen=True, eq=False)
class DriverMotion:
    """The motion in a video or a template, frame by frame.

    path: of the video or template. pts: (T,) int64 ticks of time_base (seconds). rate: frames per second.
    zero: the file's start time, seconds. found: (T,) whether there is a face. cuts: (T,) whether a new shot
    begins. signals: of the F frames with a face, each shot in units of its own face square. points:
    (F, 70, 2) float32 pixels of the video, None in a template. lids: `lid_range`, None where the signals are
    already calibrated. shape: (P, 3) the person's, None in a template. rest: the reference
    motion, T = 1; None to choose a frame.
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
    shape: NDArray[np.float64] | None = None
    rest: FaceMotion | None = None

    def ready(self, smoothing: float, *, copied: bool = False) -> Self:
        """Smoothed (two-sided) and calibrated; the points too if they are to be `copied`. Returns itself if
        that was done before."""
        if self.lids is None:
            return self
        frames = (np.arange(len(self.pts)) + _SHOT_GAP * np.cumsum(self.cuts))[self.found]
        smoothed, points = smooth(self.signals, frames, smoothing), self.points
        if copied and self.points is not None:
            points = smooth_points(self.points, frames, smoothing)
            smoothed = moved_off(smoothed._replace(slack=no_slack(len(points))), points, self.points)
        elif self.shape is not None:
            said, seen = (points_of(x, load_face_model(), self.shape) for x in (smoothed, self.signals))
            smoothed = moved_off(smoothed, said, seen)
        return replace(self, signals=calibrate(smoothed, self.lids), points=points, lids=None)

    def cut(self, start: Fraction | float | None, end: Fraction | float | None) -> Self:
        """The frames with start <= time < end, seconds from the beginning; the first one is at time 0 if
        there is a start. InputError if there is no face between them."""
        times = [int(pts) * self.time_base - self.zero for pts in self.pts]
        keep = np.array([(start is None or t >= start) and (end is None or t < end) for t in times])
        if not keep[self.found].any():
            raise InputError(self.path, "there is no motion between --start and --end", "choose another part")
        pts = self.pts[keep]
        seen = keep[self.found]
        return replace(
            self,
            pts=pts if start is None else pts - pts[0],
            zero=self.zero if start is None else Fraction(0),
            found=self.found[keep],
            cuts=self.cuts[keep],
            signals=self.signals.some(seen),
            points=None if self.points is None else self.points[seen],
        )

    def reference_signals(self, person: Person, frame: int | None = None) -> FaceMotion:
        """The driver's motion that corresponds to the portrait: in frame number `frame` (from 0) if given,
        else `rest`, else in the frame most like `person`'s. InputError if frame `frame` shows no face."""
        if frame is None and self.rest is not None:
            return self.rest
        if frame is None:
            return self._most_alike(person)
        if not 0 <= frame < len(self.pts):
            reason = f"it has the frames 0 to {len(self.pts) - 1}, and --reference-frame is {frame}"
            raise InputError(self.path, reason, "choose one of them")
        if not self.found[frame]:
            raise InputError(self.path, f"it shows no face in --reference-frame {frame}", "choose another")
        return self.signals.at(int(self.found[:frame].sum()))

    def reference_number(self, person: Person, frame: int | None = None) -> int | None:
        """The number, from 0, of the reference frame: `frame` if given, else that of the frame most like
        `person`'s; None where `rest` is the reference."""
        if frame is not None or self.rest is not None:
            return frame
        return int(np.flatnonzero(self.found)[np.argmin(unlikeness(self.signals, person))])

    def _most_alike(self, person: Person) -> FaceMotion:
        """The motion in the frame most like `person`'s; of the mouth, in the frame whose lips are as open as
        the portrait's: a driver who is speaking in the first one must still open a shut mouth all the way.
        Lips that are shut in the portrait correspond to the driver's at their most shut."""
        away = unlikeness(self.signals, person)
        lips = (self.signals.opening[:, 2] - person.motion.opening[0, 2]) / _LIPS_ALIKE
        pose, mouth = (self.signals.at(int(np.argmin(cost))) for cost in (away, away + lips**2))
        group = load_face_model().group("mouth")
        opening = np.concatenate([pose.opening[:, :2], mouth.opening[:, 2:]], 1)
        if person.motion.opening[0, 2] < _LIPS_ALIKE:
            opening[:, 2] = min(opening[0, 2], np.percentile(self.signals.opening[:, 2], 2))
        return pose._replace(expression=np.where(group, mouth.expression, pose.expression), opening=opening)

    def sighting(self, pts: int) -> Sighting:
        """The tracking result of the frame at that time; without a face if there is no such frame."""
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
        return Tracked(points[:68], points[68:], 1.0, signals=signals)


def no_face_at_all(name: str) -> InputError:
    """Of a driving video that shows nobody."""
    return InputError(name, "no face in any frame", "give a driving video that shows one")


def look_elsewhere(reader: "VideoReader | MotionReader", landmarker: Landmarker) -> InputError:
    """`no_face_at_all`, unless another of the video's picture streams shows somebody: then it says so."""
    usual = no_face_at_all(reader.name)
    if not isinstance(reader, VideoReader) or reader.input.path is None:
        return usual
    for number in range(1, reader.pictures):
        try:
            with VideoReader(reader.path, picture=number) as other:
                seen = any(landmarker.find(frame.image) for frame in islice(other, _GLANCE))
        except InputError:
            continue
        if seen:
            reason = "no face in the picture stream that is taken, but another one in it shows a face"
            return InputError(reader.name, reason, "give a file in which that stream is the default one")
    return usual


def track_driver(
    landmarker: Landmarker,
    reader: VideoReader,
    number: int | None = None,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> DriverMotion:
    """Track a driving video and return its motion.

    number: of the face, as in `tracking.sight`. progress: called with frames done and expected. cancel:
    called before each frame; True ends the video there. InputError if there is no face; Cancelled if
    `cancel` ended it before the first one.
    """
    pts: list[int] = []
    seen = ArrayLog()
    cropped, bodies = ArrayLog(), ArrayLog()  # the same points, and shoulders, in the shot's own face square
    fine = ArrayLog(on_disk=True)  # twice as large as all the rest
    found, cuts = [], []
    last: Sighting | None = None
    square: FaceSquare | None = None
    ends: tuple[NDArray[np.uint8], ...] = ()  # first and last frame while there is no face
    for frame in reader:
        if cancel and cancel():
            break
        image = frame.on_white()
        ends = (*ends[:1], image) if not len(seen) else ()
        last = sight(landmarker, image, last, number)
        pts.append(frame.pts)
        found.append(last.landmarks is not None)
        cuts.append(last.cut)
        square = None if last.cut else square
        if last.landmarks is not None:
            square = square or face_square(last.landmarks, (frame.image.shape[1], frame.image.shape[0]))
            seen.append(last.landmarks.places)
            cropped.append(to_crop(last.landmarks.places, square, _SIDE))
            assert last.landmarks.shoulders is not None
            assert last.landmarks.fine is not None
            fine.append(last.landmarks.fine)
            bodies.append(to_crop(last.landmarks.shoulders, square, _SIDE))
        if progress:
            progress(len(pts), reader.frames)
    if not len(seen) and cancel and cancel():
        raise Cancelled(reader.name, "stopped before the first face", "no file is left")
    if not len(seen):
        for image in ends:
            if turns := quarter_turns(landmarker.find, image):
                reason = f"the face in it is turned by {TURNED[turns]}"
                raise InputError(reader.name, reason, "turn the video first")
        raise look_elsewhere(reader, landmarker)
    model, places = load_face_model(), cropped.array()
    shape, faces = fit(model, places)
    signals = read_signals(model, shape, faces, places, bodies.array(), fine.array())
    signals = moved_off(signals, points_of(signals, model, shape), places)
    del cropped, places  # large for a long video
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
        shape,
    )


def motion_of_curves(curves: Curves, name: str, rate: Fraction = RATE) -> DriverMotion:
    """The motion of these curves, one value per frame."""
    signals = control_signals(curves)
    count = len(signals.scale)
    found = np.ones(count, bool)
    return DriverMotion(
        Path(name), np.arange(count), 1 / rate, rate, Fraction(0), found, ~found, signals, rest=rest()
    )


def follow_motion(
    state: MotionState, motion: DriverMotion, frame: int | None, picture: bool
) -> tuple[MotionState, DriverMotion]:
    """The state and the smoothed motion for a stream whose driver was tracked before.

    frame: the reference frame, as in `Animator.follow`. picture: whether the driver's frames are needed too.
    InputError if the motion is a template and more is needed than it holds, or if there is no such frame.
    """
    copied = state.options.kind == "copy"
    if motion.points is None and (picture or copied):
        raise InputError(
            motion.path, "a motion shows no face", "leave out --motion copy and --guidance edges"
        )
    motion = motion.ready(state.options.smoothing, copied=copied)
    return replace(state, reference=motion.reference_signals(state.source, frame)), motion


class MotionReader:
    """Stands in for a VideoReader where the driver is a template: its frame times, with blank pictures."""

    size = (2, 2)
    until = None
    lost: tuple[Span, ...] = ()

    def __init__(self, motion: DriverMotion):
        self.path, self.name = motion.path, str(motion.path)
        self.rate, self.time_base = motion.rate, motion.time_base
        self.zero, self.origin = motion.zero, Fraction(0)
        self._pts = motion.pts.tolist()
        self.frames: int | None = len(self._pts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        blank = np.zeros((2, 2, 3), np.uint8)
        return (Frame(blank, pts, self.time_base) for pts in self._pts)
