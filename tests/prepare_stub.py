"""What the tests of gfla-prepare run in processes of their own: drawn footage, a script to be killed.

    python prepare_stub.py FOLDER JOBS [RAY-ADDRESS]

prepares FOLDER/footage as FOLDER/set and prints a line for every video.
"""

import csv
import sys
from pathlib import Path

from gfla.train.data.prepare.options import PrepareOptions
from gfla.train.data.prepare.run import prepare


def load():
    from conftest import DiscLandmarker

    return DiscLandmarker()


def die():
    """A loader that takes its process with it."""
    import os

    os._exit(3)


def write_footage(folder: Path, videos: int, frames: int = 30) -> None:
    """Videos of drawn heads, each of another length, and one without a face."""
    from conftest import grey_picture, head_picture, write_video

    (folder / "footage").mkdir(parents=True)
    for index in range(videos):
        write_video(
            folder / "footage" / f"p{index:02d}.mp4",
            pts=range(frames + index),
            size=(128, 128),
            picture=lambda at, width, height, first=7 * index: head_picture(first + at, width, height),
        )
    write_video(folder / "footage" / "room.mp4", pts=range(40), size=(128, 128), picture=grey_picture)


def dataset(folder: Path) -> dict[str, list[str]]:
    """The index without its order in the ledger: every row by file."""
    with (folder / "set" / "index.csv").open(newline="") as file:
        return {row["file"]: list(row.values()) for row in csv.DictReader(file)}


def main() -> None:
    folder, jobs = Path(sys.argv[1]), int(sys.argv[2])
    ray = sys.argv[3] if len(sys.argv) > 3 else None
    report = prepare(
        [folder / "footage"],
        folder / "set",
        PrepareOptions(size=64),
        load,
        jobs=jobs,
        ray=ray,
        say=lambda line: print(line, flush=True),
    )
    print("report", report["clips"], report["videos_with_clips"], report["videos"], flush=True)


if __name__ == "__main__":
    main()
