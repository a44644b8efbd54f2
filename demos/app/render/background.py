"""Work on a thread of its own, for an event that shows how far it is."""

import threading
from collections.abc import Callable, Generator
from typing import TypeVar

T = TypeVar("T")
Shown = TypeVar("Shown")


def in_background(
    work: Callable[[Callable[[], bool]], T], name: str, show: Callable[[], Shown], every: float
) -> Generator[Shown, None, T]:
    """Run `work` on a thread of that name; yields `show()` each `every` seconds until it ends, and returns or
    raises what it does.

    work: gets a function that says whether it is to end early. Closing the generator asks for that, and waits
    for the thread.
    """
    ended, left = threading.Event(), threading.Event()
    made: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            made.append(work(left.is_set))
        except BaseException as error:
            failed.append(error)
        ended.set()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        while not ended.wait(every):
            yield show()
        if failed:
            raise failed[0]
        return made[0]
    finally:
        left.set()
        thread.join()
