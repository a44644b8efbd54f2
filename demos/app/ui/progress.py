"""Progress of a render as the page shows it."""

from dataclasses import dataclass, field


@dataclass
class Progress:
    """How far a run is. done, expected: frames; expected may be unknown. seconds: since the first frame came;
    looking: whether the driver is still looked at. notes: sentences of what was lost or held."""

    done: int = 0
    expected: int | None = None
    seconds: float = 0.0
    looking: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def share(self) -> float | None:
        """0 to 1, None if unknown."""
        return min(self.done / self.expected, 1.0) if self.expected else None

    @property
    def left(self) -> float | None:
        """Seconds to go, None if that cannot be said yet."""
        if not self.expected or self.done < 3 or not self.seconds:
            return None
        return max(self.expected - self.done, 0) * self.seconds / (self.done - 1)
