"""Batches made ahead of their use, by processes that read, decode and augment, or by threads of this one."""

from __future__ import annotations

import multiprocessing
import multiprocessing.context
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import cv2
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from ....animate.errors import InputError, Warn, ignore
from .cache import free_memory

Made = TypeVar("Made")
_MOST = 8  # workers of a process, unless more are asked for
_AHEAD = 2  # batches that a worker makes before they are asked for


@dataclass(frozen=True)
class Loading:
    """How a run reads its clips.

    cache: bytes of memory for what was read, over all workers; None is a quarter of what is free. workers:
    processes that make the samples, 0 for threads of this one; None is half of the cores. Both are this
    process's; in a group that torchrun started the default is its share. warn: told of clips left out.
    """

    cache: int | None = None
    workers: int | None = None
    warn: Warn = ignore

    def resolved(self) -> Loading:
        """The same with numbers for None."""
        group = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = max(1, min(_MOST, cores // 2 // group)) if self.workers is None else self.workers
        cache = free_memory() // 4 // group if self.cache is None else self.cache
        return Loading(cache, workers, self.warn)

    @property
    def cache_of_one(self) -> int:
        """Bytes of cache for each process that reads."""
        resolved = self.resolved()
        assert resolved.cache is not None
        assert resolved.workers is not None
        return resolved.cache // max(resolved.workers, 1)


class Source(Protocol):
    """Makes batches by their number; says afterwards which clips it had to leave out."""

    in_order: bool
    """Whether the numbers are best asked for one after the other, by one thread of a process."""

    def __call__(self, number: int) -> Any: ...

    def left_out(self) -> list[InputError]:
        """The clips left out since the last call."""
        ...


class _Made(NamedTuple):
    batch: Any
    left_out: list[InputError]
    error: InputError | None = None


class _Numbers(IterableDataset):
    """The batches of every worker: number `first` and those that follow."""

    def __init__(self, source: Source, first: int, last: int):
        self.source, self.first, self.last = source, first, last

    def __iter__(self) -> Iterator[_Made]:
        worker = get_worker_info()
        assert worker is not None
        for number in range(self.first + worker.id, self.last, worker.num_workers):
            made = _made(self.source, number)
            yield made
            if made.error:
                return


def read_ahead(
    source: Source, first: int, last: int, workers: int, tell: Callable[[list[InputError]], None]
) -> Iterator[Any]:
    """Batches `first` to `last - 1` of `source` in order, made ahead by `workers` processes, or by threads of
    this one without any. tell: told of the clips that had to be left out, also of none; it may raise."""
    many = min(workers, last - first)
    if many < 1:
        made = ahead(lambda number: _made(source, number), first, last, 1 if source.in_order else None)
    else:
        made = DataLoader(
            _Numbers(source, first, last),
            batch_size=None,
            num_workers=many,
            prefetch_factor=_AHEAD,
            multiprocessing_context=_context(),
            worker_init_fn=_prepare,
        )
    for batch, left_out, error in made:
        tell(left_out)
        if error:
            raise error
        yield batch


def ahead(make: Callable[[int], Made], first: int, last: int, threads: int | None = None) -> Iterator[Made]:
    """`make(first)` to `make(last - 1)`, made ahead of their use by `threads`, of half of the cores."""
    workers = threads or max(1, min(8, (os.cpu_count() or 1) // 2))
    with ThreadPoolExecutor(workers) as pool:
        queue = deque(pool.submit(make, n) for n in range(first, min(last, first + workers)))
        try:
            for n in range(first, last):
                batch = queue.popleft().result()
                if n + workers < last:
                    queue.append(pool.submit(make, n + workers))
                yield batch
        finally:
            for future in queue:
                future.cancel()


def _made(source: Source, number: int) -> _Made:
    try:
        batch = source(number)
    except InputError as error:
        return _Made(None, source.left_out(), error)
    return _Made(batch, source.left_out())


def _context() -> multiprocessing.context.BaseContext:
    """Workers are forked from a server that has loaded what they need and has no threads of ours: a fork of
    this process would copy its threads half dead, a fresh start would load torch for each of them."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__.replace("reading.workers", "faces")])
    return context


def _prepare(_: int) -> None:
    cv2.setNumThreads(1)
    for number in ("SIGINT", "SIGHUP"):  # the run's own process answers them, and ends its workers
        if hasattr(signal, number):
            signal.signal(getattr(signal, number), signal.SIG_IGN)
    threading.Thread(target=_end_with_run, daemon=True).start()


def _end_with_run() -> None:
    """End this worker when its run's process has died. DataLoader's own watch sees the server that forked the
    worker, which in turn waits for its workers."""
    run = multiprocessing.parent_process()
    assert run is not None
    run.join()
    os._exit(1)
