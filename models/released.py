"""The authors' released checkpoints, read: which network a `latest_net_G.pth` holds, and whether all of it.

Nothing is unpickled but plain tensors. Networks are told apart by the names and shapes of their tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import NamedTuple

import torch
from torch import Tensor

from .config import CONFIGS, OriginalConfig
from .original import Original
from .original.cleaner import SkeletonCleaner
from .weights import WeightsError, read_weights, save_weights

LICENCE = "CC BY-NC 4.0, non-commercial"
"""Of the authors' weights, whatever file they are in."""

CLEANER = "authors-skeleton-cleaner"
"""What the skeleton cleaner is called in a file's configuration."""


class Released(NamedTuple):
    """A released network.

    Attributes:
        name: of its configuration, or `CLEANER`.
        network: with the file's weights.
        extra: names in the file that the network does not have.
    """

    name: str
    network: Original | SkeletonCleaner
    extra: tuple[str, ...]


def read_released(path: str | Path) -> Released:
    """Read a checkpoint of the paper's authors. WeightsError if it is none, or not whole."""
    tensors = _renamed(path, _loaded(path))
    name, wanted = max(_known().items(), key=lambda known: _matching(known[1], tensors))
    matching = _matching(wanted, tensors)
    if matching < len(wanted) / 2:
        raise WeightsError(
            path, f"none of the released generators: its {len(tensors)} tensors are of another network"
        )
    missing = [key for key in wanted if key not in tensors]
    if missing:
        lacking = f"{len(missing)} of {len(wanted)} tensors of {name} are missing, {missing[0]} first"
        raise WeightsError(path, f"not whole: {lacking}")
    for key, shape in wanted.items():
        if tensors[key].shape != shape:
            found = tuple(tensors[key].shape)
            raise WeightsError(path, f"{key} has the shape {found}, not {tuple(shape)} as in {name}")
        if not tensors[key].isfinite().all():
            raise WeightsError(path, f"{key} is not finite: the file is damaged")
    network = _NETWORKS[name]()
    network.load_state_dict({key: tensors[key] for key in wanted})
    return Released(name, network.eval(), tuple(key for key in tensors if key not in wanted))


def save_released(path: str | Path, released: Released) -> None:
    """Write it as `load_generator` and `load_cleaner` read it, with its licence in the metadata: half
    precision, but for the flow networks, whose errors move pixels."""
    network = released.network
    values = asdict(network.config) if isinstance(network, Original) else {"kind": CLEANER}
    save_weights(path, network, values, exact="flow_net", licence=LICENCE)


def load_cleaner(path: str | Path) -> SkeletonCleaner:
    """The skeleton cleaner that `save_released` wrote, in eval mode. WeightsError if it is none."""
    tensors, values = read_weights(path)
    cleaner = SkeletonCleaner()
    if values != {"kind": CLEANER}:
        raise WeightsError(path, "weights of another kind, not of the skeleton cleaner")
    cleaner.load_state_dict(tensors)
    return cleaner.eval()


def _loaded(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a .pth file, zipped or of the older format."""
    if not Path(path).is_file():
        raise WeightsError(path, "no such file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        reason = "damaged, or it holds other things than weights, which could run code: it was not loaded"
        raise WeightsError(path, reason) from None
    except Exception:  # a damaged file makes torch raise errors of many kinds
        raise WeightsError(path, "damaged, or not a checkpoint of torch") from None
    if not isinstance(content, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items()
    ):
        raise WeightsError(path, "not the plain weights of a network")
    return content


def _renamed(path: str | Path, content: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without the prefixes of training on several GPUs and the second names of doubled layers."""
    tensors: dict[str, Tensor] = {}
    doubled: dict[str, Tensor] = {}
    for name, value in content.items():
        name = name.removeprefix("module.").removeprefix("kp_input.")
        kept = name.replace(".conv1.", ".model.2.")
        (doubled if kept != name else tensors)[kept] = value.float()
    for name, value in doubled.items():
        if name in tensors and not torch.equal(tensors[name], value):
            second = name.replace(".model.2.", ".conv1.")
            raise WeightsError(path, f"{name} and {second} differ, which are one tensor saved twice")
    return doubled | tensors


def _known() -> dict[str, dict[str, torch.Size]]:
    """Shapes of each network's tensors by name, without making them."""
    with torch.device("meta"):
        networks = {name: make() for name, make in _NETWORKS.items()}
    return {
        name: {key: value.shape for key, value in network.state_dict().items()}
        for name, network in networks.items()
    }


def _matching(wanted: dict[str, torch.Size], tensors: dict[str, Tensor]) -> float:
    """How many tensors fit, more for a network of which they are all."""
    found = sum(key in tensors and tensors[key].shape == shape for key, shape in wanted.items())
    return found + found / len(wanted) / 2


def _maker(config: OriginalConfig) -> Callable[[], Original]:
    return lambda: Original(config)


_NETWORKS: dict[str, Callable[[], Original | SkeletonCleaner]] = {
    CLEANER: SkeletonCleaner,
    **{
        name: _maker(config)
        for name, config in CONFIGS.items()
        if isinstance(config, OriginalConfig) and name != "authors-chair"  # the same network as authors-car
    },
}
