"""Clips with landmarks for training the generator: a reference, then consecutive frames.

A data folder holds `index.csv` (columns file, split, identity, kind), `clips/*.mp4` (square, one face) and,
beside each clip, an `.npz` with `lmk68` (T, 68, 2) float32 pixels, x then y, and for close-ups `iris`
(T, 2, 2) or a `mesh` of 478 points. Clips are decoded once into plain arrays on disk, so that a sample costs
a memory copy.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import cv2
import numpy as np
import torch
from torch import Tensor

from ...animate.errors import InputError
from ...animate.io.atomic import atomic_file
from ...animate.structure import edges_only, image_edges, pose_structure, structure_map
from ...models.config import Task
from ..config import Augmentation
from .augment import augment
from .flow_teacher import teach_flow

REPEATED = 0.3
"""Mean difference from the frame before, in grey levels of 255, below which a frame repeats it."""


@dataclass(frozen=True)
class Clip:
    """One clip: frames (T, size, size, 3) uint8 RGB, memory-mapped, and points (T, 68, 2) float32.

    moving: (M,) the frames that do not repeat the one before them, in order. irises: (T, 2, 2) float32, of
    the eyes 36-41 and 42-47, the lids' middles where nobody labelled them.
    """

    name: str
    identity: str
    frames: np.ndarray
    points: np.ndarray
    moving: np.ndarray
    irises: np.ndarray


class Batch(NamedTuple):
    """Reference and frames of B samples.

    Attributes:
        images: (B, 1 + T, 3, H, W) float32 in [-1, 1], the reference first.
        points: (B, 1 + T, N, 2) float32 of the pose, see `models.GeneratorConfig.task`; landmarks have the
            jitter of a tracker.
        guidance: (B,) int64: 0 landmarks, 1 landmarks and edges, 2 edges alone.
        flow: (B, T, 2, H/4, W/4) the teacher's backward flow to the reference, pixels of the full picture.
        flow_weight: (B, T, 1, H/4, W/4) in [0, 1]; see `flow_teacher`.
    """

    images: Tensor
    points: Tensor
    guidance: Tensor
    flow: Tensor
    flow_weight: Tensor


Sample = tuple[np.ndarray, np.ndarray, int, np.ndarray, np.ndarray]
"""Images (1 + T, H, W, 3) uint8, points, guidance, flow and flow weight, as in `Batch`."""


def find_dataset(folder: Path | None) -> Path:
    """The folder with index.csv: `folder` or its `faces`; by default of the environment variable GFLA_DATA.
    InputError if there is none."""
    if folder is None:
        if not os.environ.get("GFLA_DATA"):
            raise InputError("--data", "no data folder", "name it, or set the environment variable GFLA_DATA")
        folder = Path(os.environ["GFLA_DATA"])
    for candidate in (folder, folder / "faces"):
        if (candidate / "index.csv").is_file():
            return candidate
    raise InputError(folder, "not a data folder: no index.csv in it")


def perceptual_weights(data: Path | None) -> Path:
    """Default path of SqueezeNet's weights: beside the dataset, or in GFLA_DATA without one."""
    home = data.parent if data else Path(os.environ.get("GFLA_DATA", "."))
    return home / "perceptual" / "squeezenet1_0.safetensors"


def read_table(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file, each with its line number; missing cells are "". UTF-8, with or without a byte
    order mark. InputError if it cannot be read or lacks one of `columns`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, restval="")
            missing = [column for column in columns if column not in (table.fieldnames or ())]
            rows = [(table.line_num, row) for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"cannot be read as a table ({error})", "save it as CSV in UTF-8") from None
    if missing:
        raise InputError(path, f"no column {missing[0]!r}", "see docs/training.md for its layout")
    return rows


def load_clips(data: Path, split: str, cache: Path) -> list[Clip]:
    """The clips of `split` of a dataset (see `find_dataset`), decoded into `cache` on first use. InputError
    if there are none."""
    index = data / "index.csv"
    listed = read_table(index, ("file", "split", "kind", "identity"))
    rows = [row for _, row in listed if row["split"] == split and row["kind"] == "clip"]
    files = [(data / row["file"], row["identity"]) for row in rows]
    if not rows:
        raise InputError(index, f"no clips of split {split!r}")
    needed = [path for clip, _ in files for path in (clip, clip.with_suffix(".npz"))]
    missing = [str(path.relative_to(data)) for path in needed if not path.is_file()]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise InputError(index, f"files are missing: {', '.join(missing[:3])}{more}")
    cache.mkdir(parents=True, exist_ok=True)
    return [_load_clip(path, identity, cache / _cached_name(path, data)) for path, identity in files]


def read_arrays(path: Path, *names: str) -> tuple[np.ndarray, ...]:
    """The arrays of these names in an .npz file, float32; InputError if one is missing or damaged."""
    try:
        with np.load(path) as arrays:
            return tuple(arrays[name].astype(np.float32) for name in names)
    except (OSError, ValueError, TypeError, KeyError, EOFError, BadZipFile) as error:
        reason = "the file is empty" if isinstance(error, EOFError) else error
        raise InputError(path, f"no landmarks {' and '.join(names)} ({reason})") from None


def clip_points(path: Path) -> np.ndarray:
    """The landmarks (T, 68, 2) float32 beside a clip; InputError if they are missing or wrong."""
    beside = path.with_suffix(".npz")
    (points,) = read_arrays(beside, "lmk68")
    if points.ndim != 3 or points.shape[1:] != (68, 2):
        raise InputError(beside, f"lmk68 has the shape {points.shape}, not (frames, 68, 2)")
    if not np.isfinite(points).all():
        raise InputError(beside, "lmk68 has points that are not finite", "leave such frames out of the clip")
    return points


def clip_irises(path: Path, points: np.ndarray) -> np.ndarray:
    """The irises (T, 2, 2) float32 beside a clip of landmarks `points` (T, 68, 2), else the lids' middles."""
    with np.load(path.with_suffix(".npz")) as arrays:
        if "iris" in arrays:
            return arrays["iris"].astype(np.float32)
        if "mesh" in arrays:
            return arrays["mesh"][:, (468, 473), :2].astype(np.float32)
    return np.stack([points[:, eye].mean(1) for eye in (slice(36, 42), slice(42, 48))], axis=1)


def _cached_name(path: Path, data: Path) -> str:
    """File name of a clip's decoded frames: from its name, place in the dataset, size and time."""
    place = hashlib.sha256(os.path.relpath(path, data).encode()).hexdigest()[:8]
    stat = path.stat()
    state = hashlib.sha256(f"{stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:8]
    return f"{path.stem}.{place}.{state}.npy"


def _load_clip(path: Path, identity: str, stored: Path) -> Clip:
    points = clip_points(path)
    if not stored.is_file():
        _store(stored, _decode(path))
        clip = stored.stem.rpartition(".")[0]
        for other in stored.parent.iterdir():  # frames of an older version of the clip
            if other.name.startswith(f"{clip}.") and not other.name.startswith(f"{stored.stem}."):
                other.unlink(missing_ok=True)
    frames = np.load(stored, mmap_mode="r")
    if len(frames) != len(points):
        raise InputError(path, f"{len(frames)} frames, but landmarks of {len(points)}")
    irises = clip_irises(path, points)
    _check_places(path, np.concatenate((points, irises), axis=1), frames.shape[1])
    moving = stored.with_suffix(".moving.npy")
    if not moving.is_file():
        _store(moving, moving_frames(frames))
    return Clip(path.stem, identity, frames, points, np.load(moving), irises)


def _check_places(path: Path, places: np.ndarray, side: int) -> None:
    """InputError if a landmark or iris lies further from the clip than its `side`: no face is so large."""
    inside = (np.abs(places - side / 2) <= 1.5 * side).all(axis=(1, 2))  # False where not finite too
    if not inside.all():
        frame = int(np.argmin(inside))
        reason = f"the landmarks of frame {frame} lie far outside the picture"
        raise InputError(path.with_suffix(".npz"), reason, "leave such frames out of the clip")


def moving_frames(frames: np.ndarray) -> np.ndarray:
    """Indices of the frames (T, H, W, 3) that differ from the one before by `REPEATED` or more; the first
    always does."""
    moves = [0]
    for index in range(1, len(frames)):
        change = np.abs(frames[index].astype(np.int16) - frames[index - 1]).mean()
        if change >= REPEATED:
            moves.append(index)
    return np.array(moves)


def _decode(path: Path) -> np.ndarray:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (result := capture.read())[0]:
        frames.append(cv2.cvtColor(result[1], cv2.COLOR_BGR2RGB))
    capture.release()
    if not frames:
        raise InputError(path, "cannot be decoded", "make the dataset again")
    return np.stack(frames)


def _store(path: Path, array: np.ndarray) -> None:
    try:
        with atomic_file(path) as part:
            np.save(part, array)
    except OSError as error:
        raise OSError(f"{path}: cannot be written ({error}); make room for the decoded clips.") from error


def draw_structures(task: Task, images: Tensor, points: Tensor, guidance: Tensor) -> Tensor:
    """Structure maps (B, T, S, h, w) of `images` (B, T, 3, H, W) in [-1, 1] with `points` (B, T, N, 2);
    `guidance` (B,), of faces: 0 landmarks, 1 landmarks and edges, 2 edges alone."""
    height, size = images.shape[-2:]
    if task != "face":
        return pose_structure(task, points.flatten(0, 1), (height, size)).unflatten(0, points.shape[:2])
    maps = []
    for picture, place, kind in zip(images, points, guidance.tolist(), strict=True):
        edges = image_edges((picture + 1) / 2) if kind else None
        drawn = structure_map(place, size, edges)
        maps.append(edges_only(drawn) if kind == 2 else drawn)
    return torch.stack(maps)


def collate(samples: list[Sample]) -> Batch:
    """A batch of B samples."""
    images, points, guidance, flow, weight = (np.stack(part) for part in zip(*samples, strict=True))
    pixels = torch.from_numpy(images).permute(0, 1, 4, 2, 3).float().div_(127.5).sub_(1)
    return Batch(pixels, *map(torch.from_numpy, (points, guidance, flow, weight)))


def ahead(make: Callable[[int], Batch], first: int, last: int) -> Iterator[Batch]:
    """Batches `first` to `last - 1`, made ahead of their use by half of the cores."""
    workers = max(1, min(8, (os.cpu_count() or 1) // 2))
    with ThreadPoolExecutor(workers) as pool:
        queue = deque(pool.submit(make, n) for n in range(first, min(last, first + workers)))
        try:
            for n in range(first, last):
                batch = queue.popleft().result()
                if n + workers < last:
                    queue.append(pool.submit(make, n + workers))
                yield batch
        finally:
            for future in queue:
                future.cancel()


class Sampler:
    """An endless, seeded stream of batches: identities evenly, one clip of each, a reference and T frames.

    Item i of batch n depends only on (seed, n, i): a resumed run continues where it stopped, and the
    processes of a group, each with its `rank`, draw what one process with the whole batch would.
    """

    def __init__(
        self,
        clips: list[Clip],
        batch: int,
        length: int,
        size: int,
        seed: int,
        *,
        rank: int = 0,
        extra: Augmentation | None = None,
        edges: bool = True,
    ):
        self.batch, self.length, self.size, self.seed, self.rank = batch, length, size, seed, rank
        self.extra, self.edges = extra or Augmentation(), edges
        self.people: dict[str, list[Clip]] = {}
        for clip in clips:
            if len(clip.moving) > length:
                self.people.setdefault(clip.identity, []).append(clip)
        self.names = sorted(self.people)
        if not self.names:
            raise InputError("the clips", f"none has more than {length} moving frames", "give longer ones")

    def __call__(self, number: int) -> Batch:
        first = self.rank * self.batch
        seeds = ((self.seed, number, first + i) for i in range(self.batch))
        return collate([self._sample(np.random.default_rng(seed)) for seed in seeds])

    def ahead(self, first: int, last: int) -> Iterator[Batch]:
        return ahead(self, first, last)

    def _sample(self, rng: np.random.Generator) -> Sample:
        clips = self.people[self.names[rng.integers(len(self.names))]]
        clip = clips[rng.choice(len(clips), p=_probabilities(clips))]
        count = len(clip.moving)
        stride = int(rng.integers(1, 1 + max(1, min(3, (count - 1) // self.length))))
        start = int(rng.integers(count - stride * (self.length - 1)))
        reference = int(rng.integers(count))
        # Drawn only if asked for, so that all other runs keep their random numbers.
        if self.extra.first_frame and rng.random() < self.extra.first_frame:
            reference = 0
        order = clip.moving[[reference, *range(start, start + stride * self.length, stride)]]
        if rng.random() < 0.3:
            order[1:] = order[:0:-1].copy()
        images, points = augment(
            np.stack([clip.frames[i] for i in order]), clip.points[order], self.size, rng, self.extra
        )
        guidance = int(rng.choice(3, p=(0.5, 0.35, 0.15))) if self.edges else 0
        return images, points, guidance, *teach_flow(images, points)


def _probabilities(clips: list[Clip]) -> np.ndarray:
    lengths = np.sqrt([len(clip.moving) for clip in clips])
    return lengths / lengths.sum()
