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


@pytest.mark.slow
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


@pytest.mark.slow
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
    refused(tmp_path, part, r"authors-skeleton-cleaner, but 6 of 50 tensors are missing, layers_ln\.5\.")
    name = "kp_input.shrink.weight"
    refused(
        tmp_path, weights | {name: torch.zeros(34, 128, 1)}, r"shrink\.weight has the shape \(34, 128, 1\)"
    )
    refused(tmp_path, weights | {name: weights[name] * float("nan")}, r"shrink\.weight is not finite")


@pytest.mark.slow
def test_doubled_layers_must_agree_and_extra_names_are_told(tmp_path):
    weights, name = recipe_weights("pose_market"), "target.outconv.conv1.bias"
    both = r"outconv\.\S+\.bias and \S+outconv\.\S+\.bias differ"
    refused(tmp_path, weights | {name: weights[name] + 1}, both)
    path = checkpoint(tmp_path / "w.pth", weights | {"module.more": torch.zeros(1)})
    assert read_released(path).extra == ("more",)


@pytest.mark.slow
def test_a_name_with_and_without_prefix_is_one_tensor(tmp_path):
    weights, name = recipe_weights("keypoint"), "kp_input.shrink.bias"
    again = {f"module.module.{key}": value.clone() for key, value in weights.items()}
    assert read_released(checkpoint(tmp_path / "w.pth", weights | again)).name == CLEANER
    again[f"module.{name}"] = weights[name] + 1
    refused(tmp_path, weights | again, rf"{name} and module\.{name} differ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        torch.Tensor.char,
        lambda value: value.to(torch.complex64),
        torch.Tensor.to_sparse,
        lambda value: value.to("meta"),
    ],
)
def test_numbers_of_another_kind_are_refused(tmp_path, change):
    weights, name = recipe_weights("keypoint"), "kp_input.shrink.weight"
    refused(
        tmp_path, weights | {name: change(weights[name])}, r"shrink\.weight holds no plain floating-point"
    )


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_read(tmp_path, kind):
    weights = {name: value.to(kind) for name, value in recipe_weights("keypoint").items()}
    network = read_released(checkpoint(tmp_path / "w.pth", weights)).network
    assert torch.equal(network.state_dict()["shrink.bias"], weights["kp_input.shrink.bias"].float())


def test_what_the_network_lacks_may_be_of_any_size_and_kind(tmp_path):
    """A tensor of a terabyte that is one number, repeated, is never made whole."""
    more = {"huge": torch.zeros(1).expand(10**12), "whole": torch.tensor(3)}
    path = checkpoint(tmp_path / "w.pth", recipe_weights("keypoint") | more)
    assert read_released(path).extra == ("huge", "whole")


def test_a_wrong_checksum_and_a_safetensors_file_are_named(tmp_path):
    path = checkpoint(tmp_path / "w.pth", recipe_weights("keypoint"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="checksum"):
        read_released(path)
    for name in ("w.pth", "w.safetensors"):
        save_released(tmp_path / name, Released(CLEANER, empty_network("keypoint"), ()))
        with pytest.raises(WeightsError, match="a safetensors file, no checkpoint"):
            read_released(tmp_path / name)


def test_a_stored_file_holds_what_half_precision_cannot(tmp_path):
    network = empty_network("keypoint")
    with torch.no_grad():
        network.get_parameter("shrink.bias").fill_(1e6)
    save_released(tmp_path / "w.safetensors", Released(CLEANER, network, ()))
    cleaner = load_cleaner(tmp_path / "w.safetensors")
    assert torch.equal(cleaner.get_parameter("shrink.bias"), network.get_parameter("shrink.bias"))
    with safe_open(tmp_path / "w.safetensors", framework="pt") as file:
        assert file.get_tensor("shrink.bias").dtype == torch.float32
        assert file.get_tensor("shrink.weight").dtype == torch.float16


def test_the_name_of_a_configuration_is_no_file_and_who_makes_one_is_told():
    with pytest.raises(WeightsError, match=r"authors-face: no such weights file \(gfla-import makes it"):
        load_generator("authors-face")


def test_a_cleaner_whose_parts_do_not_fit_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "w.safetensors"
    network = empty_network("keypoint")
    del network.get_submodule("shrink").bias
    save_released(path, Released(CLEANER, network, ()))
    with pytest.raises(
        WeightsError, match=r"w\.safetensors: .*1 of 50 tensors are missing, shrink\.bias first\.$"
    ):
        load_cleaner(path)
