"""Trains the variants of an ablation side by side, on the same pairs in the same order, and writes their
table.

Every batch is drawn, and passed through the perceptual network, once for all variants. Called again, with
more steps or after it was killed, the command continues from the newest checkpoint.

    python -m gfla.train.ablation.papers gfla --out runs/gfla --steps 600 --seeds 2
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from ...animate.cli.options import count_option, run_command
from ...animate.compute.devices import fast_arithmetic
from ...animate.io.atomic import atomic_file
from ..data.clips import find_dataset, perceptual_weights
from ..data.pairs.puppets import Pairs, PuppetPairs
from ..losses.pairs import (
    TERMS,
    PairFeatures,
    deform,
    deformation_terms,
    deformed,
    paint,
    pair_features,
    picture_terms,
)
from ..losses.perceptual import Features, PerceptualFeatures
from ..record.checkpoint import load_checkpoint, save_checkpoint
from .scores import Scores, score, true_features
from .table import Result, write_table
from .variants import NETWORK, SETS, Variant

RATE = 1e-3
EMA = 0.995
CHECKPOINT_SECONDS = 120


class Run:
    """One variant with one seed: its model, the average of its parameters, its optimiser, its step."""

    def __init__(self, variant: Variant, seed: int, size: int, folder: Path):
        torch.manual_seed(seed)
        self.variant, self.seed = variant, seed
        self.config = replace(NETWORK, size=size)
        self.model = variant.build(self.config)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=RATE, betas=(0.9, 0.99))
        name = variant.name.lower().replace(", ", "-").replace(" ", "-")
        self.file = folder / f"{name}.{seed}.safetensors"
        self.step = 0
        if self.file.is_file():
            loop = load_checkpoint(
                self.file, self._modules(), {"optimiser": self.optimiser}, self._identity()
            )
            self.step = loop["step"]

    def train(self, pairs: Pairs, known: PairFeatures, features: Features, deformation_steps: int) -> float:
        """One step; returns the loss."""
        stage, alone = self.variant.stage, self.step < deformation_steps
        with fast_arithmetic(torch.device("cpu")):
            moved = deform(self.model, pairs) if alone else None
            if moved is not None:
                terms = deformation_terms(stage, moved, pairs, known)
            else:
                output = paint(self.model, pairs)
                terms = picture_terms(stage, output.image, pairs, known, features)
                terms |= deformation_terms(stage, deformed(self.model, output), pairs, known)
        loss = sum((value * getattr(stage, name) for name, value in terms.items()), torch.zeros(()))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.param_groups[0]["lr"] = RATE * min(1.0, (self.step + 1) / 50)
        self.optimiser.step()
        self.step += 1
        with torch.no_grad():
            for average, value in zip(self.average.parameters(), self.model.parameters(), strict=True):
                average.lerp_(value, 1 - min(EMA, self.step / (self.step + 9)))
        return float(loss.detach())

    def save(self) -> None:
        loop = {"step": self.step, "model": self._identity()}
        save_checkpoint(self.file, self._modules(), {"optimiser": self.optimiser}, loop)

    def _modules(self) -> dict[str, nn.Module]:
        return {"model": self.model, "average": self.average}

    def _identity(self) -> dict:
        weights = {name: getattr(self.variant.stage, name) for name in TERMS}
        return {"variant": self.variant.name, "weights": weights} | asdict(self.config)


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much is trained and scored. steps: of each run, the first `deformation` of them for motion alone.
    size: side of the pictures. couples: drawn persons to train on. pairs: to score on."""

    steps: int
    deformation: int
    seeds: int
    size: int
    couples: int
    pairs: int


def ablate(name: str, out: Path, features: PerceptualFeatures, extent: Extent) -> str:
    """Train every variant of the set `name` with every seed, score it, write `out`/`name`/table.md and return
    the table."""
    variants = SETS[name]
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    runs = [Run(v, seed, extent.size, folder) for seed in range(extent.seeds) for v in variants]
    data = PuppetPairs(out, 0, extent.couples, extent.size)
    saved = time.monotonic()
    first, steps = min((run.step for run in runs), default=0), extent.steps
    for step in tqdm(range(first, steps), initial=first, total=steps, unit="step", mininterval=5):
        for seed in range(extent.seeds):
            due = [run for run in runs if run.seed == seed and run.step == step]
            if due:
                batch = data.batch(seed, step, variants[0].stage.batch)
                known = pair_features(features, batch)
                for run in due:
                    run.train(batch, known, features, extent.deformation)
        if time.monotonic() - saved > CHECKPOINT_SECONDS or step == steps - 1:
            for run in runs:
                run.save()
            saved = time.monotonic()
    unseen = PuppetPairs(out, 1, (extent.pairs + 1) // 2, extent.size)
    true = true_features(unseen.__getitem__, extent.pairs, features)
    results = [_result(run, unseen, true, features) for run in tqdm(runs, unit="run", desc="scoring")]
    return write_table(folder / "table.md", [(v.name, v.published) for v in variants], results)


def _result(run: Run, unseen: PuppetPairs, true: NDArray, features: PerceptualFeatures) -> Result:
    """The result of a run; its scores are kept beside its checkpoint."""
    file = run.file.with_suffix(f".{run.step}.{len(true)}.json")
    if not file.is_file():
        scores = score(run.average, unseen.__getitem__, true, features)
        with atomic_file(file) as part:
            part.write_text(json.dumps(scores._asdict()))
    scores = Scores(**json.loads(file.read_text()))
    parameters = sum(parameter.numel() for parameter in run.model.parameters())
    return Result(run.variant.name, run.seed, run.step, parameters, scores)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gfla.train.ablation.papers",
        description="Train a paper's ablation side by side on drawn persons.",
    )
    parser.add_argument("set", choices=SETS, help="whose ablation")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs, to continue them too")
    parser.add_argument(
        "--steps", type=int, default=4000, help="steps of each variant and seed (default: %(default)s)"
    )
    parser.add_argument(
        "--deformation", type=int, default=400, help="of these for motion alone (default: %(default)s)"
    )
    parser.add_argument("--seeds", type=count_option, default=3)
    parser.add_argument(
        "--size", type=count_option, default=64, help="side of the pictures (default: %(default)s)"
    )
    parser.add_argument(
        "--couples", type=count_option, default=4000, help="drawn persons to train on, two pairs each"
    )
    parser.add_argument(
        "--pairs", type=count_option, default=5000, help="pairs to score on (default: %(default)s)"
    )
    parser.add_argument(
        "--perceptual", type=Path, help="SqueezeNet 1.0 (default: of the data folder GFLA_DATA)"
    )
    options = parser.parse_args(arguments)

    def work() -> None:
        perceptual = options.perceptual or perceptual_weights(find_dataset(None))
        extent = Extent(**{field.name: getattr(options, field.name) for field in fields(Extent)})
        print(ablate(options.set, options.out, PerceptualFeatures(perceptual), extent))

    return run_command("papers", work)


if __name__ == "__main__":
    sys.exit(main())
