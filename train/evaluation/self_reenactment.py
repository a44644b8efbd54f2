"""Self-reenactment of people the model was not trained on, measured on the files that gfla-animate writes.

The source is a clip's first frame, the driving video the clip, the motion "copy". Every tenth of the first
300 frames is compared, without the first; scores are means over clips of means over frames. Measures over
time use all pairs of neighbouring frames that differ. Definitions are in `metrics` and `pretrained_metrics`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from tqdm import tqdm

from ...animate import Animator, VideoReader, VideoWriter
from ...animate.face.landmarkers import load_landmarker
from ...animate.face.landmarks import Landmarker
from ...animate.networks import Generated, Networks
from ...animate.options import AnimateOptions, Guidance, MotionOptions
from ...animate.state import Portrait, Target
from ...models import GeneratorMemory
from ...models.ops import warp
from ...models.priors.spline import spline_flow
from ..data.clips import Clip
from ..data.index import Clips, load_clips
from ..losses.perceptual import PerceptualFeatures
from . import metrics
from .pretrained_metrics import SEPARATES, IdentityEmbedding, Inception, Lpips, frechet_distance

FRAMES, EVERY = 300, 10
SEEN = ("perceptual", "shifted", *metrics.BOXES)
"""Columns that need a SqueezeNet: of the whole picture, and of the boxes of `metrics`."""
COLUMNS = ("l1", "psnr", "ssim", *SEEN, "sharpness", "sharpness of all", "akd")
TIMES = ("flicker", "residual")
QUIET = 0.05  # grey levels: smallest change of a clip's still regions that flicker is measured against
Picture = NDArray[np.uint8]
Scores = dict[str, dict[str, dict[str, float]]]
"""{method: {clip: {column: mean over frames}}}, without the columns that are not available."""


@dataclass
class Evaluation:
    """The result.

    scores: see `Scores`. perceptual, lpips: whether these networks were available. auc: how well the identity
    embedding separates these people, None for fewer than three. fid: by method, empty without an Inception.
    pictures: {clip: {caption: the last compared frame}}, the source and the true frame first.
    """

    scores: Scores = field(default_factory=dict)
    perceptual: bool = True
    auc: float | None = None
    fid: dict[str, float] = field(default_factory=dict)
    lpips: bool = False
    pictures: dict[str, dict[str, Picture]] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        identity = ("identity",) if self.auc is not None and self.auc >= SEPARATES else ()
        single = [c for c in COLUMNS if self.perceptual or c not in SEEN]
        return (*single, *(("lpips",) if self.lpips else ()), *identity, *TIMES)

    def ratios(self) -> dict[str, float]:
        """By clip: our perceptual distance (L1 without a SqueezeNet) over the spline warp's."""
        ours, spline = self.scores["ours"], self.scores["spline"]
        column = "perceptual" if self.perceptual else "l1"
        return {name: ours[name][column] / max(spline[name][column], 1e-12) for name in ours}


def measure(
    data: Path,
    perceptual: Path | None,
    out: Path,
    weights: str,
    *,
    lpips: Lpips | None = None,
    inception: Inception | None = None,
) -> dict[str, float]:
    """The scores of `weights` alone, means over the clips of split val: `evaluate` without its comparisons,
    quick enough for every checkpoint of a run."""
    out.mkdir(parents=True, exist_ok=True)
    clips, _ = load_clips(data, "val")
    features = PerceptualFeatures(perceptual) if perceptual else None
    judge = _Judge(features, load_landmarker("builtin"), clips, lpips, inception)
    animator = Animator.from_pretrained(weights, device="cpu", backend="torch")
    rows = []
    for clip in clips:
        source, driving = out / f"{clip.name}.png", data / "clips" / f"{clip.name}.mp4"
        PillowImage.fromarray(np.array(clip.frames[0])).save(source)
        made = _render(animator, source, driving, out / f"{clip.name}.ours.mp4", "landmarks")
        rows.append(judge.score("ours", clip, judge.true_points(clip), _frames(made))[0])
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


class Memoryless(Networks):
    """Networks that generate every frame as a first one, without previous frames as references."""

    def generate(
        self, target: Target, portrait: Portrait, memory: GeneratorMemory
    ) -> tuple[Generated, GeneratorMemory]:
        face, _ = super().generate(target, portrait, GeneratorMemory())
        return face, GeneratorMemory()


def evaluate(
    data: Path,
    perceptual: Path | None,
    out: Path,
    weights: str,
    against: tuple[str, ...] = (),
    *,
    lpips: Lpips | None = None,
    inception: Inception | None = None,
    backend: str = "torch",
) -> Evaluation:
    """Every method on every clip of split val.

    Writes results.json after each clip, and sheet.png (a row per clip: source, true, spline, ours, edges), to
    `out`. Method "ours" is `weights` computed by `backend`; those of `against` have their file's name and are
    computed by torch.
    """
    out.mkdir(parents=True, exist_ok=True)
    clips, _ = load_clips(data, "val")
    features = PerceptualFeatures(perceptual) if perceptual else None
    judge = _Judge(features, load_landmarker("builtin"), clips, lpips, inception)
    animators = {"ours": Animator.from_pretrained(weights, device="cpu", backend=backend)}
    for name in against:
        stem = Path(name).stem
        animators[f"against {stem}" if f"against {stem}" not in animators else f"against {name}"] = (
            Animator.from_pretrained(name, device="cpu", backend="torch")
        )
    result = Evaluation(perceptual=features is not None, auc=judge.auc, lpips=lpips is not None)
    for clip in tqdm(clips, unit="clip"):
        source, driving = out / f"{clip.name}.png", data / "clips" / f"{clip.name}.mp4"
        PillowImage.fromarray(np.array(clip.frames[0])).save(source)
        true_points = judge.true_points(clip)
        shown = {"source": np.array(clip.frames[0]), "true": np.array(clip.frames[max(true_points)])}
        for method, frames in _methods(animators, clip, source, driving, out):
            scores, last = judge.score(method, clip, true_points, frames)
            result.scores.setdefault(method, {})[clip.name] = scores
            shown[method] = last
        result.pictures[clip.name] = shown
        (out / "results.json").write_text(json.dumps(result.scores, indent=1))
    result.fid = judge.fid()
    rows = [
        np.hstack([p[n] for n in ("source", "true", "spline", "ours", "edges")])
        for p in result.pictures.values()
    ]
    PillowImage.fromarray(np.vstack(rows)).save(out / "sheet.png")
    return result


def table(result: Evaluation) -> str:
    """Means over clips as Markdown, a row per method, and our results relative to the spline warp's."""
    columns = result.columns
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for method, clips in result.scores.items():
        means = [np.mean([each[column] for each in clips.values()]) for column in columns]
        lines.append(f"| {method} | " + " | ".join(f"{mean:.4f}" for mean in means) + " |")
    ratios = result.ratios()
    worst = max(ratios, key=ratios.__getitem__)
    lines.append(
        f"\nOurs over spline, {'perceptual' if result.perceptual else 'L1'}, clip by clip: mean "
        f"{np.mean(list(ratios.values())):.3f}, worst {ratios[worst]:.3f} ({worst})."
    )
    return "\n".join(lines)


class _Judge:
    """The measuring networks and their results on the true clips."""

    def __init__(
        self,
        features: PerceptualFeatures | None,
        landmarker: Landmarker,
        clips: Clips,
        lpips: Lpips | None,
        inception: Inception | None,
    ):
        self.features, self.landmarker, self.lpips, self.inception = features, landmarker, lpips, inception
        self.embedding = IdentityEmbedding(features) if features else None
        self.people: dict[str, list[NDArray[np.float32]]] = {}
        halves = {}
        for clip in clips if self.embedding else ():
            embedded = self.people[clip.name] = [self._embed(clip, i) for i in _compared(clip)]
            if len(embedded) > 1:  # one clip per person
                middle = len(embedded) // 2
                halves[clip.identity] = (np.mean(embedded[:middle], 0), np.mean(embedded[middle:], 0))
        self.auc = self.embedding.separation(halves) if self.embedding else None
        self.inception_features: dict[str, list[NDArray]] = {}

    def _embed(self, clip: Clip, index: int) -> NDArray[np.float32]:
        assert self.embedding
        return self.embedding.raw(np.array(clip.frames[index]), clip.points[index])

    def true_points(self, clip: Clip) -> dict[int, NDArray]:
        """The landmarks found in the true frames that are compared."""
        found = {i: self.landmarker.follow(np.array(clip.frames[i]), None) for i in _compared(clip)}
        return {i: face.points if face else clip.points[i] for i, face in found.items()}

    def score(
        self, method: str, clip: Clip, true_points: dict[int, NDArray], frames: Iterator[Picture]
    ) -> tuple[dict[str, float], Picture]:
        """The mean of every column over `frames`, from the clip's first on, and the last compared frame."""
        rows, residuals, moving = [], [], set(clip.moving.tolist())
        change = real = area = 0.0
        before = last = None
        for index, picture in enumerate(frames):
            if index >= FRAMES:
                break
            truth = np.array(clip.frames[index])
            if before is not None and index in moving:
                old = np.array(clip.frames[index - 1])
                where = metrics.still(old, truth)
                residuals.append(metrics.residual_error((before, picture), (old, truth)))
                change += metrics.change(before, picture, where)
                real += metrics.change(old, truth, where)
                area += float(where.sum())
            if index in true_points:
                rows.append(self._compare(method, clip, index, picture, true_points[index]))
                last = picture
            before = picture
        assert last is not None
        scores = {column: float(np.mean([row[column] for row in rows])) for column in rows[0]}
        scores["flicker"] = max(change, QUIET * area) / max(real, QUIET * area) if area else 1.0
        scores["residual"] = float(np.mean(residuals)) if residuals else 0.0
        return scores, last

    def _compare(
        self, method: str, clip: Clip, index: int, picture: Picture, true_points: NDArray
    ) -> dict[str, float]:
        truth, points = np.array(clip.frames[index]), clip.points[index]
        found = self.landmarker.follow(picture, None)
        face = cv2.norm(true_points.min(0) - true_points.max(0))  # the error if no face is found
        row = {
            "l1": metrics.l1(picture, truth),
            "psnr": metrics.psnr(picture, truth),
            "ssim": metrics.ssim(picture, truth),
            "sharpness": metrics.sharpness_ratio(picture, truth, points),
            "sharpness of all": metrics.sharpness_ratio(picture, truth, metrics.whole(truth)),
            "akd": metrics.landmark_distance(found.points, true_points) if found else float(face),
        }
        if self.features:
            row["perceptual"] = metrics.perceptual(picture, truth, self.features)
            row["shifted"] = metrics.perceptual_shifted(picture, truth, self.features)
            for name in metrics.BOXES:
                where = metrics.box(points, len(truth), name)
                row[name] = metrics.perceptual_box(picture, truth, where, self.features)
        if self.lpips:
            row["lpips"] = self.lpips.of(picture, truth)
        if self.embedding and self.auc is not None and self.auc >= SEPARATES:
            person = np.mean(self.people[clip.name], axis=0)
            row["identity"] = self.embedding.similarity(self.embedding.raw(picture, points), person)
        if self.inception:
            self.inception_features.setdefault(method, []).append(self.inception.features(picture))
            if method == "copy":
                self.inception_features.setdefault("true", []).append(self.inception.features(truth))
        return row

    def fid(self) -> dict[str, float]:
        """FID of every method against the true frames; empty without an Inception."""
        true = self.inception_features.pop("true", [])
        return {
            method: frechet_distance(np.stack(features), np.stack(true))
            for method, features in self.inception_features.items()
        }


def _compared(clip: Clip) -> range:
    """Indices of the compared frames; of a clip shorter than eleven frames, the last."""
    count = min(FRAMES, len(clip.points))
    return range(EVERY, count, EVERY) if count > EVERY else range(count - 1, count)


def _methods(
    animators: dict[str, Animator], clip: Clip, source: Path, driving: Path, out: Path
) -> Iterator[tuple[str, Iterator[Picture]]]:
    """Every method and its frames, from the clip's first on."""
    count = min(FRAMES, len(clip.points))
    yield "copy", (np.array(clip.frames[0]) for _ in range(count))
    yield "spline", (_spline_warp(clip, i) for i in range(count))
    yield "re-encoded", _frames(_reencode(driving, out / f"{clip.name}.true.mp4"))
    ours = animators["ours"]
    memoryless = copy(ours)
    memoryless.networks = Memoryless(ours.networks.generator, ours.networks.landmarker, ours.device)
    rendered: list[tuple[str, Animator, Guidance]] = [
        ("ours", ours, "landmarks"),
        ("no previous", memoryless, "landmarks"),
        ("edges", ours, "edges"),
    ]
    for name, animator in animators.items():
        if name != "ours":
            rendered.append((name, animator, "landmarks"))
    for method, animator, guidance in rendered:
        path = out / video_name(clip.name, method)
        yield method, _frames(_render(animator, source, driving, path, guidance))


def _render(animator: Animator, source: Path, driving: Path, path: Path, guidance: Guidance) -> Path:
    motion = MotionOptions("copy")
    options = AnimateOptions(motion=motion, guidance=guidance, end=FRAMES / 25, overwrite=True)
    animator.render(source, driving, path, options)
    return path


def video_name(clip: str, method: str) -> str:
    """The file of a clip as a method made it, in the folder of the report."""
    return f"{clip}.{method.replace(' ', '-').replace('/', '-')}.mp4"


def _frames(path: Path) -> Iterator[Picture]:
    with VideoReader(path) as reader:
        for frame in reader:
            yield frame.image


def _reencode(driving: Path, path: Path) -> Path:
    with (
        VideoReader(driving) as reader,
        VideoWriter(path, reader.size, reader.rate, reader.time_base, overwrite=True) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    return path


def _spline_warp(clip: Clip, index: int) -> Picture:
    """The first frame warped by the thin-plate spline of the clip's own landmarks, without a network."""
    image = torch.from_numpy(np.array(clip.frames[0])).permute(2, 0, 1)[None].float()
    first, target = (torch.from_numpy(clip.points[i])[None] for i in (0, index))
    moved = warp(image, spline_flow(target, first[:, None], image.shape[-1], stride=1)[:, 0])
    return moved[0].round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
