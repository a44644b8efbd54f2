"""How a render is to be made: the only place where an option is declared."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .errors import InputError

if TYPE_CHECKING:
    pass

NoFace = Literal["hold", "passthrough", "fade", "fail"]


Guidance = Literal["landmarks", "edges"]


MotionKind = Literal["relative", "absolute", "copy"]
PARTS = ("head", "eyes", "mouth", "brows", "gaze")
"""What of the motion can be had more or less of, or alone."""


@dataclass(frozen=True)
class MotionOptions:
    """How a source is to follow.

    kind: `relative`, the driver's changes since its reference frame; `absolute`, the driver's pose and
    expression themselves, on the source's identity; `copy`, the driver's own points, smoothed, but for what
    would fold the face. head, eyes, mouth, brows, gaze: gains, 1 as the driver does, 0 not at all. only: the
    parts that move, None for all. smoothing: 0 off and exact, 1 for our tracker's noise.
    """

    kind: MotionKind = "relative"
    head: float = 1.0
    eyes: float = 1.0
    mouth: float = 1.0
    brows: float = 1.0
    gaze: float = 1.0
    only: tuple[str, ...] | None = None
    smoothing: float = 1.0

    def __post_init__(self) -> None:
        for part in PARTS:
            if not 0 <= getattr(self, part) <= 3:
                raise InputError(f"--{part} {getattr(self, part):g}: a gain lies between 0 and 3.")
        if not 0 <= self.smoothing <= 10:
            raise InputError(f"--smoothing {self.smoothing:g}: give 0 (off) to 10.")
        for part in self.only or ():
            if part not in PARTS:
                raise InputError(f"--only {part}: there is no such part; choose of {', '.join(PARTS)}.")

    def gain(self, part: str) -> float:
        """What of a part's motion is to come along."""
        return getattr(self, part) if self.only is None or part in self.only else 0.0


SourceMotion = Literal["keep", "replace"]
