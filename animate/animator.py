"""Portrait and driving frames in, animated frames out: the one loop that every command and demo pulls from.

State is a value: what a frame leaves to the next is an `AnimationState`, so one Animator serves many streams.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models import Ahead, AttentionFlow, FrameOutput, Generator, GeneratorMemory, load_generator
from .absence import NoFace
from .align import FaceSquare, crop, face_square, paste, to_crop
from .animation_state import AnimationState, Guidance, Target
from .backends import hand_over, place
from .closeups import encode_closeups, load_closeups, paste_closeups
from .detail import Canvas, Drawing, finish
from .devices import fast_precision, to_device
from .draw import Generated, generate
from .errors import InputError
from .film import Progress, render
from .landmarks import Landmarker, Landmarks, load_landmarker
from .motion import Manner, MotionKind, MotionState, follow_driver, see_person
from .portrait import Portrait, Source, read_source
from .recording import Recording, Tracked, follow_recording, record
from .source_video import SourceMotion, SourceVideo
from .steps import Work, run_step
from .stream import StreamStats
from .structure import edges_only, image_edges, structure_map
from .tracking import Sighting, choose_face, sight
from .video import Frame, VideoReader

log = logging.getLogger(__name__)

Image = NDArray[np.uint8]


class Animator:
    """Animates portraits with one generator and one landmarker; holds no state of a stream.

    device: torch device of the generator. device_reason: why that one. precision: of its arithmetic.
    backend: what computes it. name: of the weights. closeups: draws mouth and eyes, None: nothing.
    """

    def __init__(
        self,
        generator: Generator | AttentionFlow,
        landmarker: Landmarker,
        *,
        device: str | torch.device = "cpu",
        reason: str = "asked for",
        name: str = "",
        backend: str = "torch",
        closeups: Generator | None = None,
    ):
        self.device = torch.device(device)
        self.generator, self.landmarker = generator.to(self.device).eval(), landmarker
        self.device_reason, self.name, self.backend = reason, name, backend
        self.closeups = closeups and closeups.to(self.device).eval()
        self.precision = fast_precision(self.device)
        self._size = generator.config.size

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path = "face-256",
        device: str = "auto",
        landmarks: str = "builtin",
        backend: str = "torch",
    ) -> Self:
        """Load weights by shipped name or path.

        device: "auto" (CUDA, then MPS, then CPU), "cpu", "cuda" or "mps". landmarks: "builtin" or
        "face-alignment". backend: "torch" or, on the CPU, "openvino". InputError if any of them is not there.
        """
        chosen, reason = place(backend, device)
        try:
            generator = hand_over(load_generator(name, chosen, "face"), backend, str(name))
            landmarker = load_landmarker(landmarks, device=chosen)
            net = load_closeups(chosen)
        except InputError:
            raise
        except (FileNotFoundError, ValueError) as error:
            raise InputError(str(error)) from None
        return cls(
            generator, landmarker, device=chosen, reason=reason, name=str(name), backend=backend, closeups=net
        )

    def prepare(
        self,
        source: Source | SourceVideo,
        *,
        motion: MotionKind | Manner = "relative",
        guidance: Guidance = "landmarks",
        crop_only: bool = False,
        detail: float = 1.0,
        no_face: NoFace = "hold",
        source_face: int | None = None,
        driving_face: int | None = None,
    ) -> AnimationState:
        """Find the source's face and encode it: the state before the first frame.

        source: a picture's path, RGB (H, W, 3) uint8, or a video's first frame. motion: how it follows;
        without `follow` the first frame is the reference. detail: 0 to 1, see `detail.finish`. no_face: what
        a driving frame without a face shows, see `absence`. source_face, driving_face: which face, counted
        from the left from 1; None: the largest. InputError if it cannot be read or shows no such face.
        """
        manner = motion if isinstance(motion, Manner) else Manner(motion)
        if guidance == "edges":
            if find_spec("kornia") is None:
                raise InputError("--guidance edges needs kornia; install it with: pip install 'gfla[edges]'.")
            if manner.kind != "copy":
                log.warning(
                    "Edges carry the driver's face shape along; for another person's portrait take landmarks."
                )
        if isinstance(source, SourceVideo):
            image, alpha, name = source.image, None, str(source.path)
        else:
            image, alpha, name = read_source(source)
        if no_face == "fade" and guidance == "edges":
            raise InputError("--no-face fade moves landmarks, and --guidance edges has none; choose another.")
        found = choose_face(self.landmarker, image, source_face, name, "--source-face")
        if found is None:
            raise InputError(f"{name}: no face found; give a portrait that shows one, from the front.")
        square = face_square(found, (image.shape[1], image.shape[0]))
        portrait = replace(self.portray(image, found, square, guidance), alpha=alpha)
        places = to_crop(found.places, square, self._size)
        if isinstance(source, SourceVideo):
            source.begin(found, places)
        return AnimationState(
            portrait,
            MotionState(see_person(places), manner, self._size),
            guidance,
            crop_only,
            detail=detail,
            no_face=no_face,
            driving_face=driving_face,
            source=source if isinstance(source, SourceVideo) else None,
        )

    def portray(self, image: Image, found: Landmarks, square: FaceSquare, guidance: Guidance) -> Portrait:
        """The portrait of the face `found` in `image` (H, W, 3) uint8, seen in `square`."""
        face = crop(image, square, self._size)
        places = to_crop(found.places, square, self._size)
        with self.computing():
            points = self._tensor(places[:68])
            reference = self.generator.encode_reference(
                self._picture(face), self._structure(points, face, guidance), points
            )
        closeups = self.closeups and encode_closeups(self.closeups, image, found.places)
        canvas = Canvas.of(image, square, self._size)
        return Portrait(image, square, canvas, face, places, reference, closeups)

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

        A frame without a face shows what the state's `no_face` says; before any face the source stays as it
        is. At a cut the memory of the last shot is dropped and the new shot gets its own driving crop.
        """
        work = run_step(self, Work(frame, state))
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
        detail: float = 1.0,
        no_face: NoFace = "hold",
        source_face: int | None = None,
        driving_face: int | None = None,
        source_motion: SourceMotion = "keep",
        label: bool = False,
        recording: Recording | None = None,
        reference_frame: int | None = None,
        tracking: Progress | None = None,
        save_motion: str | os.PathLike | None = None,
        show: Callable[[Frame], object] | None = None,
    ) -> Path:
        """Animate `source` by the video `driving` into the file `output`, with its frame times and sound.

        driving: whatever VideoReader takes, or what `open_motion` does; output: whatever VideoWriter does;
        codec: another than is usual for that output's name.
        start, end: seconds, what to take of `driving`. progress: called with frames done and expected.
        detail to driving_face: see `prepare`. source_motion: of a `source` that is a video: keep its own
        movement and add the driver's, or replace it.
        label: draw into every frame that it is synthetic.
        cancel: asked before each frame; True ends the video there. stats: gets the account in the end.
        Returns the output's path. InputError for bad input, with no output left; warnings are logged once.
        Ctrl-C ends the video as `cancel` does and raises Stopped; a second one leaves no file.
        recording: of `driving` (`record`); else a file is looked at first, for `tracking` as progress, and a
        pipe or a URL as it comes. reference_frame: see `follow`. save_motion: a template to write meanwhile.
        show: is given each frame once it is written, by the thread that writes.
        """
        return render(
            self,
            source,
            driving,
            output,
            {
                "motion": motion,
                "guidance": guidance,
                "crop_only": crop_only,
                "detail": detail,
                "no_face": no_face,
                "source_face": source_face,
                "driving_face": driving_face,
            },
            source_motion,
            start=start,
            end=end,
            overwrite=overwrite,
            progress=progress,
            cancel=cancel,
            stats=stats,
            codec=codec,
            label=label,
            recording=recording,
            reference_frame=reference_frame,
            tracking=tracking,
            save_motion=save_motion,
            show=show,
        )

    def record(
        self,
        driving: str | os.PathLike,
        start: Fraction | float | None = None,
        end: Fraction | float | None = None,
        *,
        driving_face: int | None = None,
        progress: Progress | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> Recording:
        """The motion of the face `driving_face` (as in `prepare`) in a video, to be rendered any number of
        times; InputError if there is none."""
        with VideoReader(driving, start, end) as reader:
            return record(self.landmarker, reader, driving_face, progress, cancel)

    def track(self, image: Image, last: Sighting | None, number: int | None = None) -> Sighting:
        """Step's first stage: the driver's face in `image`, given the frame before; see `tracking.sight`."""
        return sight(self.landmarker, image, last, number)

    def aim(
        self, image: Image, found: Landmarks, state: AnimationState
    ) -> tuple[Target, MotionState, FaceSquare]:
        """Step's second stage: where the source's points are to go; reads the state's portrait, motion,
        square and guidance alone, and returns what they become."""
        square = state.square or face_square(found, (image.shape[1], image.shape[0]))
        seen = to_crop(found.places, square, self._size)
        signals = found.signals if isinstance(found, Tracked) else None
        moved, motion = follow_driver(seen, state.motion, signals)
        driving = crop(image, square, self._size) if state.guidance == "edges" else None
        return self._target(moved.points, driving, state.guidance), motion, square

    def look_ahead(self, target: Target, portrait: Portrait) -> Ahead | FrameOutput:
        """Step's third stage: the part of the network that needs no frame before this one, a third of it."""
        with self.computing():
            return self.generator.look_ahead(target.structure, target.points, portrait.reference)

    def generate(
        self, target: Target, portrait: Portrait, memory: GeneratorMemory
    ) -> tuple[Generated, GeneratorMemory]:
        """Step's fourth stage, the rest of the network: what it made and the memory for the next."""
        generated, (newest,) = generate(self, [target], [portrait], [memory])
        return generated, newest

    def towards_rest(self, target: Target, portrait: Portrait, share: Fraction) -> Target:
        """That `share` of the way from the portrait's own points to `target`."""
        places = portrait.places + np.float32(float(share)) * (target.places - portrait.places)
        return self._target(places.astype(np.float32))

    def compose(self, portrait: Portrait, drawing: Drawing | None, *, alone: bool, detail: float) -> Image:
        """Step's last stage: the drawing finished and pasted into the photograph, or `alone` as the network
        made it; the photograph or its crop where there is no drawing."""
        if drawing is None:
            return portrait.face if alone else portrait.image
        face = drawing.face if alone else finish(drawing, portrait.canvas, detail)
        face = paste_closeups(face, drawing.closeups, self._size, detail)
        return face if alone else paste(portrait.image, face, portrait.square)

    def _target(
        self, places: NDArray[np.float32], driving: Image | None = None, guidance: Guidance = "landmarks"
    ) -> Target:
        with self.computing():
            points = self._tensor(places[:68])
            return Target(points, self._structure(points, driving, guidance), places)

    def _structure(self, points: Tensor, face: Image | None, guidance: Guidance) -> Tensor:
        with torch.autocast(self.device.type, enabled=False):
            if guidance == "landmarks" or face is None:
                return structure_map(points, size=self._size)
            edges = image_edges(self._picture(face) / 2 + 0.5)
            return edges_only(structure_map(points, size=self._size, edges=edges))

    def _picture(self, image: Image) -> Tensor:
        """(S, S, 3) uint8 to (1, 3, S, S) float in [-1, 1] on the device, channels last."""
        return to_device(image, self.device).permute(2, 0, 1)[None].float() / 127.5 - 1

    def _tensor(self, points: NDArray[np.float32]) -> Tensor:
        return to_device(points, self.device)[None]

    @contextmanager
    def computing(self, fast: bool = True) -> Iterator[None]:
        """Inference, in the animator's precision, or in float32 where not `fast`."""
        half = fast and self.precision != torch.float32
        with torch.inference_mode(), torch.autocast(self.device.type, self.precision, enabled=half):
            yield
