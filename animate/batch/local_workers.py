"""Worker processes on this machine: if one crashes, its task is tried again and the others go on."""

import queue
import signal
import threading
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from ..errors import InputError
from .tasks import Event, Start, Work

TRIES = 2
"""How often a task may lose its worker in one run."""


class LocalWorkers:
    """`count` processes, each started with its first task. start: makes what works in them."""

    def __init__(self, count: int, start: Start):
        self._tasks: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._processes: dict[int, BaseProcess] = {}
        self._closed = False
        given = (start, count)
        self._threads = [
            threading.Thread(target=self._drive, args=(index, given), daemon=True) for index in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Work) -> None:
        self._tasks.put(task)

    def next(self) -> Event:
        return self._events.get()

    def close(self) -> None:
        self._closed = True
        for process in list(self._processes.values()):
            process.kill()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def _drive(self, index: int, given: tuple) -> None:
        """Hand tasks to one process, started again when it dies, and pass its events on."""
        pipe = None
        while (task := self._tasks.get()) is not None and not self._closed:
            for lost in range(1, TRIES + 1):
                pipe = pipe or self._start(index, given)
                try:
                    pipe.send(task)
                    while (event := pipe.recv()).kind not in ("done", "failed"):
                        self._events.put(event)
                    self._events.put(event)
                    break
                except (EOFError, OSError):
                    pipe.close()
                    pipe = None
                    self._processes[index].join()
                    if self._closed:
                        break
                    if lost == TRIES:
                        code = self._processes[index].exitcode or 0
                        how = f"signal {-code}" if code < 0 else f"exit status {code}"
                        error = InputError(task.subject, f"the worker died of {how}, {TRIES} times")
                        self._events.put(Event("failed", task.key, note=error))
        if pipe is not None:
            pipe.close()

    def _start(self, index: int, given: tuple) -> Connection:
        context = get_context("spawn")  # a fork would copy this process's threads half dead
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, *given), daemon=True)
        process.start()
        theirs.close()
        self._processes[index] = process
        if self._closed:  # closed meanwhile, before the process was listed
            process.kill()
        return ours


def _serve(pipe: Connection, start: Start, count: int) -> None:
    """A worker process: tasks from the pipe until it closes, which also happens when the parent dies."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the parent handles them, and its end closes the pipe
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    import torch

    torch.set_num_threads(max(1, torch.get_num_threads() // count))
    worker = start()

    def say(event: Event) -> None:
        try:
            pipe.send(event)
        except OSError:
            raise SystemExit(1) from None  # the parent is gone

    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        say(worker.do(task, say))
