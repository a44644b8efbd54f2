"""A visitor's portrait as it is used: shrunk, a part of it, or the first frame of a video; each made once."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from gfla.animate import InputError, VideoReader
from gfla.animate.io.image import read_image, shrink, write_image
from gfla.demos.app.ui.images import Image
from gfla.demos.app.visitors.session import Visit

_LEAST = 64  # pixels of a part's shorter side


def fit_picture(visit: Visit, path: Path, side: int) -> Path:
    """The picture with at most `side` pixels on its longer side, in a file of the visitor's."""
    return _keep(visit, path, f"{side}", lambda image: shrink(image, side))


def crop_picture(visit: Visit, path: Path, box: Sequence[float]) -> Path:
    """The part of the picture in `box` (left, top, right, bottom as fractions), in a file of the visitor's.
    InputError if it is too small."""

    def cut(image: Image) -> Image:
        height, width = image.shape[:2]
        left, right = round(box[0] * width), round(box[2] * width)
        top, bottom = round(box[1] * height), round(box[3] * height)
        if min(right - left, bottom - top) < _LEAST:
            raise InputError(path, "this part of it is too small", f"choose at least {_LEAST} pixels")
        return image[top:bottom, left:right]

    return _keep(visit, path, str(tuple(box)), cut)


def first_frame(visit: Visit, video: Path) -> Path:
    """The first frame of a video as a picture in the folder that gradio serves to this visitor."""
    with VideoReader(video) as reader:
        image = next(iter(reader)).on_white()
    folder = visit.public / "frames"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{video.stem[:60]}-{_key(str(video))}.png"
    write_image(image, path)
    visit.uploads.add(path)
    return path


def _keep(visit: Visit, path: Path, how: str, change: Callable[[Image], Image]) -> Path:
    folder = visit.folder / f"portrait-{_key(f'{path}{how}')}"
    made = folder / f"{path.stem}.png"
    with visit.making:
        if not made.exists():
            image = change(_whole(*read_image(path)))
            folder.mkdir(exist_ok=True)
            write_image(np.ascontiguousarray(image), made)
    return made


def _whole(image: Image, alpha: Image | None) -> Image:
    return image if alpha is None else np.dstack([image, alpha])


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
