"""The seven stages of a step: `Animator.step` calls them one after the other, a pipeline on threads.

Each stage takes an item and its own state, and returns both. No two stages change the same state and none
reads what a later one changes, so they may work on different frames at once.
"""

from dataclasses import replace
from typing import NamedTuple

from ..models import GeneratorMemory
from .compositing.alpha import moved_alpha
from .compositing.closeups import paste_closeups
from .compositing.detail import Closeup, Drawing, finish
from .compute.devices import ThreadCounts, set_thread_count
from .face.crop import crop, face_square, paste, to_crop
from .face.landmarks import Landmarks
from .face.tracking import sight
from .io.image import off_white
from .motion.no_face import MissingFaceError
from .motion.recording import DriverMotion, Tracked
from .motion.retarget import follow_driver
from .networks import Generated, Networks
from .options import AnimateOptions
from .source_video import Pair, follow_source
from .state import AnimationState, RetargetState, SourceState, Target, TrackingState
from .video import Frame


class Item(NamedTuple):
    """A frame on its way through the stages, and what they found out about it.

    frame: the driving frame; from `compose` on the output frame, with the same time. source: as it is shown
    in this frame. landmarks: of the driver. cut: whether another shot begins. recropped: whether the source's
    square is another one. motion: what `retarget` left. target: None if the last drawing stays. generated,
    closeups: of the target. drawing: what is shown.
    """

    frame: Frame
    source: SourceState | None = None
    landmarks: Landmarks | None = None
    cut: bool = False
    recropped: bool = False
    motion: RetargetState | None = None
    target: Target | None = None
    generated: Generated | None = None
    closeups: tuple[Closeup, ...] = ()
    drawing: Drawing | None = None


class Stages:
    """The stages of one stream: what never changes in it, and a method for each stage, in order.

    Each sets torch's thread count for the calling thread, as `threads` says.
    """

    def __init__(
        self, networks: Networks, options: AnimateOptions, driver: DriverMotion | None, threads: ThreadCounts
    ):
        self.networks, self.options, self.driver, self.threads = networks, options, driver, threads

    @classmethod
    def of(cls, networks: Networks, state: AnimationState, *, alone: bool = False) -> "Stages":
        """The stages of the stream that `state` belongs to; alone: see `ThreadCounts.of`."""
        return cls(networks, state.options, state.driver, ThreadCounts.of(networks.device, alone=alone))

    def track(self, pair: Pair, state: TrackingState) -> tuple[Item, TrackingState]:
        """1. Find the driver's face in the frame, or look it up; show the source's picture of this time.

        MissingFaceError if there is no face and `no_face` is "fail".
        """
        set_thread_count(self.threads.few)
        frame, source, recropped = pair.frame, state.source, False
        if pair.source is not None:
            source, recropped = follow_source(self.networks, pair, source, self.options)
        if self.driver is not None:
            seen = self.driver.sighting(frame.pts)
        else:
            number = self.options.driving_face
            seen = sight(self.networks.landmarker, frame.on_white(), state.driver, number)
        if seen.landmarks is None and self.options.no_face == "fail":
            raise MissingFaceError(frame.seconds)
        item = Item(frame, source, seen.landmarks, seen.cut, recropped)
        return item, TrackingState(source, seen)

    def retarget(self, item: Item, state: RetargetState) -> tuple[Item, RetargetState]:
        """2. Say where the source's points go, and draw them as a structure map."""
        set_thread_count(self.threads.one)
        frame, source, found, options = item.frame, item.source, item.landmarks, self.options
        assert source is not None
        presence = state.presence.after(found is not None, frame.seconds)
        fading = options.no_face == "fade" and presence.share != state.presence.share
        motion, square, target = state.motion, state.square, state.target
        if item.cut:  # another shot has another crop, and is not smoothed together with the last
            motion, square = replace(motion, smooth=None), None
        if found is not None:
            if source.pose is not None:
                motion = replace(motion, source=source.pose)
            square = square or face_square(found, (frame.image.shape[1], frame.image.shape[0]))
            known = found.signals if isinstance(found, Tracked) else None
            driving = to_crop(found.places, square, self.networks.size)
            body = None if found.shoulders is None else to_crop(found.shoulders, square, self.networks.size)
            moved, motion = follow_driver(driving, motion, known, body, found.fine)
            edges = options.guidance == "edges"
            face = crop(frame.on_white(), square, self.networks.size) if edges else None
            shown = source.portrait
            target = self.networks.target(moved, shown, face, options.guidance)
        state = RetargetState(motion, square, target, presence)
        drawn = target if source.visible and (found or fading or source.is_video) else None
        if drawn is not None and options.no_face == "fade" and presence.share < 1:
            drawn = self.networks.towards_rest(drawn, source.portrait, presence.share)
        return item._replace(motion=state, target=drawn), state

    def look_ahead(self, item: Item) -> Item:
        """3. Compute what needs no frame before this one, while that one is still being generated."""
        set_thread_count(self.threads.few)
        if item.target is None or item.source is None:
            return item
        return item._replace(target=self.networks.look_ahead(item.target, item.source.portrait))

    def generate(self, item: Item, memory: GeneratorMemory) -> tuple[Item, GeneratorMemory]:
        """4. Generate the frame, with the frames generated before as further references."""
        set_thread_count(self.threads.most)
        memory = memory_for(item, memory)
        if item.target is None or item.source is None:
            return item, memory
        generated, memory = self.networks.generate(item.target, item.source.portrait, memory)
        return item._replace(target=None, generated=generated), memory

    def close_up(self, item: Item) -> Item:
        """5. Generate the close-ups of mouth and eyes."""
        set_thread_count(self.threads.few)
        if item.generated is None or item.source is None:
            return item
        target = item.generated.target
        return item._replace(closeups=self.networks.close_up(target, item.source.portrait))

    def finish(self, item: Item, drawing: Drawing | None) -> tuple[Item, Drawing | None]:
        """6. Take the frame off the device, with its close-ups; without a new one the last stays."""
        set_thread_count(self.threads.one)
        if item.generated is not None:
            drawing = self.networks.draw(item.generated, item.closeups)
        return item._replace(generated=None, closeups=(), drawing=drawing), drawing

    def compose(self, item: Item) -> Item:
        """7. Paste the face into the source's picture; the frame keeps the driving frame's time."""
        set_thread_count(self.threads.few)
        source, frame, options = item.source, item.frame, self.options
        assert source is not None
        plain = not source.visible or (item.landmarks is None and options.no_face == "passthrough")
        portrait, drawing = source.portrait, None if plain else item.drawing
        if drawing is None:
            image = portrait.face if options.crop_only else portrait.image
        else:
            face = drawing.face if options.crop_only else finish(drawing, portrait.canvas, options.detail)
            image = paste_closeups(face, drawing.closeups, drawing.face.shape[0], options.detail)
            if not options.crop_only:
                image = paste(portrait.image, image, portrait.square)
        alpha = portrait.alpha
        if alpha is not None:
            alone = options.crop_only
            alpha = moved_alpha(alpha, portrait.square, portrait.canvas, drawing, alone=alone)
            image = off_white(image, alpha)
        return item._replace(frame=Frame(image, frame.pts, frame.time_base, alpha))


def memory_for(item: Item, memory: GeneratorMemory) -> GeneratorMemory:
    """The memory with which `item` is generated: none of another shot, or it would smear into this one."""
    return GeneratorMemory() if item.cut or item.recropped else memory
