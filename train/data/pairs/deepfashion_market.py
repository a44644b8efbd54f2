"""Reads DeepFashion and Market-1501 with the pairs and joints that the papers' authors published.

A folder holds the pictures in `train/` and `test/`, and for each phase two tables:

- `fasion-pairs-PHASE.csv` (so spelt; or `market-pairs-PHASE.csv`): columns from and to.
- `fasion-annotation-PHASE.csv` (or `market-...`), separated by colons: columns name, keypoints_y and
  keypoints_x, JSON lists of 18 numbers in OpenPose's order, -1 where a joint is unknown.

Joints are in a frame of 256 x 176 (DeepFashion) or 128 x 64 (Market-1501), height x width, whatever the size
of the picture, which is resized to that frame's shape.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ....animate.errors import InputError
from ....animate.io.image import read_image

Phase = Literal["train", "test"]
_FRAMES = {"fasion": (256, 176), "market": (128, 64)}


class PersonList:
    """The published pairs of one phase, scaled to pictures of `shape` (height, width)."""

    def __init__(self, folder: Path, phase: Phase, shape: tuple[int, int]):
        """InputError if a table is missing or does not fit the others."""
        self.folder, self.phase, self.shape = folder, phase, shape
        kind = kind_of(folder)
        if kind is None:
            raise InputError(folder, "neither fasion-pairs-train.csv nor market-pairs-train.csv in it")
        self.frame = _FRAMES[kind]
        pairs = _rows(folder / f"{kind}-pairs-{phase}.csv", ",", ("from", "to"))
        self.pairs = [(row["from"], row["to"]) for row in pairs]
        annotation = folder / f"{kind}-annotation-{phase}.csv"
        self.joints: dict[str, NDArray[np.float32]] = {}
        for row in _rows(annotation, ":", ("name", "keypoints_y", "keypoints_x")):
            self.joints[row["name"]] = _joints(row, annotation)
        known = {name for pair in self.pairs for name in pair}
        missing = sorted(known - self.joints.keys())
        if missing:
            raise InputError(annotation, f"no row for {missing[0]} and {len(missing) - 1} more")
        if not self.pairs:
            raise InputError(folder / f"{kind}-pairs-{phase}.csv", "no pairs in it")

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Pair `index`: images (2, H, W, 3) uint8 RGB and joints (2, 18, 2) float32 pixels, NaN where
        unknown."""
        names = self.pairs[index]
        images = np.stack([self._picture(name) for name in names])
        scale = np.array((self.shape[1] / self.frame[1], self.shape[0] / self.frame[0]), np.float32)
        return images, np.stack([self.joints[name] for name in names]) * scale

    def _picture(self, name: str) -> NDArray[np.uint8]:
        image, _ = read_image(self.folder / self.phase / name)
        size = (self.shape[1], self.shape[0])
        return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def kind_of(folder: Path) -> str | None:
    """The dataset whose tables the folder has: "fasion", "market" or None."""
    return next((kind for kind in _FRAMES if (folder / f"{kind}-pairs-train.csv").is_file()), None)


def _rows(table: Path, separator: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    if not table.is_file():
        raise InputError(table, "no such table", "see docs/persons.md for the layout")
    with table.open(newline="") as file:
        rows = list(
            csv.DictReader(file, delimiter=separator, quoting=csv.QUOTE_NONE if separator == ":" else 0)
        )
    if rows and not all(rows[0].get(column) for column in columns):
        raise InputError(table, f"it needs the columns {', '.join(columns)}")
    return rows


def _joints(row: dict[str, str], table: Path) -> NDArray[np.float32]:
    try:
        joints = np.array([json.loads(row[f"keypoints_{axis}"]) for axis in "xy"], np.float32).T
    except (ValueError, TypeError) as error:
        raise InputError(table, f"the joints of {row['name']} cannot be read ({error})") from None
    if joints.shape != (18, 2):
        raise InputError(table, f"{row['name']} does not have 18 joints")
    joints[(joints < 0).any(1)] = np.nan
    return joints
