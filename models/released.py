"""The authors' released checkpoints, read: which network a `latest_net_G.pth` holds, and whether all of it.

Nothing is unpickled but plain tensors. Networks are told apart by the names and shapes of their tensors.
"""

from __future__ import annotations

import re
import warnings
import zipfile
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
from .weights import Shapes, WeightsError, misfit, read_weights, save_weights, shapes_of

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
    if unfit := misfit(wanted, tensors, extra=True):
        raise WeightsError(path, f"recognised as {name}, but {unfit}")
    weights = {key: _number(path, key, tensors[key]) for key in wanted}
    network = _NETWORKS[name]()
    network.load_state_dict(weights)
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
    if unfit := misfit(shapes_of(cleaner), tensors):
        raise WeightsError(path, f"not the weights of the skeleton cleaner: {unfit}")
    cleaner.load_state_dict(tensors)
    return cleaner.eval()


def _loaded(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a .pth file, zipped or of the older format."""
    if not Path(path).is_file():
        raise WeightsError(path, "no such file")
    try:
        if _is_safetensors(path):
            raise WeightsError(path, "a safetensors file, no checkpoint (commands take it as --weights)")
        if zipfile.is_zipfile(path):  # torch does not compare the checksums
            with zipfile.ZipFile(path) as archive:
                if archive.testzip():
                    raise WeightsError(path, "damaged: a checksum in it is wrong")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of archives that are programs: they are refused
            content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        reason = "damaged, or it holds other things than weights, which could run code: it was not loaded"
        raise WeightsError(path, reason) from None
    except WeightsError:
        raise
    except Exception:  # a damaged file makes torch raise errors of many kinds
        raise WeightsError(path, "damaged, or not a checkpoint of torch") from None
    if not isinstance(content, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items()
    ):
        raise WeightsError(path, "not the plain weights of a network")
    return content


def _is_safetensors(path: str | Path) -> bool:
    with Path(path).open("rb") as file:
        length, start = file.read(8), file.read(2)
    return len(length) == 8 and length[4:] == bytes(4) and start[:1] == b"{"


def _renamed(path: str | Path, content: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without the prefixes of training on several GPUs and the second names of doubled layers."""
    tensors: dict[str, Tensor] = {}
    first: dict[str, str] = {}
    for name, value in content.items():
        kept = re.sub(r"^(module\.)*(kp_input\.)?", "", name).replace(".conv1.", ".model.2.")
        other = tensors.setdefault(kept, value)
        if other is not value and not _same(other, value):
            raise WeightsError(path, f"{first[kept]} and {name} differ, which are one tensor saved twice")
        first[kept] = name
    return tensors


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether they hold the same numbers, which is not asked of shapes that differ."""
    return one.shape == other.shape and _is_plain(one) and _is_plain(other) and torch.equal(one, other)


def _is_plain(value: Tensor) -> bool:
    """Whether it is floating-point numbers: not whole, complex, sparse or on the meta device."""
    return value.is_floating_point() and value.layout == torch.strided and not value.is_meta


def _number(path: str | Path, name: str, value: Tensor) -> Tensor:
    """The tensor `name` in float32."""
    if not _is_plain(value):
        raise WeightsError(path, f"{name} holds no plain floating-point numbers")
    value = value.float()
    if not value.isfinite().all():
        raise WeightsError(path, f"{name} is not finite: the file is damaged")
    return value


def _known() -> dict[str, Shapes]:
    """Shapes of each network's tensors by name, without making them."""
    with torch.device("meta"):
        return {name: shapes_of(make()) for name, make in _NETWORKS.items()}


def _matching(wanted: Shapes, tensors: dict[str, Tensor]) -> float:
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
