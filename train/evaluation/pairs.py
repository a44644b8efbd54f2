"""Persons and views measured on pairs not used in training: a table like the papers', a sheet, a user study.

Every pair's target is generated from its source and its pose and compared with the true one; so are the
source itself and the source warped by the prior alone. Definitions are in `metrics` and
`pretrained_metrics`; how they differ from the papers' is in docs/persons.md.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from tqdm import tqdm

from ...animate.pose_transfer.pose_files import LIMBS
from ...animate.pose_transfer.poser import Poser
from ...models.config import Task
from ...models.ops import warp
from ...models.priors.limbs import limb_flows
from ..data.pairs.sampling import Pair, open_pairs
from ..losses.perceptual import PerceptualFeatures
from . import metrics
from .fooling_study import write_study
from .pretrained_metrics import Inception, Lpips, PooledFeatures, frechet_distance

Picture = NDArray[np.uint8]
SHOWN, STUDIED = 8, 40  # pairs on the sheet and in the study
NAMES = {
    "fid": "FID",
    "lpips": "LPIPS",
    "mask_lpips": "Mask-LPIPS",
    "ssim": "SSIM",
    "ssim_wide": "SSIM (51)",
    "perceptual": "perceptual",
    "frechet": "Frechet (SqueezeNet)",
    "l1": "L1",
}


@dataclass
class PairScores:
    """means: {method: {column of NAMES: value}}. parameters: of the network. pairs: their number."""

    means: dict[str, dict[str, float]] = field(default_factory=dict)
    parameters: int = 0
    pairs: int = 0

    def table(self) -> str:
        """A Markdown table, a row per method, of the columns that could be measured."""
        columns = [c for c in NAMES if all(c in row for row in self.means.values())]
        head = " | ".join(NAMES[column] for column in columns)
        lines = [f"| | {head} | parameters |", "|---" * (len(columns) + 2) + "|"]
        for method, row in self.means.items():
            size = f"{self.parameters / 1e6:.2f} M" if method == "ours" else ""
            values = " | ".join(f"{row[c]:.4f}" if row[c] < 10 else f"{row[c]:.1f}" for c in columns)
            lines.append(f"| {method} | {values} | {size} |")
        return "\n".join([*lines, f"\n{self.pairs} pairs."])


def evaluate_pairs(
    task: Task,
    data: Path | None,
    out: Path,
    weights: str,
    count: int,
    *,
    perceptual: Path | None = None,
    lpips: Lpips | None = None,
    inception: Inception | None = None,
) -> PairScores:
    """Measure the first `count` pairs of split val, or all. Writes results.json, table.md, study.html and
    sheet.png to `out`. InputError if the data or the weights cannot be used."""
    poser = Poser.from_pretrained(weights, task, "cpu")
    shape = (poser.original and poser.original.shown) or poser.generator.config.shape
    pairs = open_pairs(task, data, shape, "val")
    count = min(count, pairs.total)
    features = PerceptualFeatures(perceptual) if perceptual else None
    pooled = {"fid": inception, "frechet": PooledFeatures(features) if features else None}
    rows: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    pools: dict[tuple[str, str], list[NDArray]] = defaultdict(list)
    sheet, study = [], []
    for index in tqdm(range(count), unit="pair"):
        pair = pairs.pair(index)
        truth, made = pair.images[1], _made(poser, pair)
        mask = metrics.body_mask(pair.points[1], shape) if task == "person" else None
        for method, picture in made.items():
            for name, value in _compare(picture, truth, mask, features, lpips).items():
                rows[method][name].append(value)
        for name, net in pooled.items():
            for method, picture in ({"true": truth} | made).items() if net else ():
                pools[name, method].append(net.features(picture))
        if index < SHOWN:
            pose = draw_joints(pair.points[1], shape) if task == "person" else np.full_like(truth, 255)
            sheet.append(np.hstack([pair.images[0], pose, truth, *made.values()]))
        if index < STUDIED:
            study.append((truth, made["ours"]))
    scores = PairScores(pairs=count, parameters=sum(p.numel() for p in poser.generator.parameters()))
    for method, columns in rows.items():
        scores.means[method] = {name: float(np.mean(values)) for name, values in columns.items()}
        for name, net in pooled.items():
            if net and count > 1:
                real, fake = (np.stack(pools[name, m]) for m in ("true", method))
                scores.means[method][name] = frechet_distance(real, fake)
    (out / "results.json").write_text(json.dumps({"pairs": count, "means": scores.means}, indent=1))
    (out / "table.md").write_text(scores.table() + "\n")
    PillowImage.fromarray(np.vstack(sheet)).save(out / "sheet.png")
    write_study(out / "study.html", study)
    return scores


def draw_joints(joints: NDArray[np.float32], shape: tuple[int, int]) -> Picture:
    """The skeleton of `joints` (18, 2) on black, RGB (H, W, 3) uint8; the person's right is orange, left
    blue."""
    canvas = np.zeros((*shape, 3), np.uint8)
    for a, b in LIMBS:
        if np.isnan(joints[[a, b]]).any():
            continue
        right = {a, b} & {2, 3, 4, 8, 9, 10, 14, 16}
        colour = (255, 150, 60) if right else (70, 160, 255) if max(a, b) > 4 else (240, 240, 240)
        (x0, y0), (x1, y1) = np.rint(joints[[a, b]] * 8).astype(int).tolist()
        cv2.line(canvas, (x0, y0), (x1, y1), colour, max(1, shape[0] // 64), cv2.LINE_AA, 3)
    return canvas


def _made(poser: Poser, pair: Pair) -> dict[str, Picture]:
    source, shape = pair.images[0], pair.images[0].shape[:2]
    made = {"source": source}
    if poser.task == "person":
        points = torch.from_numpy(pair.points)
        flow = limb_flows(points[1:], points[:1, None], shape, stride=1)[1][:, 0]
        pixels = torch.from_numpy(np.ascontiguousarray(source)).permute(2, 0, 1)[None].float()
        made["prior"] = warp(pixels, flow)[0].permute(1, 2, 0).round().byte().numpy()
    made["ours"] = poser.step(pair.points[1], poser.prepare(source, pair.points[0]))[0]
    return made


def _compare(
    picture: Picture,
    truth: Picture,
    mask: NDArray[np.bool_] | None,
    features: PerceptualFeatures | None,
    lpips: Lpips | None,
) -> dict[str, float]:
    row = {
        "ssim": metrics.ssim_gaussian(picture, truth),
        "ssim_wide": metrics.ssim_wide(picture, truth),
        "l1": metrics.l1(picture, truth),
    }
    if features:
        row["perceptual"] = metrics.perceptual(picture, truth, features)
    if lpips:
        row["lpips"] = lpips.of(picture, truth)
        if mask is not None:
            grey = [np.where(mask[..., None], image, 128).astype(np.uint8) for image in (picture, truth)]
            row["mask_lpips"] = lpips.of(grey[0], grey[1])
    return row
