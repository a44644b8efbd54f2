"""What each idea of the face generator is worth: trained without it from one flow checkpoint, scored on val.

    python -m gfla.train.ablate_faces --data DATA --out runs/faces

A seed's flow stage is trained once, with everything; each variant starts from what of it fits its own layers.
Runs that are there are not trained again, and a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..animate.files import part_file
from ..animate.pictures import as_picture
from ..animate.structure import structure_map
from ..models import CONFIGS, Generator, GeneratorConfig, GeneratorMemory
from ..models.variants import NoPrior, Paper, SummedBlends
from . import metrics
from .cli import run_command
from .config import FACE, TrainConfig
from .data import Clip, find_dataset, load_clips, perceptual_weights
from .distances import PooledFeatures, frechet_distance
from .pair_table import Result, write_table
from .perceptual import PerceptualFeatures
from .trainer import Trainer

CHUNK, FRAMES, EVERY = 6, 120, 5


@dataclass(frozen=True, kw_only=True)
class FaceVariant:
    """One row: the generator's class, and which of its settings and of the stages' weights are other."""

    name: str
    build: Callable[[GeneratorConfig], Generator] = Generator
    network: dict[str, Any] | None = None
    weights: dict[str, float] | None = None
    sees: bool = True
    """Whether a perceptual network judges."""


VARIANTS = (
    FaceVariant(name="Ours"),
    FaceVariant(name="No spline prior", build=NoPrior),
    FaceVariant(name="No warped-source skip", build=Paper),
    FaceVariant(name="Summed blends", build=SummedBlends),
    FaceVariant(name="No previous frames", network={"previous": 0}),
    FaceVariant(name="No temporal discriminator", weights={"temporal": 0.0}),
    FaceVariant(name="No perceptual loss", sees=False),
)


class FaceScores(NamedTuple):
    """Means over the compared frames of val's clips; `frechet` of SqueezeNet's features, `residual` the error
    of changes between frames (`metrics.residual_error`) times 1,000."""

    perceptual: float
    frechet: float
    ssim: float
    l1: float
    residual: float


def ablate_faces(
    data: Path, out: Path, perceptual: Path, schedule: TrainConfig, network: GeneratorConfig, seeds: int
) -> str:
    """Train and score every variant with every seed; writes `out`/table.md and returns it."""
    results = []
    for seed in range(seeds):
        flow = replace(schedule, seed=seed, stages=tuple(s for s in schedule.stages if s.flow_only))
        first = _trained(VARIANTS[0], flow, network, data, out / f"flow.{seed}", perceptual, None)
        for variant in VARIANTS:
            own = replace(schedule.without_flow(), seed=seed)
            if variant.weights:
                own = replace(own, stages=tuple(replace(s, **variant.weights) for s in own.stages))
            folder = out / f"{variant.name.lower().replace(' ', '-')}.{seed}"
            config = replace(network, **(variant.network or {}))
            sight = perceptual if variant.sees else None
            trainer = _trained(variant, own, config, data, folder, sight, first.average)
            scores = _scored(trainer.average, data, folder, trainer.step, PerceptualFeatures(perceptual))
            parameters = sum(parameter.numel() for parameter in trainer.average.parameters())
            results.append(Result(variant.name, seed, trainer.step, parameters, scores))
    return write_table(out / "table.md", [(v.name, {}) for v in VARIANTS], results)


def _trained(
    variant: FaceVariant,
    schedule: TrainConfig,
    network: GeneratorConfig,
    data: Path,
    folder: Path,
    perceptual: Path | None,
    start: torch.nn.Module | None,
) -> Trainer:
    trainer = Trainer(network, schedule, data, folder, perceptual, "cpu", build=variant.build)
    if start is not None:
        for module in (trainer.generator, trainer.average):
            known = module.state_dict()
            fits = {k: v for k, v in start.state_dict().items() if k in known and v.shape == known[k].shape}
            module.load_state_dict(known | fits)
    trainer.resume()
    trainer.train()
    return trainer


def _scored(generator: Any, data: Path, folder: Path, step: int, features: PerceptualFeatures) -> FaceScores:
    """The scores of a run, kept in its folder."""
    file = folder / f"scores.{step}.json"
    if not file.is_file():
        scores = score_faces(generator, load_clips(data, "val", folder.parent / "val"), features)
        part = part_file(file)
        part.write_text(json.dumps(scores._asdict()))
        part.replace(file)
    return FaceScores(**json.loads(file.read_text()))


@torch.inference_mode()
def score_faces(generator: Any, clips: list[Clip], features: PerceptualFeatures) -> FaceScores:
    """Self-reenactment: each clip's first frame, moved by the clip's own landmarks, against its frames."""
    generator.eval()
    pooled, rows, residuals = PooledFeatures(features), [], []
    made, true = [], []
    for clip in tqdm(clips, unit="clip", desc="scoring"):
        moving = set(clip.moving.tolist())
        before: tuple[np.ndarray, np.ndarray] | None = None
        for index, (picture, truth) in enumerate(_reenacted(generator, clip)):
            if before is not None and index in moving:
                residuals.append(metrics.residual_error((before[0], picture), (before[1], truth)))
            before = (picture, truth)
            if index % EVERY == EVERY - 1:
                made.append(pooled.features(picture))
                true.append(pooled.features(truth))
                seen = metrics.perceptual(picture, truth, features)
                rows.append((seen, metrics.ssim(picture, truth), metrics.l1(picture, truth)))
    seen, ssim, l1 = np.mean(rows, axis=0).tolist()
    frechet = frechet_distance(np.stack(made), np.stack(true))
    return FaceScores(seen, frechet, ssim, l1, 1000 * float(np.mean(residuals or [0.0])))


def _reenacted(generator: Any, clip: Clip):
    """(output, truth) of the clip's first `FRAMES`, uint8 at the generator's size."""
    size = generator.config.size
    share = size / clip.frames.shape[1]
    count = min(FRAMES, len(clip.points))
    frames = [cv2.resize(clip.frames[i], (size, size), interpolation=cv2.INTER_AREA) for i in range(count)]
    points = torch.from_numpy((clip.points[:count] + 0.5) * share - 0.5)
    drawn = structure_map(points, size)
    source = torch.from_numpy(frames[0]).permute(2, 0, 1)[None].float() / 127.5 - 1
    reference = generator.encode_reference(source, drawn[:1], points[:1])
    memory = GeneratorMemory()
    for begin in range(0, count, CHUNK):
        part: tuple[Tensor, Tensor] = (
            drawn[None, begin : begin + CHUNK],
            points[None, begin : begin + CHUNK],
        )
        outputs, memory = generator.animate(*part, reference, memory)
        for output, truth in zip(outputs, frames[begin : begin + CHUNK], strict=True):
            yield as_picture(output.image[0]), truth


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gfla.train.ablate_faces",
        description="Train faces with and without each idea of ours.",
    )
    parser.add_argument("--data", type=Path, help="folder with index.csv (default: GFLA_DATA)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs; given again, they go on")
    parser.add_argument(
        "--steps", type=int, default=5600, help="of each run, flow and all (default: %(default)s)"
    )
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--size", type=int, default=128, help="side of the pictures (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--perceptual", type=Path, help="SqueezeNet 1.0 (default: beside DATA)")
    options = parser.parse_args(arguments)

    def work() -> None:
        data = find_dataset(options.data)
        schedule = FACE.scaled(options.steps)
        schedule = replace(schedule, stages=tuple(replace(s, batch=options.batch) for s in schedule.stages))
        network = replace(CONFIGS["face-256"], size=options.size)
        perceptual = options.perceptual or perceptual_weights(data)
        print(ablate_faces(data, options.out, perceptual, schedule, network, options.seeds))

    return run_command("ablate_faces", work)


if __name__ == "__main__":
    sys.exit(main())
