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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ...animate.compositing.matte import portrait_matte
from ...animate.errors import InputError
from ...animate.io.atomic import atomic_file
from ...animate.io.image import read_image
from ...animate.structure import edges_only, image_edges, pose_structure, structure_map
from ...models import Layers
from ...models.config import Task

MATTE_STEP = 20
"""The person is known in each frame of a clip whose number this divides."""
REPEATED = 0.3
"""Mean difference from the frame before, in grey levels of 255, below which a frame repeats it."""


@dataclass(frozen=True)
class Clip:
    """One clip: frames (T, size, size, 3) uint8 RGB, memory-mapped, and points (T, 68, 2) float32.

    moving: (M,) the frames that do not repeat the one before them, in order. irises: (T, 2, 2) float32, of
    the eyes 36-41 and 42-47, the lids' middles where nobody labelled them. mattes: (N, size, size) uint8, the
    person in frames 0, MATTE_STEP, 2 MATTE_STEP ...; None if not asked for.
    """

    name: str
    identity: str
    frames: np.ndarray
    points: np.ndarray
    moving: np.ndarray
    irises: np.ndarray
    mattes: np.ndarray | None = None


class Batch(NamedTuple):
    """Reference and frames of B samples.

    Attributes:
        images: (B, 1 + T, 3, H, W) float32 in [-1, 1], the reference first.
        points: (B, 1 + T, N, 2) float32 of the pose, see `models.GeneratorConfig.task`; landmarks have the
            jitter of a tracker.
        guidance: (B,) int64: 0 landmarks, 1 landmarks and edges, 2 edges alone.
        flow: (B, T, 2, H/4, W/4) the teacher's backward flow to the reference, pixels of the full picture.
        flow_weight: (B, T, 1, H/4, W/4) in [0, 1]; see `flow_teacher`.
        matte, plate: (B, 1, H, W) in [0, 1] and (B, 3, H, W) in [-1, 1], the references' `Layers`; None
            without layers.
    """

    images: Tensor
    points: Tensor
    guidance: Tensor
    flow: Tensor
    flow_weight: Tensor
    matte: Tensor | None = None
    plate: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        return Batch(*(None if tensor is None else tensor.to(device) for tensor in self))  # type: ignore[arg-type]

    def layers(self) -> Layers | None:
        """Of the references."""
        return None if self.matte is None or self.plate is None else Layers(self.matte, self.plate)


Sample = tuple[Any, ...]
"""Images (1 + T, H, W, 3) uint8, points, guidance, flow and flow weight, as in `Batch`; with layers then the
matte (H, W) uint8 and the plate (H, W, 3) uint8."""


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


def load_clips(data: Path, split: str, cache: Path, *, mattes: bool = False) -> list[Clip]:
    """The clips of `split` of a dataset (see `find_dataset`), decoded into `cache` on first use. mattes:
    whether the persons in them are needed, too. InputError if there are no clips."""
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
    clips = []
    for path, identity in tqdm(files, "clips", disable=not mattes, leave=False):
        stored = cache / _cached_name(path, data)
        clip = _load_clip(path, identity, stored)
        clips.append(replace(clip, mattes=_load_mattes(clip.frames, stored)) if mattes else clip)
    return clips


def load_stills(data: Path, split: str, cache: Path) -> list[Clip]:
    """The portraits of `split` with their persons, as clips of one frame; there may be none. InputError if
    one cannot be read."""
    rows = [row for _, row in read_table(data / "index.csv", ("file", "split", "kind", "identity"))]
    portraits = []
    for row in rows:
        path = data / row["file"]
        if row["split"] != split or row["kind"] != "portrait":
            continue
        frames, points = read_image(path)[0][None], clip_points(path, portrait=True)
        if frames.shape[1] != frames.shape[2]:
            raise InputError(path, "not a square picture of a face", "crop it")
        mattes = _load_mattes(frames, cache / _cached_name(path, data))
        first = np.zeros(1, np.intp)
        portraits.append(
            Clip(path.stem, row["identity"], frames, points, first, clip_irises(path, points), mattes)
        )
    return portraits


def clip_points(path: Path, *, portrait: bool = False) -> np.ndarray:
    """The landmarks (T, 68, 2) float32 beside a clip, or (1, 68, 2) beside a portrait; InputError if they are
    missing or wrong."""
    beside = path.with_suffix(".npz")
    try:
        points = np.load(beside)["lmk68"].astype(np.float32)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(beside, f"no landmarks lmk68 ({error})") from None
    points = points[None] if portrait else points
    if points.ndim != 3 or points.shape[1:] != (68, 2):
        raise InputError(beside, f"lmk68 has the shape {points.shape}, not (frames, 68, 2)")
    if not np.isfinite(points).all():
        raise InputError(beside, "lmk68 has points that are not finite", "leave such frames out of the clip")
    return points


def clip_irises(path: Path, points: np.ndarray) -> np.ndarray:
    """The irises (T, 2, 2) float32 beside a clip of landmarks `points` (T, 68, 2), else the lids' middles."""
    with np.load(path.with_suffix(".npz")) as arrays:
        if "iris" in arrays:
            return arrays["iris"].astype(np.float32).reshape(-1, 2, 2)
        if "mesh" in arrays:
            return arrays["mesh"].reshape(-1, 478, 3)[:, (468, 473), :2].astype(np.float32)
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
    moving = stored.with_suffix(".moving.npy")
    if not moving.is_file():
        _store(moving, moving_frames(frames))
    return Clip(path.stem, identity, frames, points, np.load(moving), clip_irises(path, points))


def _load_mattes(frames: np.ndarray, stored: Path) -> np.ndarray:
    """The persons (N, size, size) uint8 in every MATTE_STEP-th of `frames`, found by the shipped network and
    kept beside the decoded frames `stored`."""
    path = stored.with_suffix(".mattes.npy")
    if not path.is_file():
        mattes = [portrait_matte(np.ascontiguousarray(frame)) for frame in frames[::MATTE_STEP]]
        path.parent.mkdir(parents=True, exist_ok=True)
        _store(path, np.rint(255 * np.stack(mattes)).astype(np.uint8))
    return np.load(path, mmap_mode="r")


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
    images, points, guidance, flow, weight, *layers = (np.stack(part) for part in zip(*samples, strict=True))
    pixels = torch.from_numpy(images).permute(0, 1, 4, 2, 3).float().div_(127.5).sub_(1)
    batch = Batch(pixels, *map(torch.from_numpy, (points, guidance, flow, weight)))
    if not layers:
        return batch
    matte, plate = map(torch.from_numpy, layers)
    plate = plate.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    return batch._replace(matte=matte[:, None].float().div_(255), plate=plate)


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
