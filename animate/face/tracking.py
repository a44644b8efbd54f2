"""Which face is watched, and where the picture cuts: the landmarker's finds turned into one person's track.

A cut must be known before the next frame is drawn, or the last shot's memory smears into the new one; a face
that was chosen must stay the chosen one after it was lost. What one frame leaves to the next is a `Sighting`.
"""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .landmarks import Landmarker, Landmarks
from .pose import face_pose

Image = NDArray[np.uint8]

_LOOK = 32  # pixels: a frame's side when two frames are compared
_CHANGE = 10.0  # levels of 255: below this mean difference nothing has been cut
_FLAT = 4.0  # levels: a frame that varies less shows nothing
_ALIKE, _OTHER = 0.9, 0.4  # correlation of two frames: above no cut; below one whatever the face does
# Of 28 clips of people 25 stay above 0.93 from frame to frame; of pairs of clips 99 in 100 lie below 0.71.
_JUMP = 0.5  # faces: how far a face moves from frame to frame at most
_FIRST = "the driving video's first frame with a face"
_GROWTH = 1.35  # how much it grows or shrinks at most


@dataclass(frozen=True, eq=False)
class Sighting:
    """What one frame showed.

    landmarks: of the face that is watched, None if it is not there. look: the frame as (32, 32) float32
    grey, or the last one that was not plain.
    cut: whether another shot begins here. place: where the face was last seen in this shot.
    """

    landmarks: Landmarks | None
    look: NDArray[np.float32]
    cut: bool = False
    place: Landmarks | None = None

    @classmethod
    def first(cls, image: Image, found: Landmarks | None) -> Self:
        """Of a first frame in which `found` is the face to watch."""
        return cls(found, _look(image), place=found)

    @classmethod
    def known(cls, found: Landmarks | None, cut: bool) -> Self:
        """Of a frame that was looked at before; none can be sighted after it."""
        return cls(found, np.zeros((_LOOK, _LOOK), np.float32), cut, found)


def number_faces(faces: list[Landmarks]) -> list[Landmarks]:
    """The faces from left to right: number N is the N-th, counted from 1, wherever faces have numbers."""
    return sorted(faces, key=lambda face: face_pose(face.points).x)


def choose_face(
    landmarker: Landmarker, image: Image, number: int | None, name: str, option: str
) -> Landmarks | None:
    """The largest face of `image`, or face `number`; None if there is no face at all. InputError, naming the
    picture and the option, if there are faces but not so many."""
    faces = landmarker.find(image)
    if not faces or number is None:
        return faces[0] if faces else None
    if not 1 <= number <= len(faces):
        there = "only one face" if len(faces) == 1 else f"{len(faces)} faces"
        raise InputError(
            f"{option} {number}: {name} shows {there}; count them from the left, from 1, or look at the "
            "picture that gfla-inspect draws."
        )
    return number_faces(faces)[number - 1]


def sight(landmarker: Landmarker, image: Image, last: Sighting | None, number: int | None) -> Sighting:
    """The watched face in the frame after `last`: the largest, or face `number` of the first frame that shows
    any, followed, and after a loss the one nearest to where it was. After a cut it is chosen anew.

    InputError if the first frame with faces has no face `number`; after a cut such a frame shows none.
    """
    if last is None:
        return Sighting.first(image, choose_face(landmarker, image, number, _FIRST, "--driving-face"))
    look = _look(image)
    alike = _likeness(last.look, look)
    if look.std() < _FLAT:  # a black frame between two shots must not hide that they differ
        look = last.look
    if last.place is None and alike > _ALIKE:
        found = choose_face(landmarker, image, number, _FIRST, "--driving-face")
        return Sighting(found, look, place=found)
    found = _follow(landmarker, image, last, number)
    if alike > _ALIKE or (alike > _OTHER and not _jumped(last.place, found)):
        return Sighting(found, look, place=found or last.place)
    faces = number_faces(landmarker.find(image)) if number else landmarker.find(image)
    at = (number or 1) - 1
    found = faces[at] if at < len(faces) else None
    return Sighting(found, look, cut=True, place=found)


def _follow(landmarker: Landmarker, image: Image, last: Sighting, number: int | None) -> Landmarks | None:
    if number is None:
        return landmarker.follow(image, last.landmarks)
    found = landmarker.follow(image, last.landmarks) if last.landmarks else None
    if found is None or _jumped(last.place, found):  # the landmarker took another face, or there is none
        near = [face for face in landmarker.find(image) if not _jumped(last.place, face, 2 * _JUMP)]
        found = min(near, key=lambda face: _distance(face, last.place), default=None)
    return found


def _jumped(before: Landmarks | None, now: Landmarks | None, far: float = _JUMP) -> bool:
    """Whether no head moves so, as far as both are known: more than `far` faces aside, much larger or
    smaller."""
    if before is None or now is None:
        return False
    growth = face_pose(now.points).size / max(face_pose(before.points).size, 1.0)
    return _distance(now, before) > far or not 1 / _GROWTH < growth < _GROWTH


def _distance(face: Landmarks, place: Landmarks | None) -> float:
    """Between the middles, in sizes of the face at `place`."""
    if place is None:
        return 0.0
    a, b = face_pose(face.points), face_pose(place.points)
    return float(np.hypot(a.x - b.x, a.y - b.y)) / max(b.size, 1.0)


def _look(image: Image) -> NDArray[np.float32]:
    small = cv2.resize(image, (_LOOK, _LOOK), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _likeness(before: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    """Correlation of two looks in [-1, 1], which a flash or a fade leaves high; 1 where hardly a pixel
    changed or one shows nothing."""
    if np.abs(now - before).mean() < _CHANGE or min(before.std(), now.std()) < _FLAT:
        return 1.0
    a, b = before - before.mean(), now - now.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-6))
