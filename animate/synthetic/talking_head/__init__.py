"""A procedural talking head by seed, with exact landmarks: the shipped driver, tests and training use it."""

from .acting import act, babble, render_clip, talk, write_dataset
from .paint import Drawn, TalkingHead
from .shape import Pose

__all__ = ["Drawn", "Pose", "TalkingHead", "act", "babble", "render_clip", "talk", "write_dataset"]
