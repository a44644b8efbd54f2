"""Raw footage to tracks: the stretches of a video that show one face, large and sharp, without a cut.

A video is read once, at 25 frames a second of its own time; half a kilobyte is kept of each frame. What costs
most, following a face, is only done where there is a face that will do: after a second without one, two
pictures a second are looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from ....animate.face.crop import FaceSquare, face_square
from ....animate.face.landmarks import Landmarker, Landmarks
from ....animate.face.pose import face_pose
from ....animate.face.tracking import Sighting, sight
from ....animate.ibug68 import BRIDGE, JAW
from ....animate.video import VideoReader
from .options import PrepareOptions

RATE = Fraction(25)
LONGEST = 1000  # frames of a track
_IDLE = 25  # frames in a row without a face that will do, after which only some are looked at
_EVERY = 12  # then: frames from one look to the next
_CLEARLY = 0.7  # below this fraction of a limit a face will not do; above, the median of its track decides
_TRAVEL = 1.05  # how far a face may move in a track, in face sizes: beyond, the crop holds too small a face
_JUMP, _GROWTH = 0.35, 1.25  # largest movement, in face sizes, and ratio of sizes from frame to frame
_OTHER = 0.4  # another face in the square counts from this fraction of the face's size
_OTHERS_EVERY = 12  # frames between two searches for other people
_SHARPNESS_EVERY = 5  # frames between two measures of sharpness


@dataclass(frozen=True, eq=False)
class Track:
    """Frames `first` to `first + len(points) - 1`, counted as by `ticks`.

    points: (T, 68, 2) and iris: (T, 2, 2) float32, pixels of the whole frame, x then y. square: the crop of
    all frames. face: median longer side of the face, pixels. sharpness: see `face_sharpness`.
    """

    first: int
    points: NDArray[np.float32]
    iris: NDArray[np.float32]
    square: FaceSquare
    face: float
    sharpness: float


def ticks(reader: VideoReader) -> Iterator[NDArray[np.uint8]]:
    """The picture at every 1/25 s from the first frame on: the newest one not later. In a slower video the
    same array repeats."""
    tick, begin, last = 0, None, None
    for frame in reader:
        begin = frame.seconds if begin is None else begin
        while last is not None and tick / RATE < frame.seconds - begin:
            tick += 1
            yield last.image
        last = frame
    if begin is not None and last is not None and tick / RATE <= last.seconds - begin:
        yield last.image


def unfit(reader: VideoReader, options: PrepareOptions) -> str:
    """Why a video's header says that no clip can be made of it: "too short", "too small", or ""."""
    if reader.frames is not None and reader.frames / reader.rate < 0.8 * options.min_seconds:
        return "too short"
    return "too small" if max(reader.size) < options.min_face * options.size else ""


def find_tracks(
    reader: VideoReader, landmarker: Landmarker, options: PrepareOptions
) -> tuple[list[Track], Counter[str]]:
    """The tracks of a video, and the number of frames left out by reason: "no face", "other people", "too
    short", "too small" or "blurred"."""
    left_out: Counter[str] = Counter()
    tracks: list[Track] = []
    run: list[_Face] = []
    first = 0
    for index, face in enumerate(_watch(reader, landmarker, options)):
        ends = isinstance(face, str) or (run and (face.breaks or _too_far(run, face) or len(run) == LONGEST))
        if ends and run:
            _finish(run, first, reader.size, options, tracks, left_out)
            run = []
        if isinstance(face, str):
            left_out[face] += 1
        else:
            first = first if run else index
            run.append(face)
    if run:
        _finish(run, first, reader.size, options, tracks, left_out)
    return tracks, left_out


def face_sharpness(image: NDArray[np.uint8], points: NDArray[np.float32], size: int) -> float:
    """Variance of the Laplacian of the grey face, its box scaled to `size` / 2 pixels."""
    low = np.clip(np.floor(points.min(0)).astype(int), 0, None)
    high = np.ceil(points.max(0)).astype(int) + 1
    grey = cv2.cvtColor(np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]]), cv2.COLOR_RGB2GRAY)
    scale = size / 2 / max(grey.shape)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=interpolation)
    return float(cv2.Laplacian(scaled, cv2.CV_64F).var())


def head_yaw(points: NDArray[np.float32]) -> float:
    """Yaw in degrees, positive to the right side of the image, from `points` (68, 2) alone.

    The offset of the nose's tip from the middle of the ears, over the face's width, times 74. On the 142
    clips with known meshes it is within 1.3 degrees (mean) of the meshes' yaw, up to 60 degrees.
    """
    roll = face_pose(points).roll
    x = points @ np.array([np.cos(roll), np.sin(roll)])
    jaw, nose_tip = x[JAW], x[BRIDGE[-1]]
    return float(74 * (nose_tip - (jaw[0] + jaw[-1]) / 2) / max(np.ptp(jaw), 1e-6))


@dataclass(frozen=True, eq=False)
class _Face:
    """The face of one frame. breaks: it is another face than in the frame before, or another shot."""

    points: NDArray[np.float32]
    iris: NDArray[np.float32]
    middle: NDArray[np.float64]
    size: float
    sharpness: float | None
    breaks: bool

    @classmethod
    def of(cls, face: Landmarks, sharpness: float | None, breaks: bool) -> _Face:
        return cls(face.points, face.iris, _middle(face.points), _size(face), sharpness, breaks)


def _watch(reader: VideoReader, landmarker: Landmarker, options: PrepareOptions) -> Iterator[_Face | str]:
    """The face of every frame, or the reason why the frame is left out. Other people are looked for twice a
    second, and so are faces after `_IDLE` frames without one that will do."""
    seen: Sighting | None = None
    face: _Face | None = None
    image, crowded, useless, reason, sharpness = None, False, 0, "", 0.0
    for index, now in enumerate(ticks(reader)):
        if useless >= _IDLE and index % _EVERY:
            yield reason
            continue
        repeats, before, image = now is image, seen.landmarks if seen else None, now
        seen = seen if seen and repeats else sight(landmarker, now, seen, None)
        if seen.landmarks is None:
            face = None
        elif repeats:
            face = _Face.of(seen.landmarks, None, False)
        else:
            found = seen.landmarks
            if index % _OTHERS_EVERY == 0 or seen.cut or before is None:
                crowded = _crowded(found, landmarker.find(now), reader.size)
            measured = index % _SHARPNESS_EVERY == 0 or seen.cut or before is None or useless >= _IDLE
            sharpness = face_sharpness(now, found.points, options.size) if measured else sharpness
            breaks = seen.cut or (before is not None and _jumped(before, found))
            face = _Face.of(found, sharpness if index % _SHARPNESS_EVERY == 0 else None, breaks)
        hidden = "no face" if face is None else "other people" if crowded else ""
        reason = hidden or (_useless(face.size, sharpness, options) if face else "")
        useless = useless + 1 if reason else 0
        yield hidden or face if face and useless <= _IDLE else reason


def _useless(size: float, sharpness: float, options: PrepareOptions) -> str:
    """Why a face of this size and sharpness will hardly be part of a clip; "" if it may."""
    if size < _CLEARLY * options.min_face * options.size:
        return "too small"
    return "blurred" if sharpness < _CLEARLY * options.min_sharpness else ""


def _finish(
    run: list[_Face],
    first: int,
    frame: tuple[int, int],
    options: PrepareOptions,
    tracks: list[Track],
    left_out: Counter[str],
) -> None:
    """Append the track of `run` to `tracks`, or count its frames in `left_out`."""
    size_of_face = float(np.median([face.size for face in run]))
    measured = [face.sharpness for face in run if face.sharpness is not None]
    sharpness = float(np.median(measured)) if measured else 0.0
    if len(run) < options.min_frames:
        left_out["too short"] += len(run)
    elif size_of_face < options.min_face * options.size:
        left_out["too small"] += len(run)
    elif sharpness < options.min_sharpness:
        left_out["blurred"] += len(run)
    else:
        points = np.stack([face.points for face in run])
        iris = np.stack([face.iris for face in run])
        square = _track_square(points, float(np.percentile([face.size for face in run], 95)), frame)
        tracks.append(Track(first, points, iris, square, size_of_face, sharpness))


def _track_square(points: NDArray[np.float32], face: float, frame: tuple[int, int]) -> FaceSquare:
    """One square for all frames, centred on the face's path, as wide as 1.72 faces and 0.85 of its travel.

    It is the `face_square` of a face half as large, so it is placed in the frame as a source's crop is.
    """
    low, high = points.min((0, 1)), points.max((0, 1))
    reach = 0.86 * face + 0.425 * max(float((high - low).max()) - face, 0.0)
    middle = (low + high) / 2
    box = np.tile(middle, (68, 1))
    box[0], box[1] = middle - reach / 2, middle + reach / 2
    return face_square(Landmarks(box.astype(np.float32), np.zeros((2, 2), np.float32), 1.0), frame)


def _too_far(run: list[_Face], face: _Face) -> bool:
    """Whether the path of `run` and `face` is too long for one square."""
    middles = np.array([each.middle for each in (*run[::5], face)])
    return bool(np.ptp(middles, axis=0).max() > _TRAVEL * run[0].size)


def _jumped(before: Landmarks, now: Landmarks) -> bool:
    """Whether the landmarker probably took another face: it moves or grows too much for one frame."""
    moved = float(np.hypot(*(_middle(now.points) - _middle(before.points))))
    growth = _size(now) / max(_size(before), 1e-6)
    return moved > _JUMP * _size(before) or not 1 / _GROWTH < growth < _GROWTH


def _crowded(found: Landmarks, faces: list[Landmarks], frame: tuple[int, int]) -> bool:
    """Whether the square around `found` shows another, not much smaller face."""
    square = face_square(found, frame)
    for face in faces:
        x, y = _middle(face.points)
        same = np.hypot(*(_middle(face.points) - _middle(found.points))) < 0.4 * _size(found)
        inside = 0 <= x - square.x < square.side and 0 <= y - square.y < square.side
        if not same and inside and _size(face) > _OTHER * _size(found):
            return True
    return False


def _size(face: Landmarks) -> float:
    return float(np.ptp(face.points, axis=0).max())


def _middle(points: NDArray[np.float32]) -> NDArray[np.float64]:
    return (points.min(0) + points.max(0)).astype(np.float64) / 2
