"""What each part of the face animation brings: the shipped weights with one part left out, on clips of val.

    python -m gfla.train.ablation.parts --data DATA

The source is a clip's first frame, the driving video the clip's first seconds, the motion "copy". Nothing is
trained anew: the figures say what a part does for these weights, not what others would learn without it.

    whole         everything
    no previous   every frame is generated as a first one
    no close-ups  mouth and eyes as the whole picture shows them
    no plate      the portrait moves as one picture, without layers
    no head       neither layers nor the head as one body: the picture's border stays
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ...animate import Animator, Frame, VideoReader
from ...animate.cli.options import run_command
from ...animate.options import AnimateOptions, MotionOptions
from ...models import Generator
from ..data.clips import find_dataset, perceptual_weights, read_table
from ..evaluation import metrics
from ..evaluation.self_reenactment import Memoryless
from ..losses.perceptual import PerceptualFeatures

COLUMNS = ("l1", "perceptual", *metrics.BOXES, "sharpness")
EVERY = 10


def _generator(animator: Animator) -> Generator:
    generator = animator.networks.generator
    assert isinstance(generator, Generator), "only our own generators have these parts"
    return generator


def _no_previous(animator: Animator) -> None:
    networks = animator.networks
    animator.networks = Memoryless(
        networks.generator, networks.landmarker, networks.device, networks.closeups
    )


def _no_closeups(animator: Animator) -> None:
    animator.networks.closeups = None


def _no_plate(animator: Animator) -> None:
    generator = _generator(animator)
    encode = generator.encode_reference
    generator.encode_reference = lambda *given: encode(*given[:3])  # type: ignore[method-assign]


def _no_head(animator: Animator) -> None:
    generator = _generator(animator)
    generator.config = replace(generator.config, layered=False)


PARTS: dict[str, Callable[[Animator], None]] = {
    "whole": lambda _: None,
    "no previous": _no_previous,
    "no close-ups": _no_closeups,
    "no plate": _no_plate,
    "no head": _no_head,
}
"""What leaves each part out of an animator that is used for nothing else."""


def score(
    animator: Animator, clip: Path, seconds: float, features: PerceptualFeatures | None
) -> NDArray[np.float64]:
    """(N, C) scores by COLUMNS of every tenth frame of a clip that drives its own first frame, but not of
    that one; NaN for what needs a SqueezeNet and has none."""
    points = np.load(clip.with_suffix(".npz"))["lmk68"]
    options, rows = AnimateOptions(motion=MotionOptions("copy"), crop_only=True), []
    with _frames(clip, seconds) as frames:
        first = next(frames)
        state = animator.prepare(first.image, options)
        _, state = animator.step(first, state)
        for index, truth in enumerate(frames, 1):
            shown, state = animator.step(truth, state)
            if index % EVERY == 0:
                rows.append(_compare(shown.image, truth.image, points[index], features))
    return np.array(rows).reshape(-1, len(COLUMNS))


def _compare(
    shown: NDArray[np.uint8], truth: NDArray[np.uint8], points: NDArray, features: PerceptualFeatures | None
) -> list[float]:
    boxes = [metrics.box(points, len(truth), name) for name in metrics.BOXES]
    seen = [np.nan] * (1 + len(boxes))
    if features:
        near = (metrics.perceptual_box(shown, truth, box, features) for box in boxes)
        seen = [metrics.perceptual(shown, truth, features), *near]
    return [metrics.l1(shown, truth), *seen, metrics.sharpness_ratio(shown, truth, points)]


@contextmanager
def _frames(clip: Path, seconds: float) -> Iterator[Iterator[Frame]]:
    with VideoReader(clip, end=seconds) as reader:
        yield iter(reader)


def table(scores: dict[str, NDArray[np.float64]]) -> str:
    """Means over clips as Markdown; `scores`: (clips, C) by part."""
    lines = ["| | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for part, each in scores.items():
        lines.append(f"| {part} | " + " | ".join(f"{value:.4f}" for value in each.mean(0)) + " |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gfla.train.ablation.parts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="folder with index.csv (default: GFLA_DATA)")
    parser.add_argument("--weights", default="face-256", help="a shipped name or a weights file")
    parser.add_argument("--perceptual", type=Path, help="a SqueezeNet 1.0 (default: beside the data)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each clip")
    parser.add_argument("--clips", type=int, help="so many of them alone")
    options = parser.parse_args(arguments)

    def run() -> None:
        data = find_dataset(options.data)
        listed = read_table(data / "index.csv", ("file", "split", "kind"))
        rows = [row for _, row in listed if row["split"] == "val" and row["kind"] == "clip"]
        clips = [data / row["file"] for row in rows][: options.clips]
        weights = options.perceptual or perceptual_weights(data)
        features = PerceptualFeatures(weights) if options.perceptual or weights.is_file() else None
        scores = {}
        for part, leave_out in PARTS.items():
            animator = Animator.from_pretrained(options.weights, device="cpu", backend="torch")
            leave_out(animator)
            each = [score(animator, clip, options.seconds, features).mean(0) for clip in tqdm(clips, part)]
            scores[part] = np.stack(each)
        print(table(scores))

    return run_command(parser.prog, run)


if __name__ == "__main__":
    sys.exit(main())
