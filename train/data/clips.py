"""Clips with landmarks for training the generator: a reference, then consecutive frames.

Beside each clip, a square H.264 video of one face, lies an `.npz` with `lmk68` (T, 68, 2) float32 pixels, x
then y; `iris` (T, 2, 2) or a `mesh` of 478 points for close-ups; and `moving` (T,) bool, the frames that do
not repeat the one before. Clips stay compressed on disk and in memory (`reading`).
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from ...animate.errors import InputError
from ...animate.io.image import read_image
from ...animate.matting import portrait_matte
from ...animate.structure import edges_only, image_edges, pose_structure, structure_map
from ...models import Layers
from ...models.config import Task
from .reading.cache import Cache
from .reading.compressed import CompressedFrames, MadeFrames

MATTE_STEP = 20
"""The person is known in each frame of a clip whose number this divides."""
REPEATED = 0.3
"""Mean difference from the frame before, in grey levels of 255, below which a frame repeats it."""


@dataclass(frozen=True)
class Clip:
    """One clip: frames (T, size, size, 3) uint8 RGB, decoded when read, and points (T, 68, 2) float32.

    moving: (M,) the frames that do not repeat the one before them, in order. irises: (T, 2, 2) float32, of
    the eyes 36-41 and 42-47, the lids' middles where nobody labelled them. mattes: (N, size, size) uint8, the
    person in frames 0, MATTE_STEP, 2 MATTE_STEP ..., found when they are read; None if not asked for.
    """

    name: str
    identity: str
    frames: np.ndarray | CompressedFrames
    points: np.ndarray
    moving: np.ndarray
    irises: np.ndarray
    mattes: np.ndarray | MadeFrames | None = None

    @property
    def nbytes(self) -> int:
        """Memory of what is not decoded when it is read."""
        own = (self.frames, self.points, self.moving, self.irises)
        return sum(array.nbytes for array in own if isinstance(array, np.ndarray))


class Batch(NamedTuple):
    """Reference and frames of B samples.

    Attributes:
        images: (B, 1 + T, 3, H, W) float32 in [-1, 1], the reference first.
        points: (B, 1 + T, N, 2) float32 of the pose, see `models.GeneratorConfig.task`; landmarks have the
            jitter of a tracker.
        guidance: (B,) int64: 0 landmarks, 1 landmarks and edges, 2 edges alone.
        flow: (B, T, 2, H/4, W/4) the teacher's backward flow to the reference, pixels of the full picture.
        flow_weight: (B, T, 1, H/4, W/4) in [0, 1]; see `flow_teacher`.
        fine: (B, T, 2, H/4, W/4) pixels of the full picture, the frames' fine motion, see
            `animate.face.fine_flow`; 0 where nobody looked.
        matte, plate: (B, 1, H, W) in [0, 1] and (B, 3, H, W) in [-1, 1], the references' `Layers`; None
            without layers.
    """

    images: Tensor
    points: Tensor
    guidance: Tensor
    flow: Tensor
    flow_weight: Tensor
    fine: Tensor
    matte: Tensor | None = None
    plate: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        return Batch(*(None if tensor is None else tensor.to(device) for tensor in self))  # type: ignore[arg-type]

    def layers(self) -> Layers | None:
        """Of the references."""
        return None if self.matte is None or self.plate is None else Layers(self.matte, self.plate)


Sample = tuple[Any, ...]
"""Images (1 + T, H, W, 3) uint8, points, guidance, flow, its weight and fine, as in `Batch`; with layers then
the matte (H, W) uint8 and the plate (H, W, 3) uint8."""


def find_dataset(folder: Path | None) -> Path:
    """The folder with index.csv or tar files: `folder` or its `faces`; by default of the environment variable
    GFLA_DATA. InputError if there is none."""
    if folder is None:
        if not os.environ.get("GFLA_DATA"):
            raise InputError("--data", "no data folder", "name it, or set the environment variable GFLA_DATA")
        folder = Path(os.environ["GFLA_DATA"])
    for candidate in (folder, folder / "faces"):
        if (candidate / "index.csv").is_file() or find_shards(candidate):
            return candidate
    raise InputError(folder, "not a data folder: no index.csv in it, nor tar files")


def find_shards(folder: Path) -> list[Path]:
    """The tar files in a folder without an index, in the order of their names."""
    return [] if (folder / "index.csv").is_file() else sorted(folder.glob("*.tar"))


def perceptual_weights(data: Path | None) -> Path:
    """Default path of SqueezeNet's weights: beside the dataset, or in GFLA_DATA without one."""
    home = data.parent if data else Path(os.environ.get("GFLA_DATA", "."))
    return home / "perceptual" / "squeezenet1_0.safetensors"


def read_table(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """All of `scan_table`."""
    return list(scan_table(path, columns))


def scan_table(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file, each with its line number; missing cells are "". UTF-8, with or without a byte
    order mark. InputError if it cannot be read or lacks one of `columns`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, restval="")
            missing = [column for column in columns if column not in (table.fieldnames or ())]
            if missing:
                raise InputError(path, f"no column {missing[0]!r}", "see docs/training.md for its layout")
            yield from ((table.line_num, row) for row in table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"cannot be read as a table ({error})", "save it as CSV in UTF-8") from None


def open_clip(path: Path, identity: str, cache: Cache, *, mattes: bool = False) -> Clip:
    """The clip `path` with what lies beside it. InputError if it cannot be used; whether its frames can be
    decoded is seen when they are read."""
    beside = path.with_suffix(".npz")
    return clip_of(path, beside, str(path), identity, cache, mattes=mattes)


def clip_of(
    video: Path | bytes, beside: Path | bytes, name: str, identity: str, cache: Cache, *, mattes: bool
) -> Clip:
    """The clip `name` of a `video` and the arrays `beside` it, files or their bytes; as `open_clip`."""
    where = beside if isinstance(beside, Path) else Path(name).with_suffix(".npz")
    arrays = _load_arrays(beside, where)
    points = _checked_points(arrays, where)
    frames = CompressedFrames(video, name, len(points), cache)
    irises = _irises(arrays, points)
    _check_places(where, np.concatenate((points, irises), axis=1), frames.shape[1])
    found = _persons(frames, name, cache) if mattes else None
    return Clip(Path(name).stem, identity, frames, points, _moving(arrays, frames, where), irises, found)


def open_still(path: Path, identity: str, cache: Cache) -> Clip:
    """The portrait `path` with its person, as a clip of one frame; InputError if it cannot be used."""
    frames, points = read_image(path)[0][None], clip_points(path, portrait=True)
    if frames.shape[1] != frames.shape[2]:
        raise InputError(path, "not a square picture of a face", "crop it")
    irises = _irises(_load_arrays(path.with_suffix(".npz"), path), points)
    first = np.zeros(1, np.intp)
    return Clip(path.stem, identity, frames, points, first, irises, _persons(frames, str(path), cache))


def _persons(frames: np.ndarray | CompressedFrames, name: str, cache: Cache) -> MadeFrames:
    """The persons in every MATTE_STEP-th of `frames`, found by the shipped network."""

    def person(number: int) -> np.ndarray:
        matte = portrait_matte(np.ascontiguousarray(frames[number * MATTE_STEP]))
        return np.rint(255 * matte).astype(np.uint8)

    return MadeFrames(1 + (len(frames) - 1) // MATTE_STEP, person, (name, "matte"), cache)


def read_arrays(path: Path, *names: str) -> tuple[np.ndarray, ...]:
    """The arrays of these names in an .npz file, float32; InputError if one is missing or damaged."""
    arrays = _load_arrays(path, path)
    return tuple(_array(arrays, name, path) for name in names)


def clip_points(path: Path, *, portrait: bool = False) -> np.ndarray:
    """The landmarks (T, 68, 2) float32 beside a clip, or (1, 68, 2) beside a portrait; InputError if they are
    missing or wrong."""
    beside = path.with_suffix(".npz")
    return _checked_points(_load_arrays(beside, beside), beside, portrait=portrait)


def _load_arrays(source: Path | bytes, where: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file or its bytes."""
    try:
        with np.load(io.BytesIO(source) if isinstance(source, bytes) else source) as arrays:
            return {name: arrays[name] for name in arrays}
    except (OSError, ValueError, TypeError, KeyError, EOFError, BadZipFile) as error:
        reason = "the file is empty" if isinstance(error, EOFError) else error
        raise InputError(where, f"no landmarks lmk68 ({reason})") from None


def _array(arrays: dict[str, np.ndarray], name: str, where: Path) -> np.ndarray:
    try:
        return arrays[name].astype(np.float32)
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(where, f"no landmarks {name} ({error})") from None


def _checked_points(arrays: dict[str, np.ndarray], where: Path, *, portrait: bool = False) -> np.ndarray:
    points = _array(arrays, "lmk68", where)
    points = points[None] if portrait else points
    if points.ndim != 3 or points.shape[1:] != (68, 2):
        raise InputError(where, f"lmk68 has the shape {points.shape}, not (frames, 68, 2)")
    if not np.isfinite(points).all():
        raise InputError(where, "lmk68 has points that are not finite", "leave such frames out of the clip")
    return points


def _irises(arrays: dict[str, np.ndarray], points: np.ndarray) -> np.ndarray:
    """The irises (T, 2, 2) float32, else the lids' middles of `points` (T, 68, 2)."""
    if "iris" in arrays:
        return arrays["iris"].astype(np.float32).reshape(-1, 2, 2)
    if "mesh" in arrays:
        return arrays["mesh"].reshape(-1, 478, 3)[:, (468, 473), :2].astype(np.float32)
    return np.stack([points[:, eye].mean(1) for eye in (slice(36, 42), slice(42, 48))], axis=1)


def _moving(arrays: dict[str, np.ndarray], frames: CompressedFrames, where: Path) -> np.ndarray:
    """The frames that do not repeat the one before, from `moving`; without it the clip must be decoded:
    landmarks of equal pictures differ as much as those of others."""
    if "moving" not in arrays:
        return moving_frames(frames)
    moving = np.asarray(arrays["moving"], dtype=bool)
    if moving.shape != (len(frames),):
        raise InputError(where, f"moving has the shape {moving.shape}, not ({len(frames)},)")
    return np.flatnonzero(moving)


def moving_frames(frames: np.ndarray | CompressedFrames) -> np.ndarray:
    """Indices of the frames (T, H, W, 3) that differ from the one before by `REPEATED` or more; the first
    always does."""
    moves, before = [0], frames[0].astype(np.int16)
    for index in range(1, len(frames)):
        frame = frames[index].astype(np.int16)
        if np.abs(frame - before).mean() >= REPEATED:
            moves.append(index)
        before = frame
    return np.array(moves)


def _check_places(where: Path, places: np.ndarray, side: int) -> None:
    """InputError if a landmark or iris lies further from the clip than its `side`: no face is so large."""
    inside = (np.abs(places - side / 2) <= 1.5 * side).all(axis=(1, 2))  # False where not finite too
    if not inside.all():
        frame = int(np.argmin(inside))
        reason = f"the landmarks of frame {frame} lie far outside the picture"
        raise InputError(where, reason, "leave such frames out of the clip")


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
    stacked = (np.stack(part) for part in zip(*samples, strict=True))
    images, points, guidance, flow, weight, fine, *layers = stacked
    pixels = torch.from_numpy(images).permute(0, 1, 4, 2, 3).float().div_(127.5).sub_(1)
    batch = Batch(pixels, *map(torch.from_numpy, (points, guidance, flow, weight, fine)))
    if not layers:
        return batch
    matte, plate = map(torch.from_numpy, layers)
    plate = plate.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    return batch._replace(matte=matte[:, None].float().div_(255), plate=plate)
