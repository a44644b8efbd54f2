"""Progress of a render as the page shows it."""

from dataclasses import dataclass, field

from gfla.animate.errors import InputWarning

_SURE = 10  # frames, before which the pace says little
_MARGIN, _AHEAD = 1.15, 0.3  # times, and seconds more than, the time that the rest seems to take


@dataclass
class Progress:
    """How far a render is.

    done, expected: frames; expected is None if unknown. seconds: since the first frame. tracking: the driver
    is still being tracked, and `done` counts that. warnings: what the render warned of.
    """

    done: int = 0
    expected: int | None = None
    seconds: float = 0.0
    tracking: bool = False
    warnings: list[InputWarning] = field(default_factory=list)

    @property
    def fraction(self) -> float | None:
        """0 to 1, None if unknown."""
        return min(self.done / self.expected, 1.0) if self.expected else None

    @property
    def rate(self) -> float:
        """Frames a second, 0 before the second frame."""
        return (self.done - 1) / self.seconds if self.seconds else 0.0

    @property
    def left(self) -> float | None:
        """Seconds to go, None before there is an estimate."""
        if not self.expected or self.done < 3 or not self.seconds:
            return None
        return max(self.expected - self.done, 0) / self.rate

    def runs_through(self, made: float) -> bool:
        """Whether a video of which `made` seconds are done, played from now on, will not reach what is not
        yet made."""
        if self.left is None or self.expected is None or self.done < _SURE:
            return False
        return self.left * _MARGIN + _AHEAD < made * self.expected / self.done
