"""What a frame leaves to the next, as one value, so that one Animator serves many streams.

S the side of the network's picture.
"""

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..models import Ahead, FrameOutput, GeneratorMemory, Reference
from .compositing.detail import Canvas, Drawing
from .errors import InputError
from .face.crop import FaceSquare
from .face.landmarks import Landmarks
from .face.tracking import Sighting
from .io.image import read_image
from .motion.no_face import Presence
from .motion.recording import DriverMotion
from .motion.retarget import MotionState, Person
from .options import Guidance, NoFace

if TYPE_CHECKING:
    from .source_video import SourceVideo


Image = NDArray[np.uint8]


Source = str | os.PathLike | Image


@dataclass(frozen=True, eq=False)
class Portrait:
    """A source, prepared once per stream.

    image: RGB (H, W, 3) uint8. square: where its face is. canvas: where drawings of it are finished.
    face: the crop, (S, S, 3) uint8. points: (68, 2) float32, pixels of the crop. reference: the crop encoded.
    Of a source video's frame, pose: the person from whom the motion departs, where it is not the first
    frame's. recropped: whether its square is another than the frame's before. alpha: (H, W) uint8, None where
    opaque.
    """

    image: Image
    square: FaceSquare
    canvas: Canvas
    face: Image
    points: NDArray[np.float32]
    reference: Reference
    pose: Person | None = None
    recropped: bool = False
    alpha: Image | None = None


def read_source(source: Source) -> tuple[Image, Image | None, str]:
    """The picture on white where it is transparent, its alpha, what to call it; InputError if it is none."""
    if isinstance(source, np.ndarray):
        if source.ndim != 3 or source.shape[2] != 3 or source.dtype != np.uint8:
            raise InputError(f"a source array is RGB (H, W, 3) uint8, not {source.shape} {source.dtype}.")
        return source, None, "source"
    image, alpha = read_image(source)
    if alpha is not None:
        share = alpha[..., None].astype(np.float32) / 255
        image = np.rint(image * share + 255 * (1 - share)).astype(np.uint8)
    return image, alpha, str(source)


class Target(NamedTuple):
    """What the network is to draw: points (1, 68, 2) float32, pixels of the source's crop, and their
    structure map (1, 17, S/4, S/4), both on the animator's device. look: (2, 2) float32
    pixels that the irises, which the network is not told of, go aside. ahead: what the network made of it
    before its turn came; None until then, and in every state."""

    points: Tensor
    structure: Tensor
    look: NDArray[np.float32]
    ahead: Ahead | FrameOutput | None = None


@dataclass(frozen=True, eq=False)
class AnimationState:
    """What one frame leaves to the next; `Animator.prepare` makes the first.

    seen: the last driving frame's sighting. square: the driving crop, set by a shot's first face. target: the
    last, and drawing: of it; None before the first face. detail, no_face, driving_face: as in `prepare`.
    presence: how far the motion has faded while the face was away. source: the video whose frames the
    portrait is made of in turn, None for a picture. shown: whether its face is to be seen now.
    recording: where the driver's motion is known beforehand, None where it is looked for in each frame.
    """

    portrait: Portrait
    motion: MotionState
    guidance: Guidance
    crop_only: bool
    detail: float = 1.0
    drawing: Drawing | None = None
    memory: GeneratorMemory = field(default_factory=GeneratorMemory)
    seen: Sighting | None = None
    square: FaceSquare | None = None
    target: Target | None = None
    no_face: NoFace = "hold"
    driving_face: int | None = None
    presence: Presence = field(default_factory=Presence)
    source: "SourceVideo | None" = None
    shown: bool = True
    recording: DriverMotion | None = None

    @property
    def landmarks(self) -> Landmarks | None:
        """The driver's in the last frame, None if its face was not found there."""
        return self.seen.landmarks if self.seen else None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frames to come, in pixels."""
        image = self.portrait.face if self.crop_only else self.portrait.image
        return image.shape[1], image.shape[0]
