"""Raw footage to tracks: the stretches of a video in which one face, large and sharp, is seen without a cut.

A video is walked once at 25 frames a second of its own time; what is kept of a frame is half a kilobyte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from ...animate.face.crop import FaceSquare, face_square
from ...animate.face.landmarks import Landmarker, Landmarks
from ...animate.face.pose import face_pose
from ...animate.video import VideoReader

RATE = Fraction(25)
LONGEST, SHORTEST = 1000, 25  # frames of a track
_LARGE = 0.375  # of the crop's side: the smallest face, as in the clips that the weights were trained on
_SHARP = 10.0  # variance of the Laplacian of a face scaled to half the crop's side; theirs begin at 11
_TRAVEL = 1.05  # faces that a face may travel in a track: beyond, the crop would hold too small a face
_LOOK = 12  # frames between two looks for other people
_OTHER = 0.4  # of the face's size: from here on another face in its square counts
_STRIDE = 5  # frames between two measures of sharpness


@dataclass(frozen=True, eq=False)
class Track:
    """One stretch: frames `first` to `first + len(points) - 1` on the clock of `ticks`.

    points: (T, 68, 2) and iris: (T, 2, 2) float32, pixels of the whole frame, x then y. square: the crop for
    all of them. face: median longer side of the face, pixels. sharpness: see `face_sharpness`.
    """

    first: int
    points: NDArray[np.float32]
    iris: NDArray[np.float32]
    square: FaceSquare
    face: float
    sharpness: float


def ticks(reader: VideoReader) -> Iterator[NDArray[np.uint8]]:
    """The picture at every 1/25 s from the first frame on: the newest that is not later. Where the video is
    slower the same array comes again."""
    tick, begin, last = 0, None, None
    for frame in reader:
        begin = frame.seconds if begin is None else begin
        while last is not None and tick / RATE < frame.seconds - begin:
            tick += 1
            yield last.image
        last = frame
    if begin is not None and last is not None and tick / RATE <= last.seconds - begin:
        yield last.image


def find_tracks(reader: VideoReader, landmarker: Landmarker, size: int) -> tuple[list[Track], Counter[str]]:
    """Every track of a video that makes a crop of side `size` pixels, and how many frames were left out for
    each reason ("no face", "other people", "too short", "too small", "blurred")."""
    left_out: Counter[str] = Counter()
    tracks: list[Track] = []
    run: list[_Seen] = []
    first = 0
    for index, seen in enumerate(_watch(reader, landmarker, size)):
        ends = isinstance(seen, str) or (run and (seen.breaks or _too_far(run, seen) or len(run) == LONGEST))
        if ends and run:
            _finish(run, first, reader.size, size, tracks, left_out)
            run = []
        if isinstance(seen, str):
            left_out[seen] += 1
        else:
            first = first if run else index
            run.append(seen)
    if run:
        _finish(run, first, reader.size, size, tracks, left_out)
    return tracks, left_out


def face_sharpness(image: NDArray[np.uint8], points: NDArray[np.float32], size: int) -> float:
    """Variance of the Laplacian of the grey face, its box scaled to `size` / 2 pixels."""
    low = np.clip(np.floor(points.min(0)).astype(int), 0, None)
    high = np.ceil(points.max(0)).astype(int) + 1
    grey = cv2.cvtColor(np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]]), cv2.COLOR_RGB2GRAY)
    scale = size / 2 / max(grey.shape)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return float(
        cv2.Laplacian(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=how), cv2.CV_64F).var()
    )


def head_yaw(points: NDArray[np.float32]) -> float:
    """Degrees, positive where the face is turned to the right side of the image, from `points` (68, 2) alone.

    The tip of the nose against the middle of the ears, upright, over the face's width: times 74 it is within
    1.3 degrees (mean) of the 3-D meshes' yaw on the 142 clips whose mesh is known, up to 60 degrees.
    """
    roll = face_pose(points).roll
    x = points @ np.array([np.cos(roll), np.sin(roll)])
    return float(74 * (x[30] - (x[0] + x[16]) / 2) / max(np.ptp(x[:17]), 1e-6))


@dataclass(frozen=True, eq=False)
class _Seen:
    """A face in one frame; `breaks`: it is not the one of the frame before, or the shot is another."""

    points: NDArray[np.float32]
    iris: NDArray[np.float32]
    middle: NDArray[np.float64]
    face: float
    sharpness: float | None
    breaks: bool

    @classmethod
    def of(cls, face: Landmarks, sharpness: float | None, breaks: bool) -> _Seen:
        return cls(face.points, face.iris, _middle(face.points), _side(face), sharpness, breaks)


def _watch(reader: VideoReader, landmarker: Landmarker, size: int) -> Iterator[_Seen | str]:
    """What is seen in every frame, or why it cannot be used. Other people are looked for twice a second."""
    last: Landmarks | None = None
    image, thumbnail, crowded = None, None, False
    changes: list[float] = []
    for index, now in enumerate(ticks(reader)):
        if now is image and last is not None:  # a slower video's frame again
            yield "other people" if crowded else _Seen.of(last, None, False)
            continue
        image, small = now, _thumbnail(now)
        change = 0.0 if thumbnail is None else float(np.abs(small - thumbnail).mean())
        cut = change > 8 and change > 6 * (0.5 + float(np.median(changes[-12:] or [0.0])))
        thumbnail = small
        changes.append(change)
        found = landmarker.follow(now, None if cut else last)
        if found is None:
            last = None
            yield "no face"
            continue
        if index % _LOOK == 0 or cut or last is None:
            crowded = _crowded(found, landmarker.find(now), reader.size)
        jumped = last is not None and _jumped(last, found)
        last = found
        sharp = face_sharpness(now, found.points, size) if index % _STRIDE == 0 else None
        yield "other people" if crowded else _Seen.of(found, sharp, cut or jumped)


def _finish(
    run: list[_Seen],
    first: int,
    frame: tuple[int, int],
    size: int,
    tracks: list[Track],
    left_out: Counter[str],
) -> None:
    """Make a track of `run`, or count its frames under the reason why not."""
    face = float(np.median([seen.face for seen in run]))
    measured = [seen.sharpness for seen in run if seen.sharpness is not None]
    sharpness = float(np.median(measured)) if measured else 0.0
    if len(run) < SHORTEST:
        left_out["too short"] += len(run)
    elif face < _LARGE * size:
        left_out["too small"] += len(run)
    elif sharpness < _SHARP:
        left_out["blurred"] += len(run)
    else:
        points = np.stack([seen.points for seen in run])
        iris = np.stack([seen.iris for seen in run])
        largest = float(np.percentile([seen.face for seen in run], 95))
        tracks.append(Track(first, points, iris, _track_square(points, largest, frame), face, sharpness))


def _track_square(points: NDArray[np.float32], face: float, frame: tuple[int, int]) -> FaceSquare:
    """One square for all frames: the middle of where the face goes, 1.72 faces and 0.85 of its travel wide.

    It is `face_square` of a face as large as half of that, so that it lies in the frame as a source's does.
    """
    low, high = points.min((0, 1)), points.max((0, 1))
    reach = 0.86 * face + 0.425 * max(float((high - low).max()) - face, 0.0)
    middle = (low + high) / 2
    box = np.tile(middle, (68, 1))
    box[0], box[1] = middle - reach / 2, middle + reach / 2
    return face_square(Landmarks(box.astype(np.float32), np.zeros((2, 2), np.float32), 1.0), frame)


def _too_far(run: list[_Seen], seen: _Seen) -> bool:
    """Whether the face, with `seen`, has travelled too far for one square (middles of boxes, any two)."""
    middles = np.array([s.middle for s in (*run[::_STRIDE], seen)])
    return bool(np.ptp(middles, axis=0).max() > _TRAVEL * run[0].face)


def _jumped(before: Landmarks, now: Landmarks) -> bool:
    side, other = _side(before), _side(now)
    moved = float(np.hypot(*(_middle(now.points) - _middle(before.points))))
    return moved > 0.35 * side or not 0.8 < other / max(side, 1e-6) < 1.25


def _crowded(found: Landmarks, faces: list[Landmarks], frame: tuple[int, int]) -> bool:
    """Whether the square around `found` shows another face of some size."""
    square = face_square(found, frame)
    for face in faces:
        x, y = _middle(face.points)
        same = np.hypot(*(_middle(face.points) - _middle(found.points))) < 0.4 * _side(found)
        inside = 0 <= x - square.x < square.side and 0 <= y - square.y < square.side
        if not same and inside and _side(face) > _OTHER * _side(found):
            return True
    return False


def _side(face: Landmarks) -> float:
    return float(np.ptp(face.points, axis=0).max())


def _middle(points: NDArray[np.float32]) -> NDArray[np.float64]:
    return (points.min(0) + points.max(0)).astype(np.float64) / 2


def _thumbnail(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = cv2.resize(image, (64, 36), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
