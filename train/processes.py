"""The processes of a run: a group shares its gradients, and nobody else writes into its folder."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import torch
import torch.distributed as distributed

from ..animate.files import held


def hold_run(out: Path, *, first: bool) -> ExitStack:
    """The folder `out` of a run, its group's, whose `first` process holds it until the stack is closed or the
    process dies. ValueError in a sentence if somebody else trains there."""
    stack = ExitStack()
    try:
        if first:
            stack.enter_context(held(out / ".lock", wait=False))
    except BlockingIOError:
        raise ValueError(
            f"{out} is being trained by another process; wait for it or stop it, or name another folder."
        ) from None
    return stack


def average_gradients(world: int, *modules: torch.nn.Module) -> None:
    """Replace each gradient by its mean over the `world` processes of the group, in one message.

    What has none keeps none, as in one process: a zero would have its optimiser count a step and decay the
    weight. All take the same path through the network, so all agree on which these are.
    """
    if world == 1:
        return
    parameters = (parameter for module in modules for parameter in module.parameters())
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient) / world)
