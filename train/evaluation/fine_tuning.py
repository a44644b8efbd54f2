"""The gain of fine-tuning on one person: train on the first 80 % of a clip, measure on the last 20 %.

    python -m gfla.train.evaluation.fine_tuning NAME... --data DATASET --out RUNS

NAME is a clip of the dataset, without its suffix; its first frame is the portrait. Each clip gets a folder in
RUNS with a dataset of its two parts, the run (continued by a second call), the report and strip.png: the
truth, and the portrait animated before and after.
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
from ...animate.errors import InputError
from ...animate.inspection.visualize import Picture
from ...animate.io.atomic import atomic_file
from ...animate.io.image import write_image
from ...models import CONFIGS
from ..config import CONFIGS as SCHEDULES
from ..config import NETWORKS
from ..data.clips import clip_points, find_dataset, perceptual_weights
from ..trainer import Trainer
from .self_reenactment import Evaluation, evaluate

SCHEDULE, WEIGHTS = "face-256-one", "face-256"
TRAINED = Fraction(4, 5)  # of the clip
SHOWN = 6  # frames on a strip


class Gain(NamedTuple):
    """One person's means over the last part: {column: value} before and after training and for the spline
    warp, and the CPU minutes of this call's training."""

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
    ((_, after),), ((_, spline),) = (found.scores[method].items() for method in ("ours", "spline"))
    return Gain(before, after, spline, minutes)


def split_clip(data: Path, name: str, folder: Path) -> Path:
    """Make a dataset in `folder` from a clip: split train is its first part; split val is its first frame,
    the portrait for `evaluate`, and its last part."""
    clip = data / "clips" / f"{name}.mp4"
    if not clip.is_file():
        raise InputError(clip, "no such clip", f"name a clip of {data}")
    index = folder / "index.csv"
    if index.is_file():
        return folder
    points = clip_points(clip)
    first = int(len(points) * TRAINED)
    parts = {"train": range(first), "val": (0, *range(first, len(points)))}
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    for split, numbers in parts.items():
        part = folder / "clips" / f"{name}-{split}.mp4"
        with VideoReader(clip) as reader:
            tick, chosen = 1 / reader.rate, set(numbers)
            frames = (frame for number, frame in enumerate(reader) if number in chosen)
            with VideoWriter(part, reader.size, reader.rate, tick, overwrite=True) as writer:
                for number, frame in enumerate(frames):
                    writer.write(Frame(frame.image, number, tick))
        np.savez_compressed(part.with_suffix(".npz"), lmk68=points[list(numbers)])
    with atomic_file(index) as part, part.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file", "split", "identity", "kind"))
        table.writerows((f"clips/{name}-{split}.mp4", split, name, "clip") for split in parts)
    return folder


def table(gains: dict[str, Gain]) -> str:
    """A Markdown table, a row per person."""
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
    for method in ("true", f"against-{weights}", "ours"):
        with VideoReader(report / f"{name}.{method}.mp4") as reader:
            frames = [frame.image for frame in reader]
        places = np.linspace(1, len(frames) - 1, SHOWN).round().astype(int)
        rows.append(np.hstack([frames[place] for place in places]))
    return np.vstack(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gfla.train.evaluation.fine_tuning",
        description="Fine-tune on the first 80 % of each clip; measure on the rest.",
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
