"""What to show while the driver's face is not visible: hold, the plain portrait, a fade to rest, or an error.

No policy drops frames: the output keeps the driving video's time stamps.
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
"""The effect of each policy, for the warning that lists the times without a face."""

_FADE = Fraction(1, 2)  # seconds from full motion to rest, and back


class MissingFaceError(InputError):
    """A frame without a face under the policy `fail`."""

    def __init__(self, seconds: Fraction):
        super().__init__(
            "--no-face fail",
            f"there is no face at {clock(seconds)}",
            "cut it out of the driving video",
        )


@dataclass(frozen=True)
class Presence:
    """State of `fade`: the share of the driver's motion that is shown, 1 while the face is visible.

    at: time of the last frame, seconds.
    """

    share: Fraction = Fraction(1)
    at: Fraction | None = None

    def after(self, found: bool, seconds: Fraction) -> "Presence":
        """The state at the frame shown at `seconds`, in which the face was `found` or not."""
        passed = Fraction(0) if self.at is None else max(seconds - self.at, Fraction(0))
        share = self.share + passed / _FADE * (1 if found else -1)
        return Presence(min(max(share, Fraction(0)), Fraction(1)), seconds)
