"""What gfla-prepare may be asked for, declared once: the size of the clips and what is left out."""

from __future__ import annotations

from dataclasses import dataclass

from ....animate.declare import check_options, option


@dataclass(frozen=True, kw_only=True)
class PrepareOptions:
    """How footage becomes clips. InputError for a value out of range.

    The defaults of `min_face` and `min_sharpness` hold for the clips that the shipped weights were trained
    on.
    """

    size: int = option(
        256, "count", "side of the clips in pixels (default: 256)", least=16, most=2048, metavar="PIXELS"
    )
    min_seconds: float = option(
        1.0, "number", "shortest clip in seconds (default: 1)", "what is left out", least=0.2, metavar="S"
    )
    min_face: float = option(
        0.375,
        "number",
        "smallest face, its longer side over the clip's (default: 0.375)",
        "what is left out",
        least=0.0,
        most=1.0,
        metavar="F",
    )
    min_sharpness: float = option(
        10.0,
        "number",
        "least variance of the Laplacian of a face scaled to half the clip's side (default: 10)",
        "what is left out",
        least=0.0,
        metavar="V",
    )

    def __post_init__(self) -> None:
        check_options(self)

    @property
    def min_frames(self) -> int:
        """The shortest clip in frames, 25 a second."""
        return round(25 * self.min_seconds)
