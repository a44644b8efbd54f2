"""Whether a video's frames come evenly, judged by their own times and not by what the container says."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass
class Pace:
    """Counts frames by their times: `add` each frame's pts, in order; ticks of time_base, seconds.

    A file of constant rate may round each time to a tick: steps of one tick about the mean are even.
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
    def rate(self) -> Fraction | None:
        """Frames a second on average; None of a single frame."""
        lasted = (self.last - self.first) * self.time_base
        return (self.count - 1) / lasted if lasted else None

    @property
    def even(self) -> bool:
        """Whether the rate is constant."""
        if self.count < 3:
            return True
        mean = Fraction(self.last - self.first, self.count - 1)
        return max(self.longest - mean, mean - self.shortest) < 1

    @property
    def range(self) -> tuple[Fraction, Fraction] | None:
        """The lowest and the highest rate from one frame to the next; None of a single frame."""
        if not self.shortest:
            return None
        return 1 / (self.longest * self.time_base), 1 / (self.shortest * self.time_base)
