"""The original generators of the paper's authors, for their released checkpoints."""

from .generator import Original, OriginalAhead, OriginalReference

__all__ = ["Original", "OriginalAhead", "OriginalReference"]
