"""The processes of a run: each of a group knows the others' gradients, and no stranger writes to its folder."""

from __future__ import annotations

import torch
import torch.distributed as distributed


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
