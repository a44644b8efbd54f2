"""What a frame leaves to the next, as one value, so that one Animator serves many streams.

S the side of the network's picture.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..models import Ahead, FrameOutput, GeneratorMemory
from .absence import NoFace, Presence
from .align import FaceSquare
from .detail import Drawing
from .landmarks import Landmarks
from .motion import MotionState
from .portrait import Portrait
from .recording import Recording
from .tracking import Sighting

if TYPE_CHECKING:
    from .source_video import SourceVideo

Guidance = Literal["landmarks", "edges"]


class Target(NamedTuple):
    """What the network is to draw: points (1, 68, 2) float32, pixels of the source's crop, and their
    structure map (1, 17, S/4, S/4), both on the animator's device. places: (70, 2)
    float32, the points here and the irises, for close-ups. ahead: what the network made of it
    before its turn came; None until then, and in every state."""

    points: Tensor
    structure: Tensor
    places: NDArray[np.float32]
    ahead: Ahead | FrameOutput | None = None


@dataclass(frozen=True, eq=False)
class AnimationState:
    """What one frame leaves to the next; `Animator.prepare` makes the first.

    seen: the last driving frame's sighting. square: the driving crop, set by a shot's first face. target: the
    last, and drawing: of it; None before the first face. detail, no_face, driving_face: as in `prepare`.
    presence: how far the motion has faded while the face was away. source: the video whose frames the
    portrait is made of in turn, None for a picture. shown: whether its face is to be seen now.
    closeups: what the last frame's close-ups leave to the next.
    recording: where the driver's motion is known beforehand, None where it is looked for in each frame.
    """

    portrait: Portrait
    motion: MotionState
    guidance: Guidance
    crop_only: bool
    detail: float = 1.0
    drawing: Drawing | None = None
    memory: GeneratorMemory = field(default_factory=GeneratorMemory)
    closeups: GeneratorMemory = field(default_factory=GeneratorMemory)
    seen: Sighting | None = None
    square: FaceSquare | None = None
    target: Target | None = None
    no_face: NoFace = "hold"
    driving_face: int | None = None
    presence: Presence = field(default_factory=Presence)
    source: "SourceVideo | None" = None
    shown: bool = True
    recording: Recording | None = None

    @property
    def landmarks(self) -> Landmarks | None:
        """The driver's in the last frame, None if its face was not found there."""
        return self.seen.landmarks if self.seen else None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frames to come, in pixels."""
        image = self.portrait.face if self.crop_only else self.portrait.image
        return image.shape[1], image.shape[0]
