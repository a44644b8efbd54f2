"""The processes of a run: a group shares its gradients, and nobody else writes into its folder."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
import torch.distributed as distributed

from ..animate.io.atomic import held


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


@contextmanager
def defer_sigint(*, alone: bool) -> Iterator[Callable[[], bool]]:
    """Inside, the first Ctrl-C is noted alone, as the function says that is yielded; the second stops at
    once. Of a group, not `alone`, nobody waits: the others would for whom had stopped."""
    asked = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    ours = alone and before is signal.default_int_handler
    ours = ours and threading.current_thread() is threading.main_thread()

    def note(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        asked.set()
        os.write(2, b"\nStopping after this sample; Ctrl-C again stops at once.\n")  # print may be under way

    if ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield asked.is_set
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)
