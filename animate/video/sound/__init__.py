"""The sound of a video beside new frames: copied packet by packet, re-encoded only where it must be."""

from .tracks import Sound

__all__ = ["Sound"]
