"""Reads ShapeNet's renderings as Multiview2Novelview publishes them and GFLA pairs them.

A folder holds `data_CATEGORY.hdf5` and `id_CATEGORY_train.txt`, `id_CATEGORY_test.txt`. A line of the lists
is a key MODEL_H_V of the file: H counts azimuths of 10 degrees, V is the elevation in degrees; under it lies
`image` (height, width, 3) uint8. Needs h5py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

AZIMUTHS = 18  # of a pair's target: multiples of 20 degrees


class ViewFile:
    """Views of one category, for training or for the test, in pictures of `shape` (height, width)."""

    def __init__(self, folder: Path, phase: Literal["train", "test"], shape: tuple[int, int]):
        """ValueError in a sentence if a file is missing or h5py is."""
        try:
            import h5py
        except ImportError:
            raise ValueError("ShapeNet's views are HDF5: pip install 'gfla[views]'.") from None
        files = sorted(folder.glob("data_*.hdf5"))
        if len(files) != 1:
            raise ValueError(f"{folder} has {len(files)} files data_CATEGORY.hdf5, not one.")
        category = files[0].stem.removeprefix("data_")
        ids = folder / f"id_{category}_{phase}.txt"
        if not ids.is_file():
            raise ValueError(f"There is no list {ids}.")
        self.phase, self.shape, self.path = phase, shape, files[0]
        self.file = h5py.File(files[0], "r")
        self.ids = [line.strip() for line in ids.read_text().splitlines() if line.strip()]
        self.models = sorted({name.rsplit("_", 2)[0] for name in self.ids})
        if not self.ids:
            raise ValueError(f"{ids} lists no views.")

    def __len__(self) -> int:
        return AZIMUTHS * len(self.ids if self.phase == "train" else self.models)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Pair `index`: images (2, H, W, 3) uint8 RGB and views (2, 1, 2) float32, azimuth and elevation in
        degrees. In training every view goes to each of 18 azimuths of its elevation; in the test model j goes
        from azimuth 20 (j mod 18) and elevation 0 to each."""
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
            raise ValueError(f"{self.path} holds no view {key}.")
        image = np.asarray(self.file[f"{key}/image"])
        if image.shape[0] == 3:
            image = image.transpose(1, 2, 0)
        picture = Image.fromarray(np.ascontiguousarray(image[..., :3]).astype(np.uint8))
        return np.asarray(picture.resize((self.shape[1], self.shape[0]), Image.Resampling.BILINEAR))
