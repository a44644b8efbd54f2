"""What a server takes of one visitor, as a value that whoever starts it may set."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one visitor may send, and how many may wait.

    bytes: of an upload. seconds: of a driving video. side: pixels of a picture's or video's longer side.
    queue: runs that may wait. files: of a batch. live: visitors
    who may be live at once.
    """

    bytes: int = 200 * 2**20
    seconds: float = 180.0
    side: int = 4096
    queue: int = 32
    files: int = 64
    live: int = 1
