"""Self-reenactment of people the model has never seen, through the very files that gfla-animate writes.

Source = a clip's first frame, driving = the clip, motion = copy. Compared on every tenth of the first 300
frames, the first left out; means over clips of means over frames. Every definition is in `metrics`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from tqdm import tqdm

from ..animate import Animator, VideoReader, VideoWriter
from ..animate.animator import Guidance
from ..animate.landmarks import Landmarker, load_landmarker
from ..models.ops import warp
from ..models.prior import spline_flow
from . import metrics
from .data import Clip, find_dataset, load_clips, perceptual_weights
from .perceptual import PerceptualFeatures

FRAMES, EVERY = 300, 10
COLUMNS = ("l1", "psnr", "ssim", "perceptual", "shifted", "sharpness", "akd")
Picture = NDArray[np.uint8]


def evaluate(data: Path, perceptual: Path, out: Path, weights: str, split: str = "val") -> dict[str, dict]:
    """Every method on every clip: {method: {clip: {column: mean over frames}}}. Writes results.json and
    sheet.png (a row a clip: source, true, spline, ours, edges) to `out`."""
    clips = load_clips(data, split, out / "frames")
    features = PerceptualFeatures(perceptual)
    animator = Animator.from_pretrained(weights, device="cpu")
    finder = load_landmarker("builtin")
    results: dict[str, dict] = {}
    rows = []
    for clip in tqdm(clips, unit="clip"):
        source, driving = out / f"{clip.name}.png", data / "clips" / f"{clip.name}.mp4"
        PillowImage.fromarray(np.array(clip.frames[0])).save(source)
        places = _truth_places(clip, finder)
        shown: dict[str, Picture] = {}
        for method, frames in _methods(animator, clip, source, driving, out):
            scores = []
            for index, picture in frames:
                truth = np.array(clip.frames[index])
                scores.append(_score(picture, truth, clip.points[index], places[index], features, finder))
                shown[method] = picture
            results.setdefault(method, {})[clip.name] = dict(
                zip(COLUMNS, np.mean(scores, axis=0).tolist(), strict=True)
            )
        last = max(places)
        rows.append(
            np.hstack([clip.frames[0], clip.frames[last], *(shown[m] for m in ("spline", "ours", "edges"))])
        )
        (out / "results.json").write_text(json.dumps(results, indent=1))
    PillowImage.fromarray(np.vstack(rows)).save(out / "sheet.png")
    return results


def table(results: dict[str, dict]) -> str:
    """Means over clips, a Markdown row a method, and how ours stands to the spline warp clip by clip."""
    lines = ["| | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for method, clips in results.items():
        means = [np.mean([scores[column] for scores in clips.values()]) for column in COLUMNS]
        lines.append(f"| {method} | " + " | ".join(f"{mean:.4f}" for mean in means) + " |")
    ratios = {
        name: scores["perceptual"] / results["spline"][name]["perceptual"]
        for name, scores in results["ours"].items()
    }
    worst = max(ratios, key=ratios.__getitem__)
    lines.append(
        f"\nOurs over spline, perceptual, clip by clip: mean {np.mean(list(ratios.values())):.3f}, "
        f"worst {ratios[worst]:.3f} ({worst})."
    )
    return "\n".join(lines)


def _methods(
    animator: Animator, clip: Clip, source: Path, driving: Path, out: Path
) -> Iterator[tuple[str, Iterator[tuple[int, Picture]]]]:
    chosen = range(EVERY, min(FRAMES, len(clip.points)), EVERY)
    yield "copy", ((i, np.array(clip.frames[0])) for i in chosen)
    yield "spline", ((i, _spline_warp(clip, i)) for i in chosen)
    yield "re-encoded", _chosen(_reencode(driving, out / f"{clip.name}.true.mp4"), chosen)
    config = animator.generator.config
    ways: tuple[tuple[str, int, Guidance], ...] = (
        ("ours", config.previous, "landmarks"),
        ("no previous", 0, "landmarks"),
        ("edges", config.previous, "edges"),
    )
    for method, previous, guidance in ways:
        animator.generator.config = replace(config, previous=previous)
        path = out / f"{clip.name}.{method.replace(' ', '-')}.mp4"
        animator.render(
            source, driving, path, motion="copy", guidance=guidance, end=FRAMES / 25, overwrite=True
        )
        animator.generator.config = config
        yield method, _chosen(path, chosen)


def _chosen(path: Path, chosen: range) -> Iterator[tuple[int, Picture]]:
    with VideoReader(path) as reader:
        for index, frame in enumerate(reader):
            if index in chosen:
                yield index, frame.image


def _reencode(driving: Path, path: Path) -> Path:
    with (
        VideoReader(driving) as reader,
        VideoWriter(path, reader.size, reader.rate, reader.time_base, overwrite=True) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    return path


def _spline_warp(clip: Clip, index: int) -> Picture:
    """The first frame under the thin-plate spline of the clip's own landmarks: no network."""
    image = torch.from_numpy(np.array(clip.frames[0])).permute(2, 0, 1)[None].float()
    first, target = (torch.from_numpy(clip.points[i])[None] for i in (0, index))
    moved = warp(image, spline_flow(target, first[:, None], image.shape[-1], stride=1)[:, 0])
    return moved[0].round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


def _truth_places(clip: Clip, finder: Landmarker) -> dict[int, NDArray]:
    """The finder's points on the true frames that are compared."""
    places = {}
    for index in range(EVERY, min(FRAMES, len(clip.points)), EVERY):
        found = finder.follow(np.array(clip.frames[index]), None)
        places[index] = found.points if found else clip.points[index]
    return places


def _score(
    picture: Picture, truth: Picture, points, places, features, finder: Landmarker
) -> tuple[float, ...]:
    found = finder.follow(picture, None)
    missed = cv2.norm(places.min(0) - places.max(0))  # a face lost altogether counts as a face's size
    return (
        metrics.l1(picture, truth),
        metrics.psnr(picture, truth),
        metrics.ssim(picture, truth),
        metrics.perceptual(picture, truth, features),
        metrics.perceptual_shifted(picture, truth, features),
        metrics.sharpness(picture, points) / metrics.sharpness(truth, points),
        metrics.landmark_distance(found.points, places) if found else float(missed),
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="gfla-evaluate", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with index.csv (default: GFLA_DATA)")
    parser.add_argument("--out", type=Path, required=True, help="folder for results, videos and pictures")
    parser.add_argument("--weights", default="face-256", help="a shipped name or a weights file")
    parser.add_argument("--perceptual", type=Path, help="SqueezeNet 1.0 weights (default: beside the data)")
    options = parser.parse_args(arguments)
    try:
        data = find_dataset(options.data)
        options.out.mkdir(parents=True, exist_ok=True)
        perceptual = options.perceptual or perceptual_weights(data)
        print(table(evaluate(data, perceptual, options.out, options.weights)))
    except ValueError as error:
        print(f"gfla-evaluate: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
