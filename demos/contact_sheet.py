"""Shows frames of several videos in one picture, such as a driving video and its result.

python demos/contact_sheet.py driving.mp4 output.mp4 -o sheet.png
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from gfla.animate.video import VideoReader


def contact_sheet(videos: Sequence[Path | str], columns: int = 8, height: int = 256) -> np.ndarray:
    """A row for each video, its frames at the same `columns` times, spread evenly over the first video.
    RGB uint8 (len(videos) * height, width, 3)."""
    with VideoReader(videos[0]) as reader:
        times = [frame.seconds for frame in reader]
    times = [times[round(i)] for i in np.linspace(0, len(times) - 1, columns)]
    rows = [_row(video, times, height) for video in videos]
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])


def _row(video: Path | str, times: Sequence, height: int) -> np.ndarray:
    """The frames shown at these times, each `height` high."""
    shown, last = [], None
    with VideoReader(video) as reader:
        for frame in reader:
            while len(shown) < len(times) and frame.seconds >= times[len(shown)]:
                shown.append(_scaled(frame.image, height))
            last = frame.image
    if last is not None:  # a shorter video ends on its last frame
        shown += [_scaled(last, height)] * (len(times) - len(shown))
    return np.concatenate(shown, axis=1)


def _scaled(image: np.ndarray, height: int) -> np.ndarray:
    width = round(image.shape[1] * height / image.shape[0])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def main() -> None:
    parser = argparse.ArgumentParser(description="Frames of several videos at the same times, a row each.")
    parser.add_argument("videos", nargs="+", type=Path, help="a row each; the first gives the times")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the picture to write (.png)")
    options = parser.parse_args()
    sheet = contact_sheet(options.videos)
    options.output.write_bytes(cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes())


if __name__ == "__main__":
    main()
