"""Work as tasks on a Ray cluster: Ray decides where they run and runs them again."""

import logging
import os
import socket
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import InputError
from .tasks import Doer, Event, Start, Work

TRIES = 4
"""How often Ray runs a task that loses its machine."""


class RayWorkers:
    """Workers of the cluster at `address` ("auto": the one this machine belongs to).

    All machines see the same files under the same names. InputError if Ray is not installed or not there.
    """

    def __init__(self, address: str, start: Start):
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray  # pyright: ignore[reportMissingImports]  (optional)
            from ray.exceptions import RayError  # pyright: ignore[reportMissingImports]  (optional)
            from ray.util.queue import Queue  # pyright: ignore[reportMissingImports]  (optional)
            from ray.util.scheduling_strategies import (  # pyright: ignore[reportMissingImports]
                NodeAffinitySchedulingStrategy,
            )
        except ImportError:
            raise InputError("--ray", "it needs Ray", "install it: pip install 'gfla[cluster]'") from None
        _answers(address)
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError, AssertionError, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"--ray {address}", f"no cluster answers there ({reason})") from None
        self._ray, self._lost = ray, RayError
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._mail = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})
        self._task = ray.remote(max_retries=TRIES - 1)(_run)
        self._gpus = bool(ray.cluster_resources().get("GPU"))
        self._start = start
        self._under_way: dict[Any, Work] = {}
        self._ready: list[Event] = []

    def submit(self, task: Work) -> None:
        gpus = 1 if task.may_use_gpu and self._gpus else 0
        remote = self._task.options(num_gpus=gpus, name=Path(task.subject).name)
        self._under_way[remote.remote(task, self._mail, self._start)] = task

    def next(self) -> Event:
        while not self._ready:
            ended, _ = self._ray.wait(list(self._under_way), timeout=0.2)
            self._ready += self._mail.get_nowait_batch(self._mail.qsize())  # their events come first
            for ref in ended:
                self._ready.append(self._last(ref, self._under_way.pop(ref)))
        return self._ready.pop(0)

    def close(self) -> None:
        self._ray.shutdown()

    def _last(self, ref: Any, task: Work) -> Event:
        try:
            return self._ray.get(ref)
        except self._lost as error:
            reason = f"the cluster lost its worker {TRIES} times ({type(error).__name__})"
            return Event("failed", task.key, note=InputError(task.subject, reason))


def _answers(address: str) -> None:
    """InputError if nobody listens there: Ray itself would keep trying for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdecimal():  # "auto": Ray finds it
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"--ray {address}", f"no cluster answers there ({error})") from None


def _run(task: Work, mail: Any, start: Start) -> Event:
    return _worker(start).do(task, mail.put)


@cache
def _worker(start: Start) -> Doer:
    """One in each of Ray's processes, for as long as it lives: weights are loaded once."""
    return start()
