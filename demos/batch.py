"""Animate every portrait of a folder by every video of another: python -m gfla.demos.batch FACES VIDEOS OUT.

Run again after an interruption, it finishes what is missing.
"""

import sys
from pathlib import Path

from gfla.animate.batch.scheduler import render_batch
from gfla.animate.batch.tasks import BatchOptions, Event
from gfla.animate.options import AnimateOptions
from gfla.animate.streaming.job import Job


def main(portraits: str, videos: str, out: str) -> int:
    """Returns how many jobs failed."""
    Path(out).mkdir(exist_ok=True)
    jobs = [
        Job(portrait, video, Path(out) / f"{portrait.stem}-{video.stem}.mp4", AnimateOptions(label=True))
        for portrait in sorted(Path(portraits).iterdir())
        for video in sorted(Path(videos).iterdir())
    ]
    report = render_batch(jobs, Path(out) / "batch", BatchOptions(workers=2, resume=True), tell)
    for job, error in report.failed:
        print(f"{job.output}: {error}")
    return len(report.failed)


def tell(event: Event) -> None:
    if event.kind == "progress":
        print(f"{event.key}: frame {event.frames} of {event.expected}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    raise SystemExit(main(*sys.argv[1:]))
