"""A visitor's files as they are used: shrunk, a framed part, a video's first frame; each made once."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gfla.animate import InputError, VideoReader, VideoWriter
from gfla.animate.io.image import read_image, shrink, write_image
from gfla.animate.video import Encoding, Frame
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
        return image[_part(path, box, (width, height))]

    return _keep(visit, path, str(tuple(box)), cut)


def crop_video(visit: Visit, path: Path, box: Sequence[float], start: Any = None, end: Any = None) -> Path:
    """The part of a video in `box`, as `crop_picture`, from `start` to `end` (seconds), with its sound."""
    made = visit.folder / f"driver-{_key(f'{path}{tuple(box)}{start}{end}')}" / f"{path.stem}.mp4"
    with visit.making:
        if made.exists():
            return made
        made.parent.mkdir(exist_ok=True)
        with VideoReader(path, start, end) as reader:
            part = _part(path, box, reader.size)
            rows, columns = part
            size = columns.stop - columns.start, rows.stop - rows.start
            encoding = Encoding(quality="high")
            with VideoWriter(
                made, size, reader.rate, reader.time_base, encoding=encoding, audio_from=reader
            ) as writer:
                for frame in reader:
                    image = np.ascontiguousarray(frame.on_white()[part])
                    writer.write(Frame(image, frame.pts, frame.time_base))
    return made


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


def _part(path: Path, box: Sequence[float], size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of `box` in a picture of `size` (width, height)."""
    left, top, right, bottom = (round(at * side) for at, side in zip(box, (*size, *size), strict=True))
    if min(right - left, bottom - top) < _LEAST:
        raise InputError(path, "this part of it is too small", f"choose at least {_LEAST} pixels")
    return slice(top, bottom), slice(left, right)


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
