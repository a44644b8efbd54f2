"""The faces in a picture as the page shows them: boxes, from the left, as the engine counts them."""

from gfla.animate.face.crop import face_square
from gfla.animate.face.landmarks import Landmarker
from gfla.animate.face.search import find_in_tiles
from gfla.animate.face.tracking import number_faces
from gfla.demos.app.ui.images import Image

Box = tuple[float, float, float, float]
_FACE = 0.6  # side of a face's box, in sides of its square


def find_faces(landmarker: Landmarker, image: Image, *, small: bool = False) -> list[Box]:
    """Left, top, right, bottom of each face of the image (H, W, 3), as fractions of it, from the left.
    small: look in tiles too, as for a portrait."""
    height, width = image.shape[:2]
    found = find_in_tiles(landmarker, image) if small else landmarker.find(image)
    boxes = []
    for face in number_faces(found):
        square = face_square(face, (width, height))
        x, y, half = square.x + square.side / 2, square.y + square.side / 2, _FACE * square.side / 2
        box = ((x - half) / width, (y - half) / height, (x + half) / width, (y + half) / height)
        boxes.append(tuple(min(max(at, 0.0), 1.0) for at in box))
    return boxes
