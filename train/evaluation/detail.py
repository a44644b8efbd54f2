"""Large portraits with and without the source's own detail, compared with the truth.

The source is the first frame's face crop, the driving video the clip, the motion "copy", on uncropped
originals whose face crop has 512 or 768 pixels. A few frames spread over each clip are compared, each drawn
after the frame before it, so that the network has its memory; scores are means over frames.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from ...animate import Animator, Frame, VideoReader
from ...animate.cli.options import run_command
from ...animate.compositing.detail import finish
from ...animate.errors import InputError
from ...animate.face.crop import paste
from ...animate.options import AnimateOptions, MotionOptions
from ..data.clips import find_dataset, perceptual_weights
from ..losses.perceptual import PerceptualFeatures
from . import metrics

SIZES = {512: 500, 768: 770}
"""By output size: the smallest side of a clip's face crop in the original, pixels."""
COLUMNS = ("perceptual", "sharpness", "l1")
Picture = NDArray[np.uint8]
Scores = dict[str, tuple[float, ...]]


def evaluate(
    data: Path, raw: Path, perceptual: Path, out: Path, weights: str, frames: int
) -> dict[tuple[int, str], Scores]:
    """{(size, clip): {method: scores in the order of COLUMNS}}, each a mean over `frames` frames; sharpness
    is relative to the true frame's. `out` gets a sheet per frame: source, true, bicubic, without detail,
    with."""
    features = PerceptualFeatures(perceptual)
    animator = Animator.from_pretrained(weights, device="cpu", backend="torch")
    results: dict[tuple[int, str], Scores] = {}
    for size, least in SIZES.items():
        for name, original, square in _large(data, raw, least):
            pictures = _read(original, square, size, frames)
            source = pictures[0][1].image
            state = animator.prepare(source, AnimateOptions(motion=MotionOptions("copy")))
            portrait = state.portrait
            scores: dict[str, list[tuple[float, ...]]] = {}
            for number, (before, now) in enumerate(pictures[1:]):
                _, after = animator.step(before, state)
                with_detail, after = animator.step(now, after)
                assert after.landmarks is not None, f"{name}: the tracker lost the face"
                assert after.drawing is not None
                bicubic = cv2.resize(after.drawing.face, (size, size), interpolation=cv2.INTER_CUBIC)
                soft = finish(after.drawing, portrait.canvas, 0)
                shown = {
                    "bicubic": np.asarray(bicubic),
                    "without": paste(portrait.image, soft, portrait.square),
                    "with": with_detail.image,
                }
                for method, picture in shown.items():
                    score = _score(picture, now.image, after.landmarks.points, features)
                    scores.setdefault(method, []).append(score)
                sheet = np.hstack([source, now.image, *shown.values()])
                PillowImage.fromarray(sheet).save(out / f"{size}-{name}-{number}.png")
            means = {m: tuple(np.mean(s, axis=0).tolist()) for m, s in scores.items()}
            results[size, name] = means
    return results


def table(results: dict[tuple[int, str], Scores]) -> str:
    """A Markdown row for each size, clip and method, and the means of each size."""
    lines = ["| size | clip | method | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 3) + "|"]
    for size in sorted({size for size, _ in results}):
        clips = {name: scores for (at, name), scores in results.items() if at == size}
        methods = list(next(iter(clips.values())))
        clips["mean"] = {
            m: tuple(np.mean([scores[m] for scores in clips.values()], axis=0).tolist()) for m in methods
        }
        for name, scores in clips.items():
            for method, values in scores.items():
                numbers = " | ".join(f"{value:.4f}" for value in values)
                lines.append(f"| {size} | {name} | {method} | {numbers} |")
    return "\n".join(lines)


def _large(data: Path, raw: Path, least: int) -> Iterator[tuple[str, Path, tuple[int, int, int]]]:
    """(name, original, (x, y, side)) of the val clips whose crop in the original has that side or more."""
    with open(data / "index.csv", newline="") as lines:
        for row in csv.DictReader(lines):
            x, y, side = (round(float(row[key] or 0)) for key in ("crop_x", "crop_y", "crop_side"))
            name = Path(row["file"]).stem.rpartition("_")[0]
            original = raw / f"{name}.mp4"
            if row["kind"] == "clip" and side >= least and original.is_file():
                yield name, original, (x, y, side)


def _read(path: Path, square: tuple[int, int, int], size: int, count: int) -> list[tuple[Frame, Frame]]:
    """The first frame twice, then `count` frames spread over the video, each with the frame before it."""
    x, y, side = square
    with VideoReader(path) as reader:
        total = sum(1 for _ in reader)
    chosen = [0, *(round(total * (i + 1) / (count + 1)) for i in range(count))]
    pairs, before = [], None
    with VideoReader(path) as reader:
        for index, frame in enumerate(reader):
            if index in chosen or index + 1 in chosen:
                cut = frame.image[y : y + side, x : x + side]
                interpolation = cv2.INTER_AREA if size < side else cv2.INTER_CUBIC
                resized = cv2.resize(cut, (size, size), interpolation=interpolation)
                now = replace(frame, image=np.asarray(resized))
                if index in chosen:
                    pairs.append((before or now, now))
                before = now
    return pairs


def _score(picture: Picture, truth: Picture, points, features: PerceptualFeatures) -> tuple[float, ...]:
    return (
        metrics.perceptual(picture, truth, features),
        metrics.sharpness_ratio(picture, truth, points),
        metrics.l1(picture, truth),
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gfla.train.evaluation.detail", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with index.csv (default: GFLA_DATA)")
    parser.add_argument("--raw", type=Path, help="folder of the originals (default: raw_val beside it)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--weights", default="face-256", help="a shipped name or a weights file")
    parser.add_argument("--perceptual", type=Path, help="SqueezeNet 1.0 weights (default: beside the data)")
    parser.add_argument("--frames", type=int, default=6, help="frames per clip (default: %(default)s)")
    options = parser.parse_args(arguments)

    def work() -> None:
        data = find_dataset(options.data)
        options.out.mkdir(parents=True, exist_ok=True)
        perceptual = options.perceptual or perceptual_weights(data)
        raw = options.raw or data.parent / "raw_val"
        results = evaluate(data, raw, perceptual, options.out, options.weights, options.frames)
        if not results:
            raise InputError(raw, f"no original with a face crop of {min(SIZES.values())} pixels")
        print(table(results))

    return run_command("detail", work)


if __name__ == "__main__":
    sys.exit(main())
