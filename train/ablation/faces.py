"""The value of each idea of the face generator: train without it and score on val.

    python -m gfla.train.ablation.faces --data DATA --out runs/faces

For each seed the full model trains the flow stage once; each variant starts from those of its weights that
fit. A variant that differs in clips alone starts from the full model's picture stage. Scored runs are not
trained again, and a stopped run continues.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from tqdm import tqdm

from ...animate.cli.options import run_command
from ...animate.inspection.visualize import as_picture
from ...animate.io.atomic import atomic_file
from ...animate.structure import structure_map
from ...models import CONFIGS, Generator, GeneratorConfig, GeneratorMemory
from ...models.variants import NoPrior, Paper, SummedBlends
from ..config import Stage, TrainConfig
from ..data.clips import Clip, find_dataset, perceptual_weights
from ..data.index import Clips, load_clips
from ..evaluation import metrics
from ..evaluation.pretrained_metrics import PooledFeatures, frechet_distance
from ..losses.perceptual import PerceptualFeatures
from ..trainer import Trainer
from .table import Result, write_table

CHUNK, FRAMES, EVERY = 6, 120, 5
NARROW: dict[str, Any] = {"channels": (8, 24, 48), "flow_channels": (16, 32, 48, 48), "attention_hidden": 12}
"""Half the shipped widths: an estimated eight hours of one core for fourteen runs instead of fifteen."""
SCHEDULE = TrainConfig(
    stages=(
        Stage(name="flow", steps=600, batch=8, flow_only=True, rate=4e-4, flow=1.0),
        Stage(name="image", steps=4400, batch=8),
        Stage(name="video", steps=600, batch=4, length=6, chunk=3, adversarial=0.02, temporal=0.02),
    )
)


@dataclass(frozen=True, kw_only=True)
class FaceVariant:
    """One row: the generator's class, and the settings and loss weights that differ."""

    name: str
    build: Callable[[GeneratorConfig], Generator] = Generator
    network: dict[str, Any] | None = None
    weights: dict[str, float] | None = None
    perceptual: bool = True
    """Whether it trains with the perceptual loss."""
    clips_alone: bool = False
    """Whether it differs in the video stage alone."""


VARIANTS = (
    FaceVariant(name="Ours"),
    FaceVariant(name="No spline prior", build=NoPrior),
    FaceVariant(name="No warped-source skip", build=Paper),
    FaceVariant(name="Summed blends", build=SummedBlends),
    FaceVariant(name="No previous frames", network={"previous": 0}, clips_alone=True),
    FaceVariant(name="No temporal discriminator", weights={"temporal": 0.0}, clips_alone=True),
    FaceVariant(name="No perceptual loss", perceptual=False),
)
_FULL = VARIANTS[0]


class FaceScores(NamedTuple):
    """Means over the compared frames of val's clips; frechet: of SqueezeNet's features. residual:
    `metrics.residual_error`, of changes between frames, times 1,000."""

    perceptual: float
    frechet: float
    ssim: float
    l1: float
    residual: float


def ablate_faces(
    data: Path,
    out: Path,
    perceptual: Path,
    schedule: TrainConfig,
    network: GeneratorConfig,
    seeds: Sequence[int],
) -> str:
    """Train and score every variant with every seed; writes `out`/table.md and returns the table."""
    runs = [_Runs(data, out, perceptual, replace(schedule, seed=seed), network) for seed in seeds]
    results = [run.result(variant) for run in runs for variant in VARIANTS]
    return write_table(out / "table.md", [(v.name, {}) for v in VARIANTS], results)


class _Runs(NamedTuple):
    """The runs of one seed."""

    data: Path
    out: Path
    perceptual: Path
    schedule: TrainConfig
    network: GeneratorConfig

    def result(self, variant: FaceVariant) -> Result:
        """The result of a variant, which is trained unless its folder has scores."""
        file = self._folder(variant, "video") / "scores.json"
        if not file.is_file():
            trained = self._trained(variant, "video").average
            clips, _ = load_clips(self.data, "val")
            scores = score_faces(trained, clips, PerceptualFeatures(self.perceptual))
            parameters = sum(parameter.numel() for parameter in trained.parameters())
            steps = self.schedule.without_flow().steps
            with atomic_file(file) as part:
                part.write_text(
                    json.dumps({"steps": steps, "parameters": parameters, "scores": scores._asdict()})
                )
        saved = json.loads(file.read_text())
        scores = FaceScores(**saved["scores"])
        return Result(variant.name, self.schedule.seed, saved["steps"], saved["parameters"], scores)

    def _trained(self, variant: FaceVariant, stage: str) -> Trainer:
        """`variant` trained up to and including `stage`."""
        stages = [replace(s, **(variant.weights or {})) for s in self.schedule.stages if s.name == stage]
        config = replace(self.schedule, stages=tuple(stages))
        network = replace(self.network, **(variant.network or {}))
        perceptual = self.perceptual if variant.perceptual else None
        folder = self._folder(variant, stage)
        trainer = Trainer(network, config, self.data, folder, perceptual, "cpu", build=variant.build)
        if trainer.checkpoint.is_file():
            trainer.resume()
        elif stage != "flow":
            before = "image" if stage == "video" else "flow"
            start = self._trained(_FULL if _starts_full(variant, before) else variant, before).average
            for module in (trainer.generator, trainer.average):
                own = module.state_dict()
                fitting = {
                    k: v for k, v in start.state_dict().items() if k in own and v.shape == own[k].shape
                }
                module.load_state_dict(own | fitting)
        trainer.train()
        return trainer

    def _folder(self, variant: FaceVariant, stage: str) -> Path:
        return self.out / f"{variant.name.lower().replace(' ', '-')}.{self.schedule.seed}" / stage


def _starts_full(variant: FaceVariant, stage: str) -> bool:
    """Whether `variant` starts from the full model's weights after `stage`."""
    return stage == "flow" or variant.clips_alone


@torch.inference_mode()
def score_faces(generator: Any, clips: Clips, features: PerceptualFeatures) -> FaceScores:
    """Self-reenactment: each clip's first frame, driven by the clip's own landmarks, against its frames."""
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
                distance = metrics.perceptual(picture, truth, features)
                rows.append((distance, metrics.ssim(picture, truth), metrics.l1(picture, truth)))
    distance, ssim, l1 = np.mean(rows, axis=0).tolist()
    frechet = frechet_distance(np.stack(made), np.stack(true))
    return FaceScores(distance, frechet, ssim, l1, 1000 * float(np.mean(residuals or [0.0])))


def _reenacted(generator: Any, clip: Clip):
    """(output, truth) of the clip's first `FRAMES`, uint8 at the generator's size."""
    size = generator.config.size
    scale = size / clip.frames.shape[1]
    count = min(FRAMES, len(clip.points))
    shown = (cv2.resize(clip.frames[i], (size, size), interpolation=cv2.INTER_AREA) for i in range(count))
    frames = [np.asarray(frame, np.uint8) for frame in shown]
    points = torch.from_numpy((clip.points[:count] + 0.5) * scale - 0.5)
    drawn = structure_map(points, size)
    source = torch.from_numpy(frames[0]).permute(2, 0, 1)[None].float() / 127.5 - 1
    reference = generator.encode_reference(source, drawn[:1], points[:1])
    memory = GeneratorMemory()
    for begin in range(0, count, CHUNK):
        chunk = slice(begin, begin + CHUNK)
        outputs, memory = generator.animate(drawn[None, chunk], points[None, chunk], reference, memory)
        for output, truth in zip(outputs, frames[chunk], strict=True):
            yield as_picture(output.image[0]), truth


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gfla.train.ablation.faces",
        description="Train the face generator with and without each of its ideas.",
    )
    parser.add_argument("--data", type=Path, help="folder with index.csv (default: GFLA_DATA)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs, to continue them too")
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1), help="(default: 0 1)")
    parser.add_argument("--perceptual", type=Path, help="SqueezeNet 1.0 (default: beside DATA)")
    options = parser.parse_args(arguments)

    def work() -> None:
        data = find_dataset(options.data)
        network = replace(CONFIGS["face-256"], size=128, **NARROW)
        perceptual = options.perceptual or perceptual_weights(data)
        print(ablate_faces(data, options.out, perceptual, SCHEDULE, network, options.seeds))

    return run_command("faces", work)


if __name__ == "__main__":
    sys.exit(main())
