"""The processes of a run: averaged gradients, a lock on the run's folder, an orderly stop after Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
import torch.distributed as distributed

from ..animate.errors import InputError
from ..animate.io.atomic import file_lock
from ..animate.io.stops import STOPS, StopSignal


def lock_run(out: Path, *, first: bool) -> ExitStack:
    """Lock the run's folder `out` for its group: the `first` process holds the lock until the stack is closed
    or the process dies. InputError if another run has it."""
    stack = ExitStack()
    try:
        if first:
            stack.enter_context(file_lock(out / ".lock", wait=False))
    except BlockingIOError:
        remedy = "wait for it or stop it, or name another folder"
        raise InputError(out, "another process is training here", remedy) from None
    return stack


def average_gradients(world: int, *modules: torch.nn.Module) -> None:
    """Replace each gradient by its mean over the `world` processes of the group, in one message.

    A parameter without a gradient stays without, as in one process: for a zero the optimiser would count a
    step and decay the weight. All processes take the same path through the network, so they agree on these.
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
    """Inside, the first Ctrl-C or signal of the kind only sets a flag, which the yielded function reads; the
    second stops at once. In a group (not `alone`) the first one stops too, since the other processes would
    wait for this one."""
    asked = threading.Event()
    together = StopSignal()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, *STOPS)}
    before = {
        number: handler
        for number, handler in handlers.items()
        if handler is signal.default_int_handler or isinstance(handler, StopSignal)
    }
    ours = alone and threading.current_thread() is threading.main_thread()

    def note(number: int, _: object) -> None:
        if together.is_repeated() and number != signal.SIGINT:
            return
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        os.write(2, b"\nStopping after this sample; Ctrl-C again stops at once.\n")  # print may be under way

    for number in before if ours else ():
        signal.signal(number, note)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items() if ours else ():
            signal.signal(number, handler)
