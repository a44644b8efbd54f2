"""What is seen before a run: the faces with their landmarks, the reference frame, one frame of the result."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from gfla.animate import AnimationState, Animator, InputError, MotionOptions
from gfla.animate.face.crop import face_square
from gfla.animate.face.landmarks import Landmarks
from gfla.animate.io.timecode import clock
from gfla.animate.motion.recording import DriverMotion, MotionReader
from gfla.animate.motion.retarget import unlikeness
from gfla.animate.motion.template import open_motion
from gfla.animate.video import Frame, VideoReader
from gfla.demos.app.ui.images import Image, face_of, marked, marked_face, wireframe

_BEGINNING = 1.6  # seconds
_TELLING = 90  # per cent of a driver's frames are less unlike the portrait than the one that is shown


@dataclass(frozen=True)
class Glimpse:
    """Three pictures of the same size, RGB (SIDE, SIDE, 3) uint8. portrait: with landmarks. driver: the
    reference frame with its landmarks. result: the portrait moved as at `moment`. reference,
    moment, length: seconds of the driver; a motion has no reference. number: of the reference frame."""

    portrait: Image
    driver: Image
    result: Image
    reference: Fraction | None
    number: int
    moment: Fraction
    length: Fraction

    @property
    def says_driver(self) -> str:
        """What the driver's picture is, for its caption."""
        if self.reference is None:
            return "Motion, at its most"
        return f"Driver, reference frame {self.number} at {clock(self.reference)[:-2]}"

    @property
    def says_result(self) -> str:
        return f"Preview at {clock(self.moment or 0)[:-2]} of {clock(self.length)[:-2]}"


def portrait_face(state: AnimationState) -> Image:
    """The portrait's face with its landmarks."""
    portrait = state.portrait
    side = portrait.face.shape[0]
    image = face_of(portrait.image, portrait.square)
    return marked(image, portrait.points * (image.shape[0] / side))


def look_ahead(animator: Animator, driving: Path) -> DriverMotion | None:
    """The motion of a video's beginning, for a preview before all of it was looked through; None if that
    shows no face."""
    try:
        return animator.record(driving, end=_BEGINNING)
    except InputError:
        return None


def look_through(
    animator: Animator,
    driving: Path | str,
    progress: Callable[[int, int | None], None],
    cancel: Callable[[], bool],
) -> DriverMotion:
    """The motion of a whole driver. InputError if there is no face."""
    return open_motion(str(driving)) or animator.record(driving, progress=progress, cancel=cancel)


def glimpse(
    animator: Animator,
    state: AnimationState,
    driving: Path | str,
    recording: DriverMotion,
    manner: MotionOptions,
    crop_only: bool = False,
) -> Glimpse:
    """All three pictures. state: of the portrait, from `prepare`. InputError as of `Animator.follow`."""
    state = replace(state, motion=replace(state.motion, manner=manner), crop_only=crop_only)
    ready = recording.ready(manner.smoothing)
    person = state.motion.source
    far = unlikeness(ready.signals, person)
    seen = np.flatnonzero(ready.found)
    reference = int(seen[np.argmin(far)]) if ready.rest is None else None
    moment = int(seen[np.argsort(far)[int((len(far) - 1) * _TELLING / 100)]])
    pictures = _frames_at(driving, recording, {frame for frame in (reference, moment) if frame is not None})
    following = animator.follow(state, recording)
    made, _ = animator.step(pictures[moment], following)
    image = made.image if state.crop_only else face_of(made.on_white(), state.portrait.square)
    shown = moment if reference is None else reference
    found = ready.sighting(int(ready.pts[shown])).landmarks
    assert found is not None
    template = recording.points is None
    driver = wireframe(found.places) if template else _marked(pictures[shown].image, found)

    def at(number: int) -> Fraction:
        return int(ready.pts[number]) * ready.time_base - ready.zero

    length = at(len(ready.pts) - 1) + 1 / ready.rate
    since = None if reference is None else at(reference)
    return Glimpse(portrait_face(state), driver, image, since, reference or 0, at(moment), length)


def _frames_at(driving: Path | str, recording: DriverMotion, numbers: set[int]) -> dict[int, Frame]:
    """The driver's frames of these numbers."""
    if recording.points is None:
        frames = list(MotionReader(recording))
        return {number: frames[number] for number in numbers}
    found = {}
    for number in numbers:  # each by seeking: reading through would take as long as looking did
        pts = int(recording.pts[number])
        start = pts * recording.time_base - recording.zero
        with VideoReader(driving, start=max(start, Fraction(0))) as reader:
            frame = next(iter(reader))
        found[number] = Frame(frame.image, pts, recording.time_base, frame.alpha)
    return found


def _marked(image: Image, found: Landmarks) -> Image:
    square = face_square(found, (image.shape[1], image.shape[0]))
    return marked_face(image, found.places, square)
