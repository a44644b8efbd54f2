"""Portrait and driving frames in, animated frames out: the one loop that every command and demo pulls from.

State is a value: what a frame leaves to the next is an `AnimationState`, so one Animator serves many streams.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models import Generator, GeneratorMemory, Reference, load_generator
from .align import FaceSquare, crop, face_square, feather, paste, to_crop
from .devices import choose_device, fast_precision
from .errors import InputError
from .film import Progress, render
from .gaze import look_aside
from .image import read_image
from .landmarks import Landmarker, Landmarks, load_landmarker
from .motion import Manner, MotionKind, MotionState, follow_driver, see_person
from .recording import Recording, Tracked, follow_recording, record
from .steps import STEP, Work
from .stream import StreamStats
from .structure import edges_only, image_edges, structure_map
from .video import Frame, VideoReader

log = logging.getLogger(__name__)

Guidance = Literal["landmarks", "edges"]
Image = NDArray[np.uint8]
Source = str | os.PathLike | Image


@dataclass(frozen=True, eq=False)
class Portrait:
    """A source, prepared once per stream.

    image: RGB (H, W, 3) uint8. square: where its face is. weight: `feather` of it. face: the crop, (S, S, 3)
    uint8. points: (68, 2) float32, pixels of the crop. reference: the crop encoded.
    """

    image: Image
    square: FaceSquare
    weight: NDArray[np.float32]
    face: Image
    points: NDArray[np.float32]
    reference: Reference


@dataclass(frozen=True, eq=False)
class AnimationState:
    """What one frame leaves to the next; `Animator.prepare` makes the first.

    landmarks: the driver's in the last frame, None if its face was not found there. square: the driving crop,
    set by the first face. face: the last animated crop, (S, S, 3) uint8, held while no face is found.
    recording: where the driver's motion is known beforehand, None where it is looked for in each frame.
    """

    portrait: Portrait
    motion: MotionState
    guidance: Guidance
    crop_only: bool
    face: Image
    memory: GeneratorMemory = field(default_factory=GeneratorMemory)
    landmarks: Landmarks | None = None
    square: FaceSquare | None = None
    recording: Recording | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frames to come, in pixels."""
        image = self.portrait.face if self.crop_only else self.portrait.image
        return image.shape[1], image.shape[0]


class Target(NamedTuple):
    """What the network is to draw: points (1, 68, 2) float32, pixels of the source's crop, and their
    structure map (1, 17, S/4, S/4), both on the animator's device. look: (2, 2) pixels that the irises, which
    the network is not told of, go aside."""

    points: Tensor
    structure: Tensor
    look: NDArray[np.float32]


class Animator:
    """Animates portraits with one generator and one landmarker; holds no state of a stream.

    device: torch device of the generator. device_reason: why that one. precision: of its arithmetic.
    name: of the weights.
    """

    def __init__(
        self,
        generator: Generator,
        landmarker: Landmarker,
        *,
        device: str | torch.device = "cpu",
        reason: str = "asked for",
        name: str = "",
    ):
        self.device = torch.device(device)
        self.generator = generator.to(self.device).eval()
        self.landmarker = landmarker
        self.device_reason, self.name = reason, name
        self.precision = fast_precision(self.device)
        self._size = generator.config.size

    @classmethod
    def from_pretrained(
        cls, name: str | Path = "face-256", device: str = "auto", landmarks: str = "builtin"
    ) -> Self:
        """Load weights by shipped name or path.

        device: "auto" (CUDA, then MPS, then CPU), "cpu", "cuda" or "mps". landmarks: "builtin" or
        "face-alignment". InputError if weights, device or backend are not there.
        """
        chosen, reason = choose_device(device)
        try:
            generator = load_generator(name, chosen)
            landmarker = load_landmarker(landmarks, device=chosen)
        except InputError:
            raise
        except (FileNotFoundError, ValueError) as error:
            raise InputError(str(error)) from None
        return cls(generator, landmarker, device=chosen, reason=reason, name=str(name))

    def prepare(
        self,
        source: Source,
        *,
        motion: MotionKind | Manner = "relative",
        guidance: Guidance = "landmarks",
        crop_only: bool = False,
    ) -> AnimationState:
        """Find the source's face and encode it: the state before the first frame.

        source: a picture's path or RGB (H, W, 3) uint8. motion: how it follows; without `follow` the first
        frame is the reference. InputError if the source cannot be read or shows no face.
        """
        manner = motion if isinstance(motion, Manner) else Manner(motion)
        if guidance == "edges":
            if find_spec("kornia") is None:
                raise InputError("--guidance edges needs kornia; install it with: pip install 'gfla[edges]'.")
            if manner.kind != "copy":
                log.warning(
                    "Edges carry the driver's face shape along; for another person's portrait take landmarks."
                )
        image, name = _read_source(source)
        faces = self.landmarker.find(image)
        if not faces:
            raise InputError(f"{name}: no face found; give a portrait that shows one, from the front.")
        square = face_square(faces[0], (image.shape[1], image.shape[0]))
        face = crop(image, square, self._size)
        points = to_crop(faces[0].points, square, self._size)
        with self._fast():
            places = self._tensor(points)
            reference = self.generator.encode_reference(
                self._picture(face), self._structure(places, face, guidance), places
            )
        weight = feather(square, (image.shape[1], image.shape[0]))
        portrait = Portrait(image, square, weight, face, points, reference)
        known = to_crop(np.concatenate([faces[0].points, faces[0].iris]), square, self._size)
        start = MotionState(see_person(known), manner, self._size)
        return AnimationState(portrait, start, guidance, crop_only, face)

    def follow(
        self, state: AnimationState, recording: Recording, reference_frame: int | None = None
    ) -> AnimationState:
        """The state of a stream whose driver was looked at before: its frames' times are the recording's.

        reference_frame: number, from 0, of the frame in which the driver is as the source in the portrait;
        None for the one most like it. InputError if that cannot be.
        """
        edges = state.guidance == "edges"
        motion, recording = follow_recording(state.motion, recording, reference_frame, edges)
        return replace(state, motion=motion, recording=recording)

    def step(self, frame: Frame, state: AnimationState) -> tuple[Frame, AnimationState]:
        """Animate one driving frame: the output frame bears its time, the state goes to the next step.

        A frame without a face holds the last motion; before any face the source stays as it is.
        """
        work = Work(frame, state)
        for stage in STEP:
            work = stage(self, work)
        return work.frame, work.state

    def animate(
        self,
        source: Source | AnimationState,
        frames: Iterable[Frame],
        watch: Callable[[Frame, AnimationState], None] | None = None,
    ) -> Iterator[Frame]:
        """A frame for every frame of `frames`, in order, as they come.

        source: a portrait, or the state from `prepare` for other than its default ways. watch: is called with
        each output frame and the state it left, for progress and records.
        """
        state = source if isinstance(source, AnimationState) else self.prepare(source)
        for driving in frames:
            frame, state = self.step(driving, state)
            if watch:
                watch(frame, state)
            yield frame

    def render(
        self,
        source: Source,
        driving: str | os.PathLike,
        output: str | os.PathLike,
        *,
        motion: MotionKind | Manner = "relative",
        guidance: Guidance = "landmarks",
        crop_only: bool = False,
        start: Fraction | float | None = None,
        end: Fraction | float | None = None,
        overwrite: bool = False,
        progress: Progress | None = None,
        cancel: Callable[[], bool] | None = None,
        stats: Callable[[StreamStats], None] | None = None,
        codec: str | None = None,
        recording: Recording | None = None,
        reference_frame: int | None = None,
        tracking: Progress | None = None,
        save_motion: str | os.PathLike | None = None,
    ) -> Path:
        """Animate `source` by the video `driving` into the file `output`, with its frame times and sound.

        driving: whatever VideoReader takes, or what `open_motion` does; output: whatever VideoWriter does;
        codec: another than is usual for that output's name.
        start, end: seconds, what to take of `driving`. progress: called with frames done and expected.
        cancel: asked before each frame; True ends the video there. stats: gets the account in the end.
        Returns the output's path. InputError for bad input, with no output left; warnings are logged once.
        Ctrl-C ends the video as `cancel` does and raises Stopped; a second one leaves no file.
        recording: of `driving` (`record`); else a file is looked at first, for `tracking` as progress, and a
        pipe or a URL as it comes. reference_frame: see `follow`. save_motion: a template to write meanwhile.
        """
        return render(
            self,
            source,
            driving,
            output,
            {"motion": motion, "guidance": guidance, "crop_only": crop_only},
            start=start,
            end=end,
            overwrite=overwrite,
            progress=progress,
            cancel=cancel,
            stats=stats,
            codec=codec,
            recording=recording,
            reference_frame=reference_frame,
            tracking=tracking,
            save_motion=save_motion,
        )

    def record(
        self,
        driving: str | os.PathLike,
        start: Fraction | float | None = None,
        end: Fraction | float | None = None,
        *,
        progress: Progress | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> Recording:
        """The motion in a video, to be rendered any number of times; InputError if there is no face."""
        with VideoReader(driving, start, end) as reader:
            return record(self.landmarker, reader, progress, cancel)

    def track(self, image: Image, last: Landmarks | None) -> Landmarks | None:
        """Step's first stage: the driver's landmarks in `image`, near `last` if that is known."""
        return self.landmarker.follow(image, last)

    def aim(
        self, image: Image, found: Landmarks, state: AnimationState
    ) -> tuple[Target, MotionState, FaceSquare]:
        """Step's second stage: where the source's points are to go; reads the state's portrait, motion,
        square and guidance alone, and returns what they become."""
        square = state.square or face_square(found, (image.shape[1], image.shape[0]))
        seen = to_crop(np.concatenate([found.points, found.iris]), square, self._size)
        signals = found.signals if isinstance(found, Tracked) else None
        moved, motion = follow_driver(seen, state.motion, signals)
        with self._fast():
            points = self._tensor(moved.points[:68])
            driving = crop(image, square, self._size) if state.guidance == "edges" else None
            target = Target(points, self._structure(points, driving, state.guidance), moved.look)
        return target, motion, square

    def generate(
        self, target: Target, portrait: Portrait, memory: GeneratorMemory
    ) -> tuple[Image, GeneratorMemory]:
        """Step's third stage, the network: the animated crop (S, S, 3) uint8 and the memory for the next."""
        with self._fast():
            images, memory, _ = self.generator(
                target.structure[:, None], target.points[:, None], portrait.reference, memory
            )
            face = (images[0, 0].float().clamp(-1, 1) * 127.5 + 127.5).round().byte()
        picture = face.permute(1, 2, 0).contiguous().cpu().numpy()
        return look_aside(picture, target.points[0].cpu().numpy(), target.look), memory

    def compose(self, portrait: Portrait, face: Image, *, started: bool, alone: bool) -> Image:
        """Step's last stage: the crop pasted into the photograph, or `alone`; the photograph itself before
        the first face has `started` the motion."""
        if alone:
            return face
        return paste(portrait.image, face, portrait.square, portrait.weight) if started else portrait.image

    def _structure(self, points: Tensor, face: Image | None, guidance: Guidance) -> Tensor:
        with torch.autocast(self.device.type, enabled=False):
            if guidance == "landmarks" or face is None:
                return structure_map(points, size=self._size)
            edges = image_edges(self._picture(face) / 2 + 0.5)
            return edges_only(structure_map(points, size=self._size, edges=edges))

    def _picture(self, image: Image) -> Tensor:
        """(S, S, 3) uint8 to (1, 3, S, S) float in [-1, 1] on the device, channels last."""
        pixels = torch.from_numpy(np.ascontiguousarray(image)).to(self.device)
        return pixels.permute(2, 0, 1)[None].float() / 127.5 - 1

    def _tensor(self, points: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(points).to(self.device)[None]

    @contextmanager
    def _fast(self) -> Iterator[None]:
        fast = self.precision == torch.bfloat16
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=fast):
            yield


def _read_source(source: Source) -> tuple[Image, str]:
    """The picture on white where it is transparent, and what to call it."""
    if isinstance(source, np.ndarray):
        if source.ndim != 3 or source.shape[2] != 3 or source.dtype != np.uint8:
            raise InputError(f"a source array is RGB (H, W, 3) uint8, not {source.shape} {source.dtype}.")
        return source, "source"
    image, alpha = read_image(source)
    if alpha is not None:
        share = alpha[..., None].astype(np.float32) / 255
        image = np.rint(image * share + 255 * (1 - share)).astype(np.uint8)
    return image, str(source)
