"""What this machine has for a render: device, versions, codecs, weights; what is missing, how to get it."""

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import av
import torch
from av.codec.codec import Codec, UnknownCodecError

from ...models.weights import FOLDER
from ..compute.devices import choose_device, fast_precision
from ..streaming.provenance import file_hash
from ..video.formats import CODECS

_PACKAGES = ("gfla", "torch", "numpy", "av", "opencv-python", "pillow", "safetensors", "tqdm")
_LOADABLE = ("face-256", "tracker")
_OPTIONAL = {
    "kornia": ("--guidance edges", "pip install 'gfla[edges]'"),
    "face_alignment": ("--landmarks face-alignment", "pip install 'gfla[landmarks]'"),
    "openvino": ("a third more speed on a CPU", "pip install 'gfla[export]'"),
    "ray": ("gfla-render --ray", "pip install 'gfla[cluster]'"),
    "gradio": ("the app", "pip install 'gfla[app]'"),
    "pyvirtualcam": ("gfla-live --sink camera", "pip install pyvirtualcam"),
}


class Missing(NamedTuple):
    """what: its name. use: what needs it. get: how to get it."""

    what: str
    use: str
    get: str


class System(NamedTuple):
    """What a machine has.

    device: kind, why it is chosen, precision, processors. versions: by package. codecs: by name, whether the
    encoder exists. weights: by name, size in bytes and SHA-256. missing: optional things that are not here.
    """

    device: dict[str, Any]
    versions: dict[str, str]
    codecs: dict[str, bool]
    weights: dict[str, dict[str, Any]]
    missing: list[Missing]

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`."""
        return {**self._asdict(), "missing": [missing._asdict() for missing in self.missing]}

    def lines(self) -> Iterator[str]:
        """The same as lines of text."""
        device = self.device
        yield f"device: {device['kind']} ({device['why']}; {device['precision']})"
        for gpu in device["gpus"]:
            yield f"  {gpu}"
        fast = f", {' '.join(device['instructions'])}" if device["instructions"] else ""
        yield f"  {device['cores']} cores, torch uses {device['threads']}{fast}"
        yield f"system: {self.versions['system']}, Python {self.versions['python']}"
        packages = (*_PACKAGES, *_OPTIONAL)
        installed = [f"{name} {self.versions[name]}" for name in packages if name in self.versions]
        yield f"versions: {', '.join(installed)}, FFmpeg {self.versions['ffmpeg']}"
        yield f"codecs: {', '.join(name for name, there in self.codecs.items() if there)}"
        for name, file in self.weights.items():
            yield f"weights: {name}, {file['bytes'] / 1e6:.1f} MB, sha256 {file['sha256'][:16]}"
        if not self.missing:
            yield "missing: nothing"
        for what, use, get in self.missing:
            yield f"missing: {what}, for {use}; {get}"


def describe_system() -> System:
    """Describe this machine; loads nothing that a render would not load."""
    kind, why = choose_device()
    codecs = {name: _encoder(codec.encoder) for name, codec in CODECS.items()}
    weights = {
        path.stem: {"bytes": path.stat().st_size, "sha256": file_hash(path)}
        for path in sorted(FOLDER.glob("*.safetensors"))
    }
    return System(_device(kind, why), _versions(), codecs, weights, list(_missing(codecs, weights)))


def _device(kind: str, why: str) -> dict[str, Any]:
    can = torch.cpu.get_capabilities()
    gpus = []
    for index in range(torch.cuda.device_count()):
        found = torch.cuda.get_device_properties(index)
        gpus.append(f"{found.name}, {found.total_memory / 2**30:.0f} GiB")
    return {
        "kind": kind,
        "why": why,
        "precision": str(fast_precision(torch.device(kind))).removeprefix("torch."),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "instructions": [name for name in ("avx2", "avx512_bf16", "amx_bf16") if can.get(name)],
        "gpus": gpus,
    }


def _versions() -> dict[str, str]:
    found = {"system": platform.platform(), "python": platform.python_version()}
    for name in (*_PACKAGES, *_OPTIONAL):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {**found, "ffmpeg": av.ffmpeg_version_info}


def _encoder(name: str) -> bool:
    try:
        Codec(name, "w")
    except UnknownCodecError:
        return False
    return True


def _missing(codecs: dict[str, bool], weights: dict[str, Any]) -> Iterator[Missing]:
    for name in _LOADABLE:
        if name not in weights:
            yield Missing(f"{name}.safetensors", "everything", "install gfla again")
    for name, there in codecs.items():
        if not there:
            yield Missing(f"the encoder of {name}", f"--codec {name}", "install PyAV from its wheel")
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        yield Missing("a GPU that torch sees", "speed", "all works without")
    for name, (use, get) in _OPTIONAL.items():
        if find_spec(name) is None:
            yield Missing(name, use, get)
    if sys.platform.startswith("linux"):
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            yield Missing("a screen", "gfla-live's window", "give --sink")
        if not list(Path("/dev").glob("video*")):
            yield Missing("a camera", "gfla-live --camera", "drive with a file or an address")
