"""Portrait and driving frames in, animated frames out: the door to everything, and the loop in seven lines.

Read on in this order: `stages` (what a step does), `networks` (the generator behind NumPy), then
`models/generator` and `models/flow`. `streaming/render` runs the same stages on threads.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import numpy as np
import torch

from ..models import AnyGenerator, Generator, Original, load_generator
from .compositing.closeups import NAME, load_closeups
from .compute.backends import compile_for_backend, place
from .compute.calibration import calibration_scenes
from .compute.devices import restore_thread_count
from .errors import InputError, InputWarning, Warn, ignore
from .face.crop import face_square, to_crop
from .face.landmarkers import load_landmarker
from .face.landmarks import Landmarker
from .face.search import TURNED, find_in_tiles, quarter_turns
from .face.tracking import Sighting, choose_face
from .io.image import shrink
from .motion.limits import ROLL, ROLL_JOINED
from .motion.person import fit_source
from .motion.recording import DriverMotion, follow_motion, track_driver
from .motion.retarget import MotionState
from .networks import Networks
from .options import AnimateOptions
from .source_video import Pair, SourceVideo
from .stages import Stages
from .state import AnimationState, RetargetState, Source, SourceState, TrackingState, read_source
from .streaming.job import Job
from .streaming.render import Progress, RenderHooks, RenderResult, render
from .video import Frame, VideoReader


class Animator:
    """Animates portraits with one generator and one landmarker; holds no state of a stream.

    networks: the two, and the generator of close-ups if there is one, on their device. name: of the weights.
    device_reason: why this device was chosen. backend: what computes the generator.
    """

    def __init__(
        self,
        generator: AnyGenerator,
        landmarker: Landmarker,
        *,
        device: str | torch.device = "cpu",
        reason: str = "asked for",
        name: str = "",
        backend: str = "torch",
        closeups: Generator | None = None,
    ):
        self.networks = Networks(generator, landmarker, device, closeups)
        self.device_reason, self.name, self.backend = reason, name, backend

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path = "face-256",
        device: str = "auto",
        landmarks: str = "builtin",
        backend: str = "auto",
    ) -> Self:
        """Load weights by shipped name or path. The arguments: see `options.ModelOptions`. The authors'
        networks are loaded without close-ups: all that they show is theirs.

        InputError if any of them is missing.
        """
        chosen, computed_by, reason = place(backend, device)
        try:
            weights = load_generator(name, chosen, "face")
            closeups = None if isinstance(weights, Original) else load_closeups(chosen)
        except InputError:
            raise
        except (FileNotFoundError, ValueError) as error:
            raise InputError(error) from None
        if backend == "auto" and not isinstance(weights, Generator):
            chosen, computed_by, reason = place("torch", device)
        generator = compile_for_backend(weights, computed_by, str(name), rehearse)
        if closeups is not None:
            compiled = compile_for_backend(closeups, computed_by, NAME, partial(rehearse, generator))
            assert isinstance(compiled, Generator)
            closeups = compiled
        return cls(
            generator,
            load_landmarker(landmarks, device=chosen),
            device=chosen,
            reason=reason,
            name=str(name),
            backend=computed_by,
            closeups=closeups,
        )

    @property
    def device(self) -> torch.device:
        return self.networks.device

    def computed_by(self) -> dict[str, str]:
        """Device, precision and back end, to be stated beside an output."""
        precision = str(self.networks.precision).removeprefix("torch.")
        return {"device": self.device.type, "precision": precision, "backend": self.backend}

    def prepare(
        self, source: Source | SourceVideo, options: AnimateOptions | None = None, warn: Warn = ignore
    ) -> AnimationState:
        """Find the source's face and encode it: the state before the first frame.

        source: a picture's path, RGB (H, W, 3) uint8, or an open video. warn: told of what is wrong with it.
        InputError if it cannot be read or shows no such face.
        """
        options = options or AnimateOptions()
        if options.guidance == "edges" and find_spec("kornia") is None:
            raise InputError("--guidance edges", "it needs kornia", "install it: pip install 'gfla[edges]'")
        if isinstance(source, SourceVideo):
            image, alpha, name = source.first, source.alpha, str(source.path)
        else:
            image, alpha, name = read_source(source, warn)
        image = shrink(image, options.max_side)
        alpha = None if alpha is None else shrink(alpha, options.max_side)
        find = partial(find_in_tiles, self.networks.landmarker)
        choose = partial(choose_face, find, number=options.source_face, name=name, option="--source-face")
        found = choose(image)
        if found is None and (turns := quarter_turns(find, image)):
            if isinstance(source, SourceVideo):
                raise InputError(name, f"the face in it is turned by {TURNED[turns]}", "turn the video first")
            warn(InputWarning(name, f"the face in it is turned by {TURNED[turns]}", "it is set upright"))
            image = np.ascontiguousarray(np.rot90(image, turns))
            alpha = None if alpha is None else np.ascontiguousarray(np.rot90(alpha, turns))
            found = choose(image)
        if found is None:
            raise InputError(name, "no face found", "give a portrait that shows one, from the front")
        square = face_square(found, (image.shape[1], image.shape[0]))
        portrait = self.networks.encode(image, found, square, options.guidance, alpha)
        places = to_crop(found.places, square, self.networks.size)
        shown = SourceState(portrait)
        if isinstance(source, SourceVideo):
            shown = SourceState(portrait, Sighting.first(image, found), rest=places)
        joined = portrait.canvas.room is not None and not options.crop_only
        roll = ROLL_JOINED if joined else ROLL
        motion = MotionState(fit_source(places), options.motion, self.networks.size, roll=roll)
        return AnimationState(options, TrackingState(shown), RetargetState(motion))

    def follow(
        self, state: AnimationState, driver: DriverMotion, reference_frame: int | None = None
    ) -> AnimationState:
        """The state of a stream whose driver's motion is known: frames are looked up by their time.

        reference_frame: number, from 0, of the frame in which the driver looks as the source does in the
        portrait; None for the one most like it. InputError if that cannot be.
        """
        edges = state.options.guidance == "edges"
        motion, driver = follow_motion(state.motion.motion, driver, reference_frame, edges)
        return replace(state, motion=replace(state.motion, motion=motion), driver=driver)

    def step(
        self, frame: Frame | Pair, state: AnimationState, *, alone: bool = False
    ) -> tuple[Frame, AnimationState]:
        """Animate one driving frame: the output frame, with its time, and the state for the next step.

        alone: each stage takes all cores, for when no other frame is under way; the pictures differ by
        rounding. Without a face the frame shows what `no_face` says; before any face, the source unmoved.
        """
        pair = frame if isinstance(frame, Pair) else Pair(frame)
        stages = Stages.of(self.networks, state, alone=alone)
        with restore_thread_count():
            item, tracking = stages.track(pair, state.tracking)
            item, motion = stages.retarget(item, state.motion)
            item = stages.look_ahead(item)
            item, memory = stages.generate(item, state.memory)
            item = stages.close_up(item)
            item, drawing = stages.finish(item, state.drawing)
            item = stages.compose(item)
        return item.frame, replace(state, tracking=tracking, motion=motion, memory=memory, drawing=drawing)

    def animate(
        self,
        source: Source | AnimationState,
        frames: Iterable[Frame | Pair],
        watch: Callable[[Frame, AnimationState], None] | None = None,
    ) -> Iterator[Frame]:
        """One frame for every driving frame, in order, as they arrive.

        source: a portrait, or a state from `prepare`. watch: called with each output frame and its state.
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
        options: AnimateOptions | None = None,
        hooks: RenderHooks | None = None,
    ) -> RenderResult:
        """Animate `source` by the video or motion `driving` into the file `output`, with its times and sound.

        See `streaming.render.render` for errors and what a result holds.
        """
        return render(self, Job(source, driving, output, options or AnimateOptions()), hooks or RenderHooks())

    def record(
        self,
        driving: str | os.PathLike,
        start: Fraction | float | None = None,
        end: Fraction | float | None = None,
        *,
        driving_face: int | None = None,
        progress: Progress | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> DriverMotion:
        """The motion of a face in a video, to be rendered any number of times; InputError if there is none.

        driving_face: number from the left, from 1; None for the largest. progress: called with frames done
        and expected. cancel: asked before each frame; True ends it there.
        """
        with VideoReader(driving, start, end) as reader:
            return track_driver(self.networks.landmarker, reader, driving_face, progress, cancel)


def rehearse(generator: AnyGenerator, closeups: Generator | None = None) -> None:
    """Run the networks on the calibration scenes as a stream does: every part of them gets typical input."""
    animator = Animator(generator, load_landmarker("builtin"), closeups=closeups)
    for source, frames in calibration_scenes():
        for _ in animator.animate(source, frames):
            pass
