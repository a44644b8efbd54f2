"""A longer look for faces, for single pictures: small ones in tiles, and pictures that lie on their side."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from .landmarks import Landmarker, Landmarks
from .pose import face_pose

Image = NDArray[np.uint8]
Find = Callable[[Image], list[Landmarks]]

_PARTS = 3  # tiles along the longer side, each divided so again
_SMALLEST = 640  # pixels: no tile is smaller; a finder sees a face of 1/25 of it, too small to be drawn
_OVERLAP = 0.25  # of a tile's side: the largest face that may lie on a border
_APART = 0.4  # of a face's size: detections nearer to each other are the same
TURNED = {1: "90 degrees clockwise", 2: "180 degrees", 3: "90 degrees anticlockwise"}
"""How a picture is turned that is upright after so many quarter turns anticlockwise."""


def find_in_tiles(landmarker: Landmarker, image: Image) -> list[Landmarks]:
    """Every face, the largest first: as `Landmarker.find`, and if it finds none, in tiles of the image (H, W,
    3), ever smaller ones until there is a face."""
    faces = landmarker.find(image)
    side = max(image.shape[:2])
    while not faces and side / _PARTS >= _SMALLEST:
        side = -(-side // _PARTS)
        found = [face for x, y, tile in _tiles(image, side) for face in _moved(landmarker.find(tile), x, y)]
        faces = _without_duplicates(found)
    return faces


def quarter_turns(find: Find, image: Image) -> int:
    """Quarter turns anticlockwise, 1 to 3, after which `find` finds a face; 0 if it never does."""
    for turns in (1, 3, 2):
        if find(np.ascontiguousarray(np.rot90(image, turns))):
            return turns
    return 0


def _tiles(image: Image, side: int) -> Iterator[tuple[int, int, Image]]:
    """Left, top and picture of overlapping tiles that cover the image."""
    height, width = image.shape[:2]
    grown = round(side * (1 + _OVERLAP))
    for y in _begins(height, side, grown):
        for x in _begins(width, side, grown):
            yield x, y, np.ascontiguousarray(image[y : y + grown, x : x + grown])


def _begins(length: int, step: int, side: int) -> list[int]:
    return sorted({max(0, min(at, length - side)) for at in range(0, length, step)})


def _moved(faces: list[Landmarks], x: int, y: int) -> list[Landmarks]:
    shift = np.array([x, y], np.float32)
    return [Landmarks(face.points + shift, face.iris + shift, face.score) for face in faces]


def _without_duplicates(faces: list[Landmarks]) -> list[Landmarks]:
    """Of detections of one face the best; the largest face first."""
    kept: list[Landmarks] = []
    for face in sorted(faces, key=lambda face: -face.score):
        pose = face_pose(face.points)
        near = [face_pose(other.points) for other in kept]
        if all(np.hypot(pose.x - p.x, pose.y - p.y) > _APART * max(pose.size, p.size) for p in near):
            kept.append(face)
    return sorted(kept, key=lambda face: -face_pose(face.points).size)
