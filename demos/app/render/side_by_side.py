"""The driver and the animated portrait side by side in one video."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from gfla.animate import InputError
from gfla.animate.io.image import read_image
from gfla.animate.motion.presets import names_motion
from gfla.animate.video import Encoding, Frame, VideoReader, VideoWriter
from gfla.demos.app.ui.images import Image


def side_by_side(
    driving: Path | str, portrait: Path, video: Path, comment: str, start: Fraction | float | None = None
) -> Path:
    """The driver on the left and the animated portrait `video` on the right, with its times and sound, in a
    file beside it, made once. If the driver is a motion, the still portrait is on the left.

    comment: goes into the file's metadata. start: seconds of the driver at which `video` begins.
    """
    target = video.with_name(f"{video.stem}-side-by-side.mp4")
    if target.exists():
        return target
    moves = not names_motion(driving)
    still = None if moves else _still(portrait)
    with (
        VideoReader(video) as made,
        VideoReader(driving if moves else video, start if moves else None) as given,
    ):
        origin = given.origin
        left = iter(given)
        coming: Frame | None = next(left)
        shown = coming.on_white() if still is None else still
        width, height = made.size
        with VideoWriter(
            target,
            (2 * width, height),
            made.rate,
            made.time_base,
            encoding=Encoding(comment=comment),
            audio_from=made,
        ) as writer:
            for frame in made:
                at = frame.seconds - made.zero
                while still is None and coming is not None and coming.seconds - origin <= at:
                    shown, coming = coming.on_white(), next(left, None)
                pair = np.concatenate([_fitted(shown, width, height), frame.on_white()], axis=1)
                writer.write(Frame(pair, frame.pts, frame.time_base))
    return target


def _still(portrait: Path) -> Image:
    try:
        return read_image(portrait)[0]
    except InputError:  # a video: its first frame
        with VideoReader(portrait) as reader:
            return next(iter(reader)).on_white()


def _fitted(image: Image, width: int, height: int) -> Image:
    """The whole picture centred in (height, width, 3), black around it."""
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    inner = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    whole = np.zeros((height, width, 3), np.uint8)
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    whole[y : y + size[1], x : x + size[0]] = inner
    return whole
