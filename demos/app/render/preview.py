"""The preview before a render: the faces with their landmarks, and one frame of the result."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from gfla.animate import AnimationState, Animator, InputError
from gfla.animate.face.crop import face_square
from gfla.animate.motion.person import unlikeness
from gfla.animate.motion.recording import DriverMotion, MotionReader
from gfla.animate.options import AnimateOptions
from gfla.animate.video import Frame, VideoReader
from gfla.demos.app.render.render import DriverPart
from gfla.demos.app.ui.images import Image, crop_face, crop_marked_face, draw_landmarks, wireframe
from gfla.demos.app.ui.markup import moment

_BEGINNING = 1.6  # seconds
_PERCENTILE = 90  # of the driver's frames by unlikeness to the portrait: the one that is shown


@dataclass(frozen=True)
class Preview:
    """Three pictures of the same size, RGB (SIDE, SIDE, 3) uint8.

    portrait: with its landmarks.
    driver: its reference frame with landmarks; of a motion, which has none, the landmarks at `shown_at`.
    result: the portrait moved as the driver is at `shown_at`.
    reference: number and seconds of the reference frame; None for a motion.
    shown_at, length: seconds of the driver; the length is None while only its beginning is known.
    """

    portrait: Image
    driver: Image
    result: Image
    reference: tuple[int, Fraction] | None
    shown_at: Fraction
    length: Fraction | None

    @property
    def driver_caption(self) -> str:
        if self.reference is None:
            return "Motion, at its peak"
        number, seconds = self.reference
        return f"Driver, reference frame {number} at {moment(seconds)}"

    @property
    def result_caption(self) -> str:
        of = "" if self.length is None else f" of {moment(self.length)}"
        return f"Preview at {moment(self.shown_at)}{of}"


def portrait_face(state: AnimationState) -> Image:
    """The portrait's face with its landmarks, (SIDE, SIDE, 3)."""
    portrait = state.portrait
    image = crop_face(portrait.image, portrait.square)
    return draw_landmarks(image, portrait.points * (image.shape[0] / portrait.face.shape[0]))


def driver_face(driving: Path | str, recording: DriverMotion) -> Image:
    """The driver's first frame with a face, with its landmarks, (SIDE, SIDE, 3)."""
    first = int(np.flatnonzero(recording.found)[0])
    landmarks = recording.sighting(int(recording.pts[first])).landmarks
    assert landmarks is not None
    if recording.points is None:
        return wireframe(landmarks.places)
    image = _frames_at(driving, recording, {first})[first].on_white()
    return crop_marked_face(image, landmarks.places, face_square(landmarks, (image.shape[1], image.shape[0])))


def record_beginning(animator: Animator, part: DriverPart) -> DriverMotion | None:
    """The motion of a video's first seconds, for a preview before the whole is tracked; None without a
    face."""
    driving, start, end, face = part
    early = (start or 0) + _BEGINNING
    try:
        return animator.record(driving, start, early if end is None else min(end, early), driving_face=face)
    except InputError:
        return None


def make_preview(
    animator: Animator,
    state: AnimationState,
    driving: Path | str,
    recording: DriverMotion,
    options: AnimateOptions,
    *,
    whole: bool = True,
) -> Preview:
    """state: of the portrait, from `prepare`. recording: the motion of `driving`; not `whole`, only of its
    beginning. InputError as `Animator.follow`."""
    moved = replace(state.motion, motion=replace(state.motion.motion, options=options.motion))
    state = replace(state, options=options, motion=moved)
    ready = recording.ready(options.motion.smoothing)
    far = unlikeness(ready.signals, state.motion.motion.source)
    seen = np.flatnonzero(ready.found)
    reference = int(seen[np.argmin(far)]) if ready.rest is None else None
    asked = options.reference_frame if whole else None
    if asked is not None and 0 <= asked < len(ready.pts) and ready.found[asked]:
        reference = asked
    shown = int(seen[np.argsort(far)[int((len(far) - 1) * _PERCENTILE / 100)]])
    frames = _frames_at(driving, recording, {frame for frame in (reference, shown) if frame is not None})
    result, _ = animator.step(frames[shown], animator.follow(state, recording, asked))
    face = result.image if options.crop_only else crop_face(result.on_white(), state.portrait.square)
    number = shown if reference is None else reference
    landmarks = ready.sighting(int(ready.pts[number])).landmarks
    assert landmarks is not None
    if recording.points is None:
        driver = wireframe(landmarks.places)
    else:
        image = frames[number].image
        square = face_square(landmarks, (image.shape[1], image.shape[0]))
        driver = crop_marked_face(image, landmarks.places, square)

    def seconds(number: int) -> Fraction:
        return int(ready.pts[number]) * ready.time_base - ready.zero

    return Preview(
        portrait_face(state),
        driver,
        face,
        None if reference is None else (reference, seconds(reference)),
        seconds(shown),
        seconds(len(ready.pts) - 1) + 1 / ready.rate if whole else None,
    )


def _frames_at(driving: Path | str, recording: DriverMotion, numbers: set[int]) -> dict[int, Frame]:
    """The driver's frames of these numbers."""
    if recording.points is None:
        frames = list(MotionReader(recording))
        return {number: frames[number] for number in numbers}
    found = {}
    for number in numbers:  # each by seeking: reading through would take as long as tracking did
        pts = int(recording.pts[number])
        start = pts * recording.time_base - recording.zero
        with VideoReader(driving, start=max(start, Fraction(0))) as reader:
            frame = next(iter(reader))
        found[number] = Frame(frame.image, pts, recording.time_base, frame.alpha)
    return found
