"""A visitor's files as they are used: shrunk, a framed part, a video's first frame; each made once."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gfla.animate import InputError, VideoReader, VideoWriter
from gfla.animate.errors import Cancelled
from gfla.animate.io.image import read_image, shrink, write_image
from gfla.animate.video import Encoding, Frame
from gfla.demos.app.ui.images import Image
from gfla.demos.app.visitors.session import Visit

_LEAST = 64  # pixels of a part's shorter side
_LOOK = 0.1  # seconds between two looks whether to wait on


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


def crop_video(
    visit: Visit,
    path: Path,
    box: Sequence[float],
    start: Any = None,
    end: Any = None,
    *,
    progress: Callable[[int, int | None], object] = lambda done, expected: None,
    cancel: Callable[[], bool] = lambda: False,
) -> Path:
    """The part of a video in `box`, as `crop_picture`, from `start` to `end` (seconds), with its sound.

    progress: called with the frames that are done and how many to expect. cancel: asked before each frame,
    and while another cut of this visitor's is waited for. Cancelled if it says so, and no file is left.
    """
    made = visit.folder / f"driver-{_key(f'{path}{tuple(box)}{start}{end}')}" / f"{path.stem}.mp4"

    def told(*count: Any) -> None:
        visit.cut = count
        progress(*count)

    while not visit.cutting.acquire(timeout=_LOOK):
        _heed(cancel)
        progress(*visit.cut)
    try:
        visit.cut = 0, None
        if not made.exists():
            _heed(cancel)
            made.parent.mkdir(exist_ok=True)
            _cut(path, made, box, (start, end), told, cancel)
    finally:
        visit.cutting.release()
    return made


def _cut(
    path: Path,
    made: Path,
    box: Sequence[float],
    span: tuple[Any, Any],
    progress: Callable[[int, int | None], object],
    cancel: Callable[[], bool],
) -> None:
    with VideoReader(path, *span) as reader:
        part = _part(path, box, reader.size)
        rows, columns = part
        size = columns.stop - columns.start, rows.stop - rows.start
        encoding = Encoding(quality="high")
        with VideoWriter(
            made, size, reader.rate, reader.time_base, encoding=encoding, audio_from=reader
        ) as writer:
            for done, frame in enumerate(reader, 1):
                _heed(cancel)
                image = np.ascontiguousarray(frame.on_white()[part])
                writer.write(Frame(image, frame.pts, frame.time_base))
                progress(done, reader.frames)


def _heed(cancel: Callable[[], bool]) -> None:
    if cancel():
        raise Cancelled("Stopped while the driver was cut", remedy="nothing was rendered")


def first_frame(visit: Visit, video: Path) -> Path:
    """The first frame of a video as a picture in the folder that gradio serves to this visitor."""
    with VideoReader(video) as reader:
        image = next(iter(reader)).on_white()
    folder = visit.public / "frames"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{video.stem[:60]}-{_key(str(video))}.png"
    write_image(image, path)
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
