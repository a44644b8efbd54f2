"""The tracker's networks: shapes, batches, reading of heat maps and cells, and the shipped weights."""

import json
import math
from dataclasses import asdict

import pytest
import torch
from gfla.models.tracker import WEIGHTS, Tracker, TrackerConfig, load_tracker, read_cells, read_heat
from gfla.models.weights import save_weights
from safetensors import safe_open

SMALL = TrackerConfig(finder_widths=(4, 4, 8, 8, 8), aligner_widths=(4, 8, 8, 8), crop=64)


@pytest.fixture
def tracker() -> Tracker:
    torch.manual_seed(0)
    return Tracker(SMALL).eval()


def test_finder_answers_for_every_cell_of_any_size(tracker: Tracker) -> None:
    for height, width in ((32, 32), (64, 160)):
        assert tracker.finder(torch.rand(2, 3, height, width)).shape == (2, 6, height // 8, width // 8)


def test_aligner_gives_points_scores_and_heat(tracker: Tracker) -> None:
    points, score, heat = tracker.aligner(torch.rand(3, 3, 64, 64))
    assert points.shape == (3, 70, 2)
    assert score.shape == (3,)
    assert heat.shape == (3, 70, 16, 16)
    assert points.dtype == torch.float32


def test_a_batch_says_what_each_image_says_alone() -> None:
    tracker = load_tracker()
    torch.manual_seed(0)
    crops, frames = torch.rand(3, 3, 112, 112), torch.rand(3, 3, 96, 128)
    with torch.inference_mode():
        together = tracker.aligner(crops)[0]
        alone = torch.cat([tracker.aligner(crops[k : k + 1])[0] for k in range(3)])
        torch.testing.assert_close(together, alone, atol=2e-3, rtol=0)
        together = tracker.finder(frames)
        alone = torch.cat([tracker.finder(frames[k : k + 1]) for k in range(3)])
        torch.testing.assert_close(together, alone, atol=2e-3, rtol=0)


def test_heat_is_read_at_its_mean_between_cells() -> None:
    heat = torch.full((1, 2, 8, 8), -50.0)
    heat[0, 0, 3, 5] = 0
    heat[0, 1, 2, 1] = heat[0, 1, 2, 2] = 0
    # Cell 5 of stride 4 covers pixels 20-23, whose middle is 21.5.
    expected = torch.tensor([[[21.5, 13.5], [7.5, 9.5]]])
    torch.testing.assert_close(read_heat(heat, 4), expected, atol=1e-4, rtol=0)


def test_cells_are_read_as_pixels_and_radians() -> None:
    cells = torch.zeros(1, 6, 2, 4)
    cells[0, :, 1, 2] = torch.tensor([0.0, 0.5, -0.25, 1.0, 0.5, 0.5])
    probability, x, y, size, roll = read_cells(cells, 8)[0, 1, 2].tolist()
    assert probability == pytest.approx(0.5)
    assert (x, y) == pytest.approx((23.5, 9.5))
    assert size == pytest.approx(64)
    assert roll == pytest.approx(math.pi / 4)


@pytest.mark.slow
def test_folding_the_normalisation_changes_nothing(tracker: Tracker, tmp_path) -> None:
    image = torch.rand(1, 3, 64, 64)
    for norm in tracker.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(norm.running_mean, -1, 1)  # type: ignore[arg-type]
            torch.nn.init.uniform_(norm.running_var, 0.5, 2)  # type: ignore[arg-type]
    tracker.half().float()  # what the file will hold
    save_weights(tmp_path / "t.safetensors", tracker, asdict(SMALL))
    loaded = load_tracker(path=tmp_path / "t.safetensors")
    assert loaded.config == SMALL
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in loaded.modules())
    torch.testing.assert_close(loaded.aligner(image)[0], tracker.aligner(image)[0], atol=1e-3, rtol=0)
    torch.testing.assert_close(loaded.finder(image), tracker.finder(image), atol=1e-3, rtol=1e-4)


def test_the_shipped_weights_are_small_halves_and_say_their_config() -> None:
    assert WEIGHTS.stat().st_size <= 3_000_000
    with safe_open(WEIGHTS, "pt") as file:
        config = json.loads(file.metadata()["config"])
        kinds = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    assert kinds <= {"F16", "I64"}
    assert config["crop"] == load_tracker().config.crop


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_says_what_the_cpu_says() -> None:
    torch.manual_seed(0)
    crops = torch.rand(2, 3, 112, 112)
    there = load_tracker("cuda").aligner(crops.cuda())[0].cpu()
    torch.testing.assert_close(there, load_tracker().aligner(crops)[0], atol=0.05, rtol=0)
