"""What to show while the driver's face is away: held, the plain portrait, a fade to rest, or nothing at all.

Frames are never dropped, whatever is chosen: the output keeps the driving video's clock.
"""

from dataclasses import dataclass
from fractions import Fraction

from ..errors import InputError
from ..io.timecode import clock
from ..options import NoFace

SAYS: dict[NoFace, str] = {
    "hold": "the portrait holds still there",
    "passthrough": "the portrait is shown unmoved there",
    "fade": "the portrait comes to rest there",
    "fail": "the render stops there",
}
"""How a report of the times without a face ends."""

_FADE = Fraction(1, 2)  # seconds from full motion to rest, and back


class MissingFaceError(InputError):
    """A frame without a face, where `fail` was chosen."""

    def __init__(self, seconds: Fraction):
        super().__init__(f"there is no face at {clock(seconds)}, and --no-face fail was chosen; cut it out.")


@dataclass(frozen=True)
class Presence:
    """How much of the driver's motion is shown, for `fade`: 1 while the face is there, 0 long after it went.

    at: the time of the last frame, seconds.
    """

    share: Fraction = Fraction(1)
    at: Fraction | None = None

    def after(self, found: bool, seconds: Fraction) -> "Presence":
        """At the frame shown at `seconds`, in which the face was `found` or not."""
        passed = Fraction(0) if self.at is None else max(seconds - self.at, Fraction(0))
        share = self.share + passed / _FADE * (1 if found else -1)
        return Presence(min(max(share, Fraction(0)), Fraction(1)), seconds)
