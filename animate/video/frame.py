"""An image and its exact time; transparency is kept beside the colours, so most code need not know of it."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..io.image import on_white


@dataclass(frozen=True, eq=False)
class Frame:
    """An image and its time.

    image: RGB (H, W, 3) uint8. pts: ticks of time_base (seconds). alpha: (H, W) uint8, straight; None if
    opaque.
    """

    image: np.ndarray
    pts: int
    time_base: Fraction
    alpha: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise ValueError(f"a Frame takes RGB (H, W, 3) uint8, not {self.image.shape} {self.image.dtype}")
        if self.alpha is not None and (
            self.alpha.shape != self.image.shape[:2] or self.alpha.dtype != np.uint8
        ):
            raise ValueError(f"alpha is (H, W) uint8, not {self.alpha.shape} {self.alpha.dtype}")

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        return f"Frame({width}x{height} at {float(self.seconds):.3f} s)"

    @property
    def seconds(self) -> Fraction:
        """When the frame is shown, exact."""
        return self.pts * self.time_base

    @property
    def pixels(self) -> np.ndarray:
        """RGB (H, W, 3) uint8, or RGBA (H, W, 4) if there is alpha."""
        return self.image if self.alpha is None else self.rgba()

    def on_white(self) -> np.ndarray:
        """RGB (H, W, 3) uint8, on white where it is transparent."""
        return self.image if self.alpha is None else on_white(self.image, self.alpha)

    def rgba(self) -> np.ndarray:
        """(H, W, 4) uint8, straight alpha."""
        alpha = np.full(self.image.shape[:2], 255, np.uint8) if self.alpha is None else self.alpha
        return np.dstack([self.image, alpha])
