"""What computes the generator: torch, or OpenVINO its convolutions, in eight bits, which is faster on a CPU.

The choice is made once, when weights are loaded; what comes after knows of a generator alone.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, get_args

import torch

from ...models import AttentionFlow, Generator
from ..errors import InputError
from .devices import choose_device, core_shares, fast_precision, taking

if TYPE_CHECKING:
    from ..animator import Animator

Backend = Literal["torch", "openvino"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)


def place(backend: str, asked: str) -> tuple[str, str]:
    """As `choose_device`, for what `backend` can compute on. InputError where the two do not go together, or
    the back end is not installed."""
    if backend not in BACKENDS:
        raise InputError(f"--backend {backend}: unknown; take {' or '.join(BACKENDS)}.")
    if backend == "torch":
        return choose_device(asked)
    if asked not in ("auto", "cpu"):
        raise InputError(f"--backend {backend} computes on the CPU; leave --device {asked} out.")
    if find_spec("openvino") is None:
        raise InputError(f"--backend {backend} needs OpenVINO; install it with: pip install 'gfla[export]'.")
    return choose_device("cpu")[0], f"{backend} computes there"


def compile_for_backend(
    generator: Generator | AttentionFlow, backend: str, name: str
) -> Generator | AttentionFlow:
    """`generator` as `backend` computes it. name: of its weights, for errors."""
    if backend == "torch":
        return generator
    if not isinstance(generator, Generator):
        raise InputError(f"{name}: --backend {backend} is not for these weights' model; leave it out.")
    from ...models.openvino.export import export
    from .calibration import rehearse

    cpu = torch.device("cpu")
    with taking(core_shares(cpu)["generate"]):  # what is compiled here is what a stream will want
        return export(generator, fast_precision(cpu), rehearse)


def computed(animator: "Animator") -> dict[str, str]:
    """By what an animator's pictures are computed: for records of where an output comes from."""
    return {
        "device": animator.device.type,
        "precision": str(animator.precision).removeprefix("torch."),
        "backend": animator.backend,
    }
