"""What fine-tuning on one person gives: learn from the first 80 % of a clip, measure on the last 20 %.

    python -m gfla.train.evaluation.fine_tuning NAME... --data DATASET --out RUNS

NAME is a clip of the dataset, without its ending; its first frame is the portrait. Each gets a folder in RUNS
with a dataset of its two parts, the run, which a second call goes on with, the report and strip.png: truth,
and what the weights make of the portrait, before and after.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...animate import Frame, VideoReader, VideoWriter
from ...animate.cli.options import run_command
from ...animate.inspection.visualize import Picture
from ...animate.io.atomic import part_file
from ...animate.io.image import write_image
from ...models import CONFIGS
from ..config import CONFIGS as SCHEDULES
from ..config import NETWORKS
from ..data.clips import clip_points, find_dataset, perceptual_weights
from ..trainer import Trainer
from .self_reenactment import Evaluation, evaluate

SCHEDULE, WEIGHTS = "face-256-one", "face-256"
SHARE = Fraction(4, 5)
SHOWN = 6  # frames on a strip


class Gain(NamedTuple):
    """One person's means over the last part: {column: value} before, after and of the spline warp, and the
    CPU minutes that the run took in this call."""

    before: dict[str, float]
    after: dict[str, float]
    spline: dict[str, float]
    minutes: float


def fine_tune(
    name: str,
    data: Path,
    out: Path,
    perceptual: Path,
    steps: int | None,
    schedule: str = SCHEDULE,
    weights: str = WEIGHTS,
) -> Gain:
    """Train `weights` on the first part of clip `name` of the dataset `data` and measure on the rest."""
    parts = split_clip(data, name, out / "dataset")
    config = SCHEDULES[schedule]
    config = config if steps is None else config.scaled(steps)
    network = CONFIGS[NETWORKS[schedule]]
    trainer = Trainer(network, config, parts, out / "run", perceptual, "cpu")
    if trainer.checkpoint.exists():
        trainer.resume()
    else:
        trainer.start_from(weights)
    begin = time.process_time()
    trainer.train()
    minutes = (time.process_time() - begin) / 60
    found = evaluate(
        parts, perceptual, out / "report", str(out / "run" / "generator.safetensors"), (weights,)
    )
    write_image(_strip(found, out / "report", Path(weights).stem), out / "strip.png")
    ((_, before),) = found.scores[f"against {Path(weights).stem}"].items()
    ((_, after),), ((_, spline),) = (found.scores[way].items() for way in ("ours", "spline"))
    return Gain(before, after, spline, minutes)


def split_clip(data: Path, name: str, folder: Path) -> Path:
    """A dataset in `folder` whose train is the first part of a clip; its val is the clip's first frame, which
    `evaluate` takes for the portrait, and the last part."""
    clip = data / "clips" / f"{name}.mp4"
    if not clip.is_file():
        raise ValueError(f"{clip} is not there; name a clip of {data}.")
    index = folder / "index.csv"
    if index.is_file():
        return folder
    points = clip_points(clip)
    first = int(len(points) * SHARE)
    parts = {"train": range(first), "val": (0, *range(first, len(points)))}
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    for split, numbers in parts.items():
        part = folder / "clips" / f"{name}-{split}.mp4"
        with VideoReader(clip) as reader:
            tick, wanted = 1 / reader.rate, set(numbers)
            kept = (frame for number, frame in enumerate(reader) if number in wanted)
            with VideoWriter(part, reader.size, reader.rate, tick, overwrite=True) as writer:
                for number, frame in enumerate(kept):
                    writer.write(Frame(frame.image, number, tick))
        np.savez_compressed(part.with_suffix(".npz"), lmk68=points[list(numbers)])
    partial = part_file(index)
    with partial.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file", "split", "identity", "kind"))
        table.writerows((f"clips/{name}-{split}.mp4", split, name, "clip") for split in parts)
    partial.replace(index)
    return folder


def table(gains: dict[str, Gain]) -> str:
    """A Markdown row a person."""
    lines = ["| | perceptual distance | L1 | spline, perceptual | CPU minutes now |", "|---" * 5 + "|"]
    for name, gain in gains.items():
        before, after = gain.before["perceptual"], gain.after["perceptual"]
        lines.append(
            f"| {name} | {before:.3f} to {after:.3f} ({100 * (after / before - 1):+.1f} %) "
            f"| {gain.before['l1']:.4f} to {gain.after['l1']:.4f} "
            f"| {gain.spline['perceptual']:.3f} | {gain.minutes:.1f} |"
        )
    return "\n".join(lines)


def _strip(found: Evaluation, report: Path, weights: str) -> Picture:
    """Three rows of frames spread over the part: the truth, before, after."""
    (name,) = found.pictures
    rows = []
    for way in ("true", f"against-{weights}", "ours"):
        with VideoReader(report / f"{name}.{way}.mp4") as reader:
            frames = [frame.image for frame in reader]
        places = np.linspace(1, len(frames) - 1, SHOWN).round().astype(int)
        rows.append(np.hstack([frames[place] for place in places]))
    return np.vstack(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gfla.train.evaluation.fine_tuning",
        description="Fine-tune on the first 80 % of clips, one by one; measure on the rest of each.",
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="clips of the dataset, without .mp4")
    parser.add_argument("--data", type=Path, help="the dataset (default: GFLA_DATA)")
    parser.add_argument("--out", type=Path, required=True, metavar="RUNS", help="folder of the runs")
    parser.add_argument("--steps", type=int, help="length of each run (default: the schedule's)")
    parser.add_argument("--perceptual", type=Path, help="SqueezeNet 1.0 (default: beside the dataset)")
    options = parser.parse_args(arguments)

    def work() -> None:
        data = find_dataset(options.data)
        perceptual = options.perceptual or perceptual_weights(data)
        gains = {
            name: fine_tune(name, data, options.out / name, perceptual, options.steps)
            for name in options.names
        }
        print(table(gains))

    return run_command("fine_tuning", work)


if __name__ == "__main__":
    sys.exit(main())
