"""The authors' checkpoints, made from the recipe: recognised and read whole, or refused in a sentence."""

import pickle
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from authors import NAMES, empty_network, recipe_weights
from gfla.models import WeightsError, load_generator
from gfla.models.released import CLEANER, LICENCE, Released, load_cleaner, read_released, save_released
from safetensors import safe_open


def checkpoint(path: Path, weights: dict[str, torch.Tensor], prefix: str = "", legacy: bool = False) -> Path:
    """A .pth of `weights`; legacy: in the format of torch 1.0, which is no zip archive."""
    named = OrderedDict((prefix + name, value) for name, value in weights.items())
    torch.save(named, path, _use_new_zipfile_serialization=not legacy)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "prefix", "legacy"),
    [
        ("pose_fashion", "", True),
        ("pose_market", "module.", False),
        ("face", "module.", True),
        ("dance", "module.", False),
        ("shapenet", "", False),
        ("keypoint", "", True),
    ],
)
def test_each_network_is_recognised_in_both_formats_with_and_without_prefix(
    tmp_path, network, prefix, legacy
):
    weights = recipe_weights(network)
    released = read_released(checkpoint(tmp_path / "latest_net_G.pth", weights, prefix, legacy))
    assert released.name == NAMES.get(network, CLEANER)
    assert released.extra == ()
    for name, value in released.network.state_dict().items():
        assert torch.equal(value, weights["kp_input." * (network == "keypoint") + name]), name


def test_a_written_file_holds_licence_and_configuration(tmp_path):
    market, cleaner = tmp_path / "market.safetensors", tmp_path / "cleaner.safetensors"
    save_released(market, Released("authors-market", empty_network("pose_market"), ()))
    save_released(cleaner, Released(CLEANER, empty_network("keypoint"), ()))
    for path in (market, cleaner):
        with safe_open(path, framework="pt") as file:
            assert file.metadata()["licence"] == LICENCE == "CC BY-NC 4.0, non-commercial"
    assert load_generator(market, task="person").config.shape == (128, 64)
    load_cleaner(cleaner)
    with pytest.raises(WeightsError, match="not of the skeleton cleaner"):
        load_cleaner(market)
    with pytest.raises(WeightsError, match="cleaner"):
        load_generator(cleaner)


class Hostile:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("legacy", [False, True])
def test_what_could_run_code_is_not_loaded(tmp_path, legacy):
    made, path = tmp_path / "made", tmp_path / "latest_net_G.pth"
    torch.save({"weight": Hostile(made)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(WeightsError, match=r"latest_net_G\.pth: .*not loaded"):
        read_released(path)
    path.write_bytes(pickle.dumps(Hostile(made)))
    with pytest.raises(WeightsError, match=r"latest_net_G\.pth: "):
        read_released(path)
    assert not made.exists()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, legacy, share):
    path = checkpoint(tmp_path / "cut.pth", recipe_weights("keypoint"), "", legacy)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WeightsError, match=r"cut\.pth: damaged"):
        read_released(path)


def refused(tmp_path: Path, weights: Any, says: str) -> None:
    with pytest.raises(WeightsError, match=says) as caught:
        read_released(checkpoint(tmp_path / "w.pth", weights))
    assert re.fullmatch(r"[^\n]*w\.pth: [^\n]*\.", str(caught.value))


def test_other_networks_and_parts_of_one_are_refused_by_what_is_wrong(tmp_path):
    weights = recipe_weights("keypoint")
    refused(tmp_path, {"block0.conv.weight": torch.zeros(3, 3)}, "none of the released generators: its 1 ten")
    refused(tmp_path, {}, "none of the released")
    refused(tmp_path, {"state_dict": weights}, "not the plain weights")
    torch.save(torch.zeros(3), tmp_path / "t.pth")
    with pytest.raises(WeightsError, match="not the plain weights"):
        read_released(tmp_path / "t.pth")
    with pytest.raises(WeightsError, match="no such file"):
        read_released(tmp_path / "none.pth")
    part = {name: value for name, value in weights.items() if "layers_ln.5" not in name}
    refused(tmp_path, part, r"6 of 50 tensors of authors-skeleton-cleaner are missing, layers_ln\.5\.")
    name = "kp_input.shrink.weight"
    refused(
        tmp_path, weights | {name: torch.zeros(34, 128, 1)}, r"shrink\.weight has the shape \(34, 128, 1\)"
    )
    refused(tmp_path, weights | {name: weights[name] * float("nan")}, r"shrink\.weight is not finite")


@pytest.mark.slow
def test_doubled_layers_must_agree_and_extra_names_are_told(tmp_path):
    weights, name = recipe_weights("pose_market"), "target.outconv.conv1.bias"
    refused(tmp_path, weights | {name: weights[name] + 1}, r"outconv\.conv1\.bias differ")
    path = checkpoint(tmp_path / "w.pth", weights | {"module.more": torch.zeros(1)})
    assert read_released(path).extra == ("more",)
