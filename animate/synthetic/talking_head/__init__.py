"""A seeded procedural talking head with exactly known landmarks, to ship, test and train with."""

from .acting import act, babble, render_clip, talk, write_dataset
from .paint import Drawn, TalkingHead
from .shape import Pose

__all__ = ["Drawn", "Pose", "TalkingHead", "act", "babble", "render_clip", "talk", "write_dataset"]
