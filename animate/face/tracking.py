"""One face followed through a video, and the video's cuts: a person's track from the landmarker's faces.

A cut must be known before the next frame is drawn, or the last shot's memory smears into the new one. The
chosen face must be the same one again after a loss. `Sighting` is the state from frame to frame.
"""

from dataclasses import dataclass, replace
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .fine_flow import CELLS, FineKey, fine_motion
from .landmarks import Landmarker, Landmarks
from .pose import face_pose
from .registration import KeyFrame, correlation, register
from .search import Find
from .shoulders import BodyKey, follow_body

Image = NDArray[np.uint8]

_THUMBNAIL = 32  # pixels: side at which two frames are compared
_CHANGE = 10.0  # grey levels of 255: below this mean difference there is no cut
_FLAT = 4.0  # grey levels: a frame with a smaller standard deviation is blank
_ALIKE, _OTHER = 0.9, 0.4  # correlation of two frames: above, no cut; below, a cut whatever the face does
# Of 28 clips of people 25 stay above 0.93 from frame to frame; of pairs of clips 99 in 100 lie below 0.71.
_JUMP = 0.5  # largest movement of a face from frame to frame, in face sizes
_GROWTH = 1.35  # largest ratio of its sizes from frame to frame
_FIRST = "the driving video's first frame with a face"


@dataclass(frozen=True, eq=False)
class Sighting:
    """The tracking result of one frame.

    landmarks: of the followed face, None if it is not visible. thumbnail: the frame as (32, 32) float32 grey,
    or the last frame that was not blank. cut: whether a new shot begins here. place: where the face was last
    seen in this shot. key: the face as it was first seen in this shot, which later landmarks are registered
    to. body: the body below it there, which later shoulders are read off. skin: all of it there, which fine
    motion is read off.
    """

    landmarks: Landmarks | None
    thumbnail: NDArray[np.float32]
    cut: bool = False
    place: Landmarks | None = None
    key: KeyFrame | None = None
    body: BodyKey | None = None
    skin: FineKey | None = None

    @classmethod
    def first(
        cls,
        image: Image,
        found: Landmarks | None,
        thumbnail: NDArray[np.float32] | None = None,
        cut: bool = False,
    ) -> Self:
        """A shot's first frame, in which `found` is the face to follow."""
        thumbnail = _thumbnail(image) if thumbnail is None else thumbnail
        if found is None:
            return cls(None, thumbnail, cut)
        body = BodyKey.of(image, found.points)
        found = replace(found, shoulders=body.places, fine=np.zeros((CELLS, CELLS, 2), np.int8))
        skin = FineKey.of(image, found.body)
        return cls(found, thumbnail, cut, found, KeyFrame.of(image, found), body, skin)

    @classmethod
    def known(cls, found: Landmarks | None, cut: bool) -> Self:
        """A frame tracked earlier; `sight` cannot continue from it."""
        return cls(found, np.zeros((_THUMBNAIL, _THUMBNAIL), np.float32), cut, found)


def number_faces(faces: list[Landmarks]) -> list[Landmarks]:
    """The faces from left to right: face N is the N-th, counted from 1, wherever faces have numbers."""
    return sorted(faces, key=lambda face: face_pose(face.points).x)


def choose_face(find: Find, image: Image, number: int | None, name: str, option: str) -> Landmarks | None:
    """The largest face of `image` that `find` finds, or face `number`; None if there is no face at all.
    InputError, naming the picture and the option, if there are fewer faces."""
    faces = find(image)
    if not faces or number is None:
        return faces[0] if faces else None
    if not 1 <= number <= len(faces):
        count = "only one face" if len(faces) == 1 else f"{len(faces)} faces"
        raise InputError(
            name,
            f"it shows {count}, and {option} is {number}",
            "count them from the left, from 1, or look at the picture that gfla-inspect draws",
        )
    return number_faces(faces)[number - 1]


def sight(landmarker: Landmarker, image: Image, last: Sighting | None, number: int | None) -> Sighting:
    """The followed face in the frame after `last`.

    It starts as the largest face, or face `number`, of the first frame that shows any. After a loss it is the
    face nearest to where it was; after a cut it is chosen again. InputError if the first frame with faces has
    no face `number`; after a cut such a frame counts as one without a face.
    """
    if last is None:
        return Sighting.first(image, choose_face(landmarker.find, image, number, _FIRST, "--driving-face"))
    thumbnail = _thumbnail(image)
    alike = _similarity(last.thumbnail, thumbnail)
    if thumbnail.std() < _FLAT:  # a black frame between two shots must not hide that they differ
        thumbnail = last.thumbnail
    if last.place is None and alike > _ALIKE:
        found = choose_face(landmarker.find, image, number, _FIRST, "--driving-face")
        return Sighting.first(image, found, thumbnail)
    found = _follow(landmarker, image, last, number)
    if alike > _ALIKE or (alike > _OTHER and not _jumped(last.place, found)):
        if found is None:
            return replace(last, landmarks=None, thumbnail=thumbnail, cut=False)
        if last.place is None or last.key is None or last.body is None or last.skin is None:
            return Sighting.first(image, found, thumbnail)
        before = last.body.places if last.place.shoulders is None else last.place.shoulders
        body = follow_body(image, last.body, before)
        found = replace(register(image, found, last.key), shoulders=body)
        found = replace(found, fine=fine_motion(image, found.body, last.skin))
        return replace(last, landmarks=found, thumbnail=thumbnail, cut=False, place=found)
    faces = number_faces(landmarker.find(image)) if number else landmarker.find(image)
    at = (number or 1) - 1
    found = faces[at] if at < len(faces) else None
    return Sighting.first(image, found, thumbnail, cut=True)


def _follow(landmarker: Landmarker, image: Image, last: Sighting, number: int | None) -> Landmarks | None:
    if number is None:
        return landmarker.follow(image, last.landmarks)
    found = landmarker.follow(image, last.landmarks) if last.landmarks else None
    if found is None or _jumped(last.place, found):  # another face, or none
        near = [face for face in landmarker.find(image) if not _jumped(last.place, face, 2 * _JUMP)]
        found = min(near, key=lambda face: _distance(face, last.place), default=None)
    return found


def _jumped(before: Landmarks | None, now: Landmarks | None, far: float = _JUMP) -> bool:
    """Whether no head moves like this between frames: more than `far` face sizes, or much larger or smaller.
    False where one of the two is unknown."""
    if before is None or now is None:
        return False
    growth = face_pose(now.points).size / max(face_pose(before.points).size, 1.0)
    return _distance(now, before) > far or not 1 / _GROWTH < growth < _GROWTH


def _distance(face: Landmarks, place: Landmarks | None) -> float:
    """Between the centres, in sizes of the face at `place`."""
    if place is None:
        return 0.0
    a, b = face_pose(face.points), face_pose(place.points)
    return float(np.hypot(a.x - b.x, a.y - b.y)) / max(b.size, 1.0)


def _thumbnail(image: Image) -> NDArray[np.float32]:
    small = cv2.resize(image, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _similarity(before: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    """Correlation of two thumbnails in [-1, 1], high through flashes and fades; 1 where hardly a pixel
    changed or one is blank."""
    if np.abs(now - before).mean() < _CHANGE or min(before.std(), now.std()) < _FLAT:
        return 1.0
    return correlation(before, now)
