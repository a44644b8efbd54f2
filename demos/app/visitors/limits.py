"""What a server accepts from one visitor; its owner may set other limits."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of one visitor and of the queue.

    bytes: of an upload. seconds: of the part of a driving video that is used. side: pixels of the longer side
    of a video; a larger picture is shrunk to that, up to `most_side`. queue: renders that may wait. jobs: of
    a batch. live: visitors who may be live at once. grace: seconds in which who left may come back.
    """

    bytes: int = 200 * 2**20
    seconds: float = 180.0
    side: int = 4096
    most_side: int = 12000
    queue: int = 32
    jobs: int = 64
    live: int = 1
    grace: float = 20.0
