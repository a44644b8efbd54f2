"""The authors' networks for tests: weights by a recipe that any machine repeats bit for bit, and their files.

The vectors that belong to these weights lie in the folder that GFLA_AUTHORS names.
"""

import functools
import os
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from gfla.models import CONFIGS, OriginalConfig
from gfla.models.original import Original
from gfla.models.original.cleaner import SkeletonCleaner

NAMES = {
    "pose_fashion": "authors-deepfashion",
    "pose_market": "authors-market",
    "face": "authors-face",
    "dance": "authors-dance",
    "shapenet": "authors-car",
}
_GAINS = (
    (r"flow_net\w*\.output\d\.", 8.0),
    (r"flow_net\w*\.mask\d\.0\.", 6.0),
    (r"fully_connect_layer\.2\.", 8.0),
    (r"outconv\.", 2.0),
    (r"mlp_(gamma|beta)", 2.0),
)


def vectors() -> Path:
    """The folder of the vectors; skips where it is not given."""
    if folder := os.environ.get("GFLA_AUTHORS"):
        return Path(folder)
    pytest.skip("GFLA_AUTHORS names no folder with the vectors of the authors' networks")


def uniform(name: str, shape: tuple[int, ...]) -> np.ndarray:
    raw = np.random.PCG64(zlib.crc32(name.encode())).random_raw(int(np.prod(shape)))
    return ((raw >> np.uint64(40)).astype(np.float64) / 2**24 - 0.5).reshape(shape)


def made(network: str, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The tensor `name` of a network of the recipe."""
    values, fan = uniform(f"{network}/{name}", shape), int(np.prod(shape[1:]))
    gain = next((gain for pattern, gain in _GAINS if re.search(pattern, name)), 4.0)
    if fan > 1:
        values = gain * values / np.sqrt(fan)
    elif name.endswith("weight"):
        values = 1 + values
    elif re.search(_GAINS[0][0], name):
        values = 2 * values
    return torch.from_numpy(values.astype(np.float32))


def empty_network(network: str) -> Original | SkeletonCleaner:
    if network == "keypoint":
        return SkeletonCleaner()
    config = CONFIGS[NAMES[network]]
    assert isinstance(config, OriginalConfig)
    return Original(config)


@functools.cache
def recipe_weights(network: str) -> dict[str, torch.Tensor]:
    """As a released file has them: the names of `network`, doubled where theirs are."""
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in empty_network(network).state_dict().items()}
    prefix = "kp_input." if network == "keypoint" else ""
    weights: dict[str, torch.Tensor] = {}
    for name, shape in shapes.items():
        tensor = made(network, prefix + name, shape)
        if re.search(r"(jump\d|outconv)\.", name):
            weights[name.replace(".model.2.", ".conv1.")] = tensor
        weights[prefix + name] = tensor
    return weights


def recipe_network(network: str) -> Original | SkeletonCleaner:
    """`network` with the recipe's weights, in eval mode."""
    model = empty_network(network)
    weights = {name.removeprefix("kp_input."): value for name, value in recipe_weights(network).items()}
    model.load_state_dict({name: weights[name] for name in model.state_dict()})
    return model.eval()
