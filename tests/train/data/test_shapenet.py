"""ShapeNet's views in the published HDF5 layout, in miniature."""

import numpy as np
import pytest
from gfla.train.data.pairs.sampling import PairSampler, open_pairs
from gfla.train.data.pairs.shapenet import ViewFile


@pytest.fixture
def cars(tmp_path):
    """Two models from 36 azimuths and three elevations; grey tells the azimuth."""
    h5py = pytest.importorskip("h5py")
    models = ("1a2b", "9z_x")
    with h5py.File(tmp_path / "data_car.hdf5", "w") as file:
        for model in models:
            for h in range(36):
                for v in (0, 10, 20):
                    group = file.create_group(f"{model}_{h}_{v}")
                    group["image"] = np.full((16, 16, 3), 5 * h, np.uint8)
                    group["pose"] = np.array([h, v])
    (tmp_path / "id_car_train.txt").write_text("1a2b_3_10\n1a2b_4_20\n")
    (tmp_path / "id_car_test.txt").write_text("9z_x_0_0\n1a2b_0_0\n")
    return tmp_path


def test_training_goes_to_every_azimuth_of_its_elevation(cars):
    views = ViewFile(cars, "train", (64, 64))
    assert len(views) == 36
    images, points = views[18 + 5]
    assert points.tolist() == [[[40, 20]], [[100, 20]]]
    assert images.shape == (2, 64, 64, 3)
    assert images[:, 0, 0, 0].tolist() == [20, 50]


def test_the_test_starts_elsewhere_with_each_model(cars):
    views = ViewFile(cars, "test", (16, 16))
    assert len(views) == 36
    assert views[18 + 7][1].tolist() == [[[20, 0]], [[140, 0]]]
    batch = PairSampler(open_pairs("view", cars, (64, 64), "val"), 2, seed=0)(0)
    assert batch.points.shape == (2, 2, 1, 2)


def test_what_is_missing_is_named(cars):
    (cars / "id_car_test.txt").unlink()
    with pytest.raises(ValueError, match="id_car_test"):
        ViewFile(cars, "test", (16, 16))
    (cars / "id_car_train.txt").write_text("gone_1_0\n")
    with pytest.raises(ValueError, match="gone_1_0"):
        ViewFile(cars, "train", (16, 16))[0]
    with pytest.raises(ValueError, match="hdf5"):
        ViewFile(cars / "nowhere", "train", (16, 16))
