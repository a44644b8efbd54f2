"""Trains the built-in tracker on data/faces: one command, resumable, an hour or two on one core.

    python -m gfla.train.face.train --data DIR --out RUN [--steps N] [--resume] [--init WEIGHTS]

The learning rate is constant and falls to zero over the last 30 % of the steps, so a run can be resumed with
more steps, or ended early with fewer. Both nets train in one loop: false faces of the finder become negative
samples of the aligner. With --init only the aligner is trained, starting from the given weights.
RUN/tracker.safetensors is the averaged (EMA) model.

B batch, N landmarks, h w feature grid.
"""

import argparse
import math
import time
from collections import deque
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ...animate.compute.devices import fast_arithmetic
from ...animate.face.pose import FacePose, crop_matrix, warp
from ...animate.ibug68 import EYES, IRISES, JAW
from ...models.layers import channels_last
from ...models.tracker import Tracker, read_cells
from ...models.weights import read_weights, save_weights
from ..data.photo import photo
from ..losses.landmarks import LOWER, UPPER
from ..record.checkpoint import load_checkpoint, save_checkpoint
from .faces import Image, load_faces
from .samples import Sampler

ALIGNED, WHOLE, HARD = 32, 12, 6
"""Samples per step: crops for the aligner, canvases for the finder, and crops that the finder mistook."""
RATE, INIT_RATE = 2e-3, 8e-4
"""Learning rate of a run from scratch, and with --init."""
EMA = 0.998
CHECKPOINT_SECONDS = 180


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m gfla.train.face.train", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with faces/")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--resume", action="store_true", help="continue from OUT/checkpoint.safetensors")
    parser.add_argument("--init", type=Path, help="weights whose aligner alone is trained further")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    train(options.data, options.out, options.steps, options.resume, options.device, options.init)


def train(data: Path, out: Path, steps: int, resume: bool, device: str, init: Path | None = None) -> None:
    out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    torch.manual_seed(0)
    model = channels_last(Tracker().to(device))
    if init:
        model.load_state_dict(read_weights(init)[0])
        model.finder.eval().requires_grad_(False)
    average = Tracker().to(device)
    average.load_state_dict(model.state_dict())
    rate = INIT_RATE if init else RATE
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.02)
    checkpoint, settings = out / "checkpoint.safetensors", {"model": asdict(model.config)}
    modules, optimizers = {"model": model, "average": average}, {"optimizer": optimizer}
    start = load_checkpoint(checkpoint, modules, optimizers, **settings)["step"] if resume else 0
    sampler = Sampler(load_faces(data), seed=start, crop=model.config.crop)
    hard: deque[Image] = deque(maxlen=1500)
    totals: dict[str, float] = {}
    saved = logged = time.monotonic()

    (model.aligner if init else model).train()
    for step in range(start, steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 200, max(0.0, (steps - step) / (0.3 * steps)))
        crops, points, real = map(list, zip(*(sampler.aligned() for _ in range(ALIGNED)), strict=True))
        for k in range(min(HARD, len(hard) // 50)):
            crops[k] = photo(hard[int(sampler.rng.integers(len(hard)))], sampler.rng)
            real[k] = 0.0

        with fast_arithmetic(torch.device(device)):
            found, score, heat = model.aligner(to_tensor(crops, device))
        truth = torch.from_numpy(np.stack(points)).to(device)
        terms = aligner_loss(
            found, score, heat, truth, torch.tensor(real, device=device), model.aligner.stride
        )
        canvases, poses = zip(*(sampler.whole() for _ in range(WHOLE)), strict=True)
        with fast_arithmetic(torch.device(device)):
            cells = model.finder(to_tensor(canvases, device))
        terms |= {} if init else finder_loss(cells, poses, model.finder.stride)
        hard.extend(fooled(cells.detach(), canvases, poses, model.finder.stride, model.config.crop))
        loss = torch.stack(list(terms.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        if torch.isfinite(norm):
            optimizer.step()
        _follow(average, model, min(EMA, (step + 1) / (step + 10)))

        for name, value in terms.items():
            totals[name] = totals.get(name, 0.0) + value.item()
        if (step + 1) % 100 == 0:
            line = "  ".join(f"{name} {value / 100:.4f}" for name, value in totals.items())
            now = time.monotonic()
            print(f"step {step + 1}/{steps}  {(now - logged) * 10:.0f} ms  {line}", flush=True)
            totals, logged = {}, now
        if time.monotonic() - saved > CHECKPOINT_SECONDS or step + 1 == steps:
            save_checkpoint(checkpoint, modules, optimizers, settings | {"step": step + 1})
            save_weights(out / "tracker.safetensors", average, asdict(average.config))
            saved = time.monotonic()


def to_tensor(images: list[Image] | tuple[Image, ...], device: str) -> Tensor:
    """Images (H, W, 3) uint8 of one size -> (B, 3, H, W) float in [0, 1], channels last."""
    batch = torch.from_numpy(np.stack(images)).to(device)
    return batch.permute(0, 3, 1, 2).float().div_(255)


def aligner_loss(
    points: Tensor, score: Tensor, heat: Tensor, truth: Tensor, real: Tensor, stride: int
) -> dict[str, Tensor]:
    """points, truth (B, N, 2) pixels; score (B,) logits; heat (B, N, h, w) logits; real (B,) in {0, 1}.

    - points: their distance, in cells of the heat map.
    - gaps: the error of the way from each upper lid or lip to the lower one, because shut lids are rare;
      squared where it is less than a sixth of a cell, or small openings would all be read as shut.
    - heat: cross entropy of the heat map with a Gaussian of one cell, which keeps it a single narrow peak.
    - score: cross entropy; it should fall where the points miss the face by more than a tenth of the eyes'
      distance.

    Points outside the crop are ignored.
    """
    h, w = heat.shape[-2:]
    cells = (truth + 0.5) / stride - 0.5
    inside = ((cells > -0.5) & (cells < cells.new_tensor([w - 0.5, h - 0.5]))).all(2)
    weight = inside * real[:, None] * _importance(truth.device)
    distance = ((points - truth) / stride).square().sum(2).add(1e-3).sqrt()
    xs, ys = torch.arange(w, device=heat.device), torch.arange(h, device=heat.device)
    hill_x = torch.exp(-0.5 * (xs - cells[..., :1]).square())  # (B, N, w)
    hill_y = torch.exp(-0.5 * (ys - cells[..., 1:]).square())  # (B, N, h)
    hill = hill_y[..., :, None] * hill_x[..., None, :]
    hill = hill / hill.sum((2, 3), keepdim=True).clamp_min(1e-6)
    entropy = -(hill.flatten(2) * heat.flatten(2).log_softmax(2)).sum(2)
    missed = (distance.detach() * inside).sum(1) / inside.sum(1).clamp_min(1)
    right = real * (1 - (missed - 1.2) / 1.2).clamp(0, 1)
    gap = (points[:, UPPER] - points[:, LOWER]) - (truth[:, UPPER] - truth[:, LOWER])
    both = weight[:, UPPER] * inside[:, LOWER]
    closing = (gap / stride).square().sum(2).add(0.03).sqrt() - 0.03**0.5  # 0 where there is no error
    return {
        "gaps": 4 * (closing * both).sum() / both.sum().clamp_min(1),
        "points": (distance * weight).sum() / weight.sum().clamp_min(1),
        "heat": 0.1 * (entropy * weight).sum() / weight.sum().clamp_min(1),
        "score": F.binary_cross_entropy_with_logits(score, right),
    }


def finder_loss(cells: Tensor, poses: tuple[list[FacePose], ...], stride: int) -> dict[str, Tensor]:
    """cells (B, 6, h, w); the poses of the faces of each canvas.

    Focal loss of the centre's heat map (Law and Deng 2018, "CornerNet", Eq. 1) and L1 of the pose about the
    centre.
    """
    targets = [cell_targets(faces, cells.shape[-2:], stride) for faces in poses]
    target = torch.from_numpy(np.stack(targets)).to(cells.device)
    hill, wanted = target[:, 0], target[:, 1:]
    here = hill == 1
    log_yes, log_no = F.logsigmoid(cells[:, 0]), F.logsigmoid(-cells[:, 0])
    yes, no = log_yes.exp(), log_no.exp()
    focal = torch.where(here, no.square() * log_yes, (1 - hill) ** 4 * yes.square() * log_no)
    near = (hill > 0.6).float()
    pose = (cells[:, 1:] - wanted).abs().sum(1) * near
    return {
        "centre": -focal.sum() / here.sum().clamp_min(1),
        "pose": 0.5 * pose.sum() / near.sum().clamp_min(1),
    }


def cell_targets(poses: list[FacePose], shape: tuple[int, ...], stride: int) -> NDArray[np.float32]:
    """The finder's target (6, h, w) float32: a peak for each face (1 in its centre's cell), and the pose of
    the nearest face."""
    h, w = shape
    target = np.zeros((6, h, w), np.float32)
    ys, xs = np.mgrid[:h, :w].astype(np.float32)
    for pose in poses:
        x, y = (pose.x + 0.5) / stride - 0.5, (pose.y + 0.5) / stride - 0.5
        cx, cy = round(min(max(x, 0), w - 1)), round(min(max(y, 0), h - 1))
        spread = max(0.7, 0.08 * pose.size / stride)
        hill = np.exp(-0.5 * ((xs - cx) ** 2 + (ys - cy) ** 2) / spread**2)
        here = hill > target[0]
        size = np.log2(max(pose.size, 4.0) / 32)
        values = (hill, x - xs, y - ys, size, np.sin(pose.roll), np.cos(pose.roll))
        for channel, value in zip(target, values, strict=True):
            channel[here] = value[here] if isinstance(value, np.ndarray) and value.ndim else value
    return target


def fooled(
    cells: Tensor, canvases: tuple[Image, ...], poses: tuple[list[FacePose], ...], stride: int, crop: int
) -> list[Image]:
    """The aligner's crops at the finder's strongest false faces, at most three per canvas."""
    crops = []
    for values, canvas, faces in zip(read_cells(cells, stride).cpu(), canvases, poses, strict=True):
        peak = F.max_pool2d(values[None, :, :, 0], 5, 1, 2)[0] == values[..., 0]
        best = sorted(values[peak & (values[..., 0] > 0.03)].tolist(), reverse=True)
        for _, x, y, size, roll in best[:3]:
            apart = [math.hypot(x - face.x, y - face.y) > 0.7 * max(size, face.size) for face in faces]
            if all(apart):
                crops.append(warp(canvas, crop_matrix(FacePose(x, y, size, roll), crop), (crop, crop)))
    return crops


def _importance(device: torch.device) -> Tensor:
    """Weights (70,): eyes, irises and lips carry the expression; a jaw point may slide along the jaw."""
    weight = torch.ones(70, device=device)
    weight[: JAW.stop] = 0.7
    weight[EYES[0].start : IRISES.stop] = 1.5
    return weight


@torch.no_grad()
def _follow(average: Tracker, model: Tracker, decay: float) -> None:
    for mean, value in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


if __name__ == "__main__":
    main()
