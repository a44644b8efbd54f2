"""Reads ShapeNet's renderings as published by Multiview2Novelview, paired as in GFLA. Needs h5py.

A folder holds `data_CATEGORY.hdf5`, `id_CATEGORY_train.txt` and `id_CATEGORY_test.txt`. A line of a list is a
key MODEL_H_V of the HDF5 file: H counts azimuths of 10 degrees, V is the elevation in degrees. Each key holds
`image` (height, width, 3) uint8.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ....animate.errors import InputError

AZIMUTHS = 18  # of a pair's target, every 20 degrees


class ViewFile:
    """Pairs of views of one category and phase, in pictures of `shape` (height, width)."""

    def __init__(self, folder: Path, phase: Literal["train", "test"], shape: tuple[int, int]):
        """InputError if a file or h5py is missing."""
        try:
            import h5py
        except ImportError:
            raise InputError(folder, "ShapeNet's views are HDF5", "pip install 'gfla[views]'") from None
        files = sorted(folder.glob("data_*.hdf5"))
        if len(files) != 1:
            raise InputError(folder, f"{len(files)} files data_CATEGORY.hdf5, not one")
        category = files[0].stem.removeprefix("data_")
        ids = folder / f"id_{category}_{phase}.txt"
        if not ids.is_file():
            raise InputError(ids, "no such list")
        self.phase, self.shape, self.path = phase, shape, files[0]
        self.file = h5py.File(files[0], "r")
        self.ids = [line.strip() for line in ids.read_text().splitlines() if line.strip()]
        self.models = sorted({name.rsplit("_", 2)[0] for name in self.ids})
        if not self.ids:
            raise InputError(ids, "no views in it")

    def __len__(self) -> int:
        return AZIMUTHS * len(self.ids if self.phase == "train" else self.models)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Pair `index`: images (2, H, W, 3) uint8 RGB and views (2, 1, 2) float32, azimuth and elevation in
        degrees. In training every view is paired with each of 18 azimuths at its elevation; in the test the
        source of model j is at azimuth 20 (j mod 18) and elevation 0."""
        number, target = divmod(index, AZIMUTHS)
        if self.phase == "train":
            model, h, v = self.ids[number].rsplit("_", 2)
            source, elevation = int(h), int(v)
        else:
            model, source, elevation = self.models[number], 2 * (number % AZIMUTHS), 0
        views = [(source, elevation), (2 * target, elevation)]
        images = np.stack([self._picture(f"{model}_{h}_{v}") for h, v in views])
        return images, np.array([[(10 * h, v)] for h, v in views], np.float32)

    def _picture(self, key: str) -> NDArray[np.uint8]:
        if f"{key}/image" not in self.file:
            raise InputError(self.path, f"no view {key} in it")
        image = np.asarray(self.file[f"{key}/image"])
        if image.shape[0] == 3:
            image = image.transpose(1, 2, 0)
        picture = Image.fromarray(np.ascontiguousarray(image[..., :3]).astype(np.uint8))
        return np.asarray(picture.resize((self.shape[1], self.shape[0]), Image.Resampling.BILINEAR))
