"""The processes of a run: averaged gradients, a lock on the run's folder, an orderly stop after Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
import torch.distributed as distributed

from ..animate.errors import InputError
from ..animate.io.atomic import file_lock
from ..animate.io.stops import STOPS, StopSignal


def join_group(device: str) -> tuple[str, bool]:
    """Join the group of processes that torchrun started, if it did. Returns this process's device, and
    whether torchrun has started the group again after it lost a process. InputError if torchrun would start
    it again with a store that still holds the addresses of the processes before."""
    if "RANK" not in os.environ:
        return device, False
    shared = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    if shared and int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")):
        reason = "torch keeps the addresses of lost processes, and a group that starts again waits for these"
        raise InputError(
            "torchrun --max-restarts", reason, "start torchrun with TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"
        )
    _die_on_sigterm()
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    # Only the agent that lost a process counts it.
    restarts = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
    return device, agree(restarts, distributed.get_world_size(), device) > 0


def _die_on_sigterm() -> None:
    """Let SIGTERM end this process while it waits for another one, when no handler of Python's would run."""
    if isinstance(signal.getsignal(signal.SIGTERM), StopSignal):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def agree(value: int, world: int, device: str = "cpu") -> int:
    """The largest `value` of any process."""
    if world == 1:
        return value
    largest = torch.tensor(value, device=_meeting_place(device))
    with _others():
        distributed.all_reduce(largest, distributed.ReduceOp.MAX)
    return int(largest)


def check_same(step: int, world: int, checkpoint: Path) -> None:
    """InputError unless every process of the group continues at this `step`."""
    if agree(step, world) != -agree(-step, world):
        remedy = "give all machines the same --out, on a disk that they share"
        raise InputError(checkpoint, "the machines of this run see different checkpoints", remedy)


def lock_run(out: Path, *, first: bool) -> ExitStack:
    """Lock the run's folder `out` for its group: the `first` process holds the lock until the stack is closed
    or the process dies. InputError if another run has it."""
    stack = ExitStack()
    for tries in range(10 if first else 0, 0, -1):
        try:
            stack.enter_context(file_lock(out / ".lock", wait=False))
            break
        except BlockingIOError:
            if tries == 1:
                remedy = "wait for it or stop it, or name another folder"
                raise InputError(out, "another process is training here", remedy) from None
            time.sleep(0.1)  # gfla-evaluate --follow holds it for a moment to see whether anybody trains
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
    with _others():
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


def _meeting_place(device: str) -> str:
    """Where a number must be for the group to compare it: NCCL reads GPUs alone."""
    if distributed.is_initialized() and distributed.get_backend() == "nccl":
        return device if device != "cpu" else f"cuda:{torch.cuda.current_device()}"
    return "cpu"


@contextmanager
def _others() -> Iterator[None]:
    """ConnectionError, in one sentence, if another process of the group was lost."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConnectionError(
            f"another process of this run was lost ({reason}); torchrun --max-restarts 3 goes on by itself "
            "from the last checkpoint, or pass --resume."
        ) from None
