"""What a server accepts from one visitor; its owner may set other limits."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of one visitor and of the queue.

    bytes: of an upload. seconds: of a driving video. side: pixels of the longer side of a picture or video.
    queue: renders that may wait. jobs: of a batch. live: visitors who may be live at once.
    """

    bytes: int = 200 * 2**20
    seconds: float = 180.0
    side: int = 4096
    queue: int = 32
    jobs: int = 64
    live: int = 1
