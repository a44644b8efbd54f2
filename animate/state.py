"""What a stream carries from frame to frame: a portrait, and one state for each stage that has one.

All of it is values: a stage takes its state and returns the next one, so one Animator serves many streams.
S is the side of the network's picture, 256 by default.
"""

import os
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..models import Ahead, FrameOutput, GeneratorMemory, OriginalAhead, OriginalReference, Reference
from .compositing.closeups import CloseupReferences
from .compositing.detail import Canvas, Drawing
from .errors import InputError, Warn, ignore
from .face.crop import FaceSquare
from .face.landmarks import Landmarks
from .face.shoulders import shoulders
from .face.tracking import Sighting
from .io.image import on_white, read_image
from .motion.no_face import Presence
from .motion.person import Person
from .motion.recording import DriverMotion
from .motion.retarget import MotionState
from .options import AnimateOptions

Image = NDArray[np.uint8]
Source = str | os.PathLike | Image


@dataclass(frozen=True, eq=False)
class Portrait:
    """A source picture prepared once: its face cropped and encoded.

    image: (H, W, 3) uint8 RGB. alpha: (H, W) uint8, None if opaque. square: where the face is in the image.
    canvas: what drawings are finished on. face: the crop, (S, S, 3) uint8. places: (70, 2) float32, landmarks
    and irises in pixels of the crop, x then y. reference: the crop encoded by the generator. detail: its
    `fine_detail`, (1, 1, S, S). closeups: mouth and eyes encoded, None if nothing draws them.
    """

    image: Image
    square: FaceSquare
    canvas: Canvas
    face: Image
    places: NDArray[np.float32]
    reference: Reference | OriginalReference
    detail: Tensor
    alpha: Image | None = None
    closeups: CloseupReferences | None = None

    @property
    def points(self) -> NDArray[np.float32]:
        """(68, 2), `places` without the irises."""
        return self.places[:68]

    @property
    def shoulders(self) -> NDArray[np.float32]:
        """(2, 2), at rest."""
        return shoulders(self.points)


class Target(NamedTuple):
    """What the network is to draw, on its device.

    points: (1, 70, 2) float32 landmarks and shoulders in pixels of the source's crop. structure: (1, 17, S/4,
    S/4), their structure map; for the authors' network (1, 16, S, S). places: (70, 2) float32, the landmarks
    here and the irises. shoulders: (2, 2) float32. field, slack: of the fine motion, as in `Moved`; fine: (1,
    2, S/4, S/4) float32, both in the crop, None if there is none. ahead: what `look_ahead` computed.
    """

    points: Tensor
    structure: Tensor
    places: NDArray[np.float32]
    shoulders: NDArray[np.float32]
    field: NDArray
    slack: NDArray[np.float32]
    fine: Tensor | None
    ahead: Ahead | FrameOutput | OriginalAhead | None = None


@dataclass(frozen=True, eq=False)
class SourceState:
    """The source as it is shown now.

    portrait: of the picture, or of the source video's current frame. For a source video only: seen, its last
    sighting; pose, the person that motion starts from; rest, (70, 2) the face's points at the shot's
    beginning; visible, whether the current frame shows the face.
    """

    portrait: Portrait
    seen: Sighting | None = None
    pose: Person | None = None
    rest: NDArray[np.float32] | None = None
    visible: bool = True

    @property
    def is_video(self) -> bool:
        return self.seen is not None


@dataclass(frozen=True, eq=False)
class TrackingState:
    """Of `track`. driver: the driving face's last sighting, None before the first frame."""

    source: SourceState
    driver: Sighting | None = None


@dataclass(frozen=True, eq=False)
class RetargetState:
    """Of `retarget`. square: the driving crop, set by the first face of a shot. target: the last one, held
    while the driver's face is away. presence: how far the motion has faded then."""

    motion: MotionState
    square: FaceSquare | None = None
    target: Target | None = None
    presence: Presence = field(default_factory=Presence)


@dataclass(frozen=True, eq=False)
class AnimationState:
    """A stream between two frames: what was asked for, and the state of each stage that has one.

    driver: the driver's motion where it is known beforehand, None where each frame is tracked.
    """

    options: AnimateOptions
    tracking: TrackingState
    motion: RetargetState
    memory: GeneratorMemory = field(default_factory=GeneratorMemory)
    drawing: Drawing | None = None
    driver: DriverMotion | None = None

    @property
    def portrait(self) -> Portrait:
        """The portrait shown now."""
        return self.tracking.source.portrait

    @property
    def landmarks(self) -> Landmarks | None:
        """The driver's in the last frame, None if no face was found there."""
        seen = self.tracking.driver
        return seen.landmarks if seen else None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the output frames in pixels."""
        image = self.portrait.face if self.options.crop_only else self.portrait.image
        return image.shape[1], image.shape[0]


def read_source(source: Source, warn: Warn = ignore) -> tuple[Image, Image | None, str]:
    """The picture, over white where it is transparent; its alpha; its name. warn: told of damage. InputError
    if it is none."""
    if isinstance(source, np.ndarray):
        if source.ndim != 3 or source.shape[2] != 3 or source.dtype != np.uint8:
            shape = f"{source.shape} {source.dtype}"
            raise InputError("source", f"an array of RGB (H, W, 3) uint8 is needed, not {shape}")
        return source, None, "source"
    image, alpha = read_image(source, warn)
    return image if alpha is None else on_white(image, alpha), alpha, str(source)
