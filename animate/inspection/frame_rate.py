"""The frame rate of a video and whether it is constant, from the frames' own times."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass
class FrameRate:
    """The frame rate of a video; `add` every frame's pts in order, ticks of time_base (seconds).

    A file of constant rate may round each time to a tick: steps within one tick of the mean are constant.
    """

    time_base: Fraction
    count: int = 0
    first: int = 0
    last: int = 0
    shortest: int = 0
    longest: int = 0

    def add(self, pts: int) -> None:
        if self.count:
            step = pts - self.last
            self.shortest = min(self.shortest or step, step)
            self.longest = max(self.longest, step)
        else:
            self.first = pts
        self.count, self.last = self.count + 1, pts

    @property
    def mean(self) -> Fraction | None:
        """Frames a second; None with a single frame."""
        lasted = (self.last - self.first) * self.time_base
        return (self.count - 1) / lasted if lasted else None

    @property
    def constant(self) -> bool:
        """Whether the rate is constant."""
        if self.count < 3:
            return True
        mean = Fraction(self.last - self.first, self.count - 1)
        return max(self.longest - mean, mean - self.shortest) < 1

    @property
    def range(self) -> tuple[Fraction, Fraction] | None:
        """The lowest and highest rate from one frame to the next; None with a single frame."""
        if not self.shortest:
            return None
        return 1 / (self.longest * self.time_base), 1 / (self.shortest * self.time_base)
