"""What the batch tests run in processes of their own: a tiny generator, drawn heads, a script to be killed.

    python batch_stub.py FOLDER WORKERS [RAY-ADDRESS]

makes the jobs of FOLDER (see `write_batch`), resuming, and prints a line for every frame and every end.
"""

import sys
from pathlib import Path

import numpy as np
from gfla.animate.batch.tasks import BatchOptions, Event
from gfla.animate.streaming.job import Job

LENGTH = 8
"""Frames a segment."""


def load(**_: object):
    """An animator of drawn heads by random weights, the same in every process."""
    import torch
    from conftest import DiscLandmarker
    from gfla.animate import Animator
    from gfla.models import CONFIGS, Generator

    torch.manual_seed(0)
    return Animator(Generator(CONFIGS["face-tiny"]), DiscLandmarker(), name="face-tiny")


def die(**_: object):
    """A loader that takes its process with it."""
    import os

    os._exit(3)


def write_batch(folder: Path, sources: int, drivers: int, frames: int) -> list[Job]:
    """Portraits and driving videos in `folder`, and a job for each pair; the driver of each is seen twice and
    more."""
    from conftest import head_picture, write_video
    from PIL import Image

    (folder / "out").mkdir(parents=True)
    for index in range(sources):
        Image.fromarray(head_picture(3 * index, 128 + 16 * index, 112)).save(folder / f"source-{index}.png")
    for index in range(drivers):
        write_video(
            folder / f"driver-{index}.mp4",
            pts=range(frames - index),
            size=(96, 96),
            sound="aac",
            picture=lambda at, width, height, first=10 * index: head_picture(first + at, width, height),
        )
    return jobs_in(folder)


def jobs_in(folder: Path) -> list[Job]:
    return [
        Job(source, driver, folder / "out" / f"{source.stem}--{driver.stem}.mp4")
        for source in sorted(folder.glob("source-*.png"))
        for driver in sorted(folder.glob("driver-*.mp4"))
    ]


def decoded(folder: Path) -> dict[str, list[tuple[object, np.ndarray]]]:
    """Times and pictures of every output, by name."""
    import av

    found = {}
    for path in sorted((folder / "out").iterdir()):
        with av.open(str(path)) as container:
            found[path.name] = [(f.time, f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    return found


def same(one: dict, two: dict) -> bool:
    """Whether all outputs are there and equal, frame by frame."""
    return one.keys() == two.keys() and all(
        len(one[name]) == len(two[name])
        and all(s == t and np.array_equal(a, b) for (s, a), (t, b) in zip(one[name], two[name], strict=True))
        for name in one
    )


def main() -> None:
    from gfla.animate.batch.scheduler import render_batch

    folder, workers = Path(sys.argv[1]), int(sys.argv[2])

    def tell(event: Event) -> None:
        print(event.kind, event.key, event.frames, event.host, event.note or "", flush=True)

    address = sys.argv[3] if len(sys.argv) > 3 else None
    options = BatchOptions(workers=workers, resume=True, ray=address, load=load, length=LENGTH)
    report = render_batch(jobs_in(folder), folder / "batch", options, tell)
    print(f"report {len(report.done)} {len(report.earlier)} {len(report.failed)}", flush=True)


if __name__ == "__main__":
    main()
