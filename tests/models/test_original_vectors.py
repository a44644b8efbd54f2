"""The authors' networks give what the authors' own code gives: the vectors, within their tolerances."""

import hashlib
import importlib.util
import json

import pytest
import torch
from authors import NAMES, recipe_network, recipe_weights, vectors
from gfla.models import GeneratorMemory, Original, load_generator
from gfla.models.released import Released, save_released
from safetensors.torch import load_file

TOLERANCES = {"image": 5e-5, "flow": 1e-4, "mask": 2e-5}
STORED = {"image": 6e-3, "flow": 1.5e-2, "mask": 2e-3}


def recipe():
    """The recipe of the vectors' inputs, from beside them."""
    spec = importlib.util.spec_from_file_location("recipe", vectors() / "recipe.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def inputs(network: str, given: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(source, its structure, structures of the frames (B, T, S, h, w))."""
    source = given["input.reference" if network in ("face", "dance") else "input.source"]
    h, w = source.shape[2:]
    if network == "shapenet":
        codes = [given[f"input.{kind}_code"].expand(-1, -1, 8, 8) for kind in ("source", "target")]
        return source, codes[0], codes[1][:, None]
    if network.startswith("pose"):
        maps = [
            torch.stack([torch.from_numpy(recipe().heat(joints.numpy(), h, w)) for joints in given[name]])
            for name in ("input.source_joints", "input.target_joints")
        ]
        return source, maps[0], maps[1][:, None]
    draw = getattr(recipe(), f"{network}_map")
    missing = [{"missing": (i,)} for i in (2, 0, 1)] if network == "dance" else [{}] * 3
    names = ("reference_structure", "structure0", "structure1")
    maps = [
        torch.from_numpy(draw(f"{network}/input/{name}", h, w, **more))
        for name, more in zip(names, missing, strict=True)
    ]
    return source, maps[0][None], torch.stack(maps[1:])[None]


def differences(network: str, model: Original, given: dict[str, torch.Tensor]) -> dict[str, float]:
    """The largest difference from each expected output, by its name; frames are drawn one by one."""
    source, own, structures = inputs(network, given)
    with torch.inference_mode():
        reference = model.encode_reference(source, own, source)
        outputs, memory = [], GeneratorMemory()
        for t in range(structures.shape[1]):
            (output,), memory = model.animate(structures[:, t, None], source[:, None], reference, memory)
            outputs.append(output)
        clip, *_ = model(structures, source[:, None].expand(-1, len(outputs), -1, -1, -1), reference)
    assert torch.equal(clip, torch.stack([output.image for output in outputs], dim=1))
    found = {}
    for name, expected in given.items():
        if name.startswith("input."):
            continue
        parts = name.split(".")
        output = outputs[int(parts.pop(0)[-1]) if parts[0].startswith("frame") else 0]
        if parts[0] == "image":
            value = output.image
        else:
            number = 1 if "previous" in parts else 0
            motion = output.motions[{"8": 0, "4": 1}[parts[-1]]]
            value = motion.flow if parts[0] == "flow" else motion.mask * motion.mask.shape[1]
            value = value[:, number]
        found[name] = float((value - expected).abs().max())
    largest = (
        f"{part} {max(value for name, value in found.items() if kind(name) == part):.1e}" for part in STORED
    )
    print(f"{network}: {', '.join(largest)}")  # `pytest -s` shows it: the table of docs/authors.md
    return found


@pytest.mark.slow
@pytest.mark.parametrize("network", NAMES)
def test_outputs_are_the_authors_own(network):
    """In float32 on a CPU. And a clip in one call gives, bit for bit, what its frames one by one give."""
    given = load_file(vectors() / f"{network}.safetensors")
    model = recipe_network(network)
    assert isinstance(model, Original)
    found = differences(network, model, given)
    assert {name: value for name, value in found.items() if value > TOLERANCES[kind(name)]} == {}
    assert len(found) == len(given) - sum(name.startswith("input.") for name in given)


@pytest.mark.long
@pytest.mark.parametrize("network", NAMES)
def test_a_stored_file_costs_little(network, tmp_path):
    given = load_file(vectors() / f"{network}.safetensors")
    path = tmp_path / "w.safetensors"
    save_released(path, Released(NAMES[network], recipe_network(network), ()))
    model = load_generator(path)
    assert isinstance(model, Original)
    found = differences(network, model, given)
    assert {name: value for name, value in found.items() if value > STORED[kind(name)]} == {}


def kind(name: str) -> str:
    return next(kind for kind in TOLERANCES if kind in name)


def test_the_skeleton_cleaner_is_the_authors_own():
    given = load_file(vectors() / "keypoint.safetensors")
    with torch.inference_mode():
        found = recipe_network("keypoint")(given["input"])
    assert float((found - given["output"]).abs().max()) <= 2e-5


@pytest.mark.parametrize("network", [*NAMES, "keypoint"])
def test_the_recipe_of_the_tests_is_that_of_the_vectors(network):
    shapes = json.loads((vectors() / "layout.json").read_text())[network]
    meta = json.loads((vectors() / "meta.json").read_text())[network]
    weights = recipe_weights(network)
    assert {name: list(value.shape) for name, value in weights.items()} == shapes
    digest = hashlib.sha256()
    for name in shapes:
        digest.update(weights[name].numpy().tobytes())
    assert digest.hexdigest()[:16] == meta["weights_sha256_16"]
    assert sum(p.numel() for p in recipe_network(network).parameters()) == meta["parameters"]
