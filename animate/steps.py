"""What a step does, part by part: one definition, run in turn by `Animator.step`, on threads by a stream."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ..models import GeneratorMemory
from .absence import MissingFaceError
from .closeups import Closeup
from .devices import core_shares, finish_stream, take_cores, take_stream, taking
from .draw import Generated, close_ups, drawings
from .stream import Stage
from .transparency import moved_alpha, off_white
from .video import Frame

if TYPE_CHECKING:
    from .animation_state import AnimationState, Target
    from .animator import Animator


class Work(NamedTuple):
    """A frame on its way through a step: the driving frame, in the end the animated one, and what is known.

    state: as the frame before left it, at last as this one leaves it. target: from aim to generate.
    generated: from there to draw. closeups: from close_up to draw.
    """

    frame: Frame
    state: "AnimationState"
    target: "Target | None" = None
    generated: Generated | None = None
    closeups: tuple[Closeup, ...] = ()


def track(animator: "Animator", work: Work) -> Work:
    """Find the driver's face: in the frame, or as it was recorded. MissingFaceError if it may not be away."""
    frame, state = work.frame, work.state
    if state.source is not None:
        state = state.source.follow(frame.seconds, state, animator)
    if state.recording is not None:
        seen = state.recording.sighting(frame.pts)
    else:
        seen = animator.track(frame.image, state.seen, state.driving_face)
    if seen.landmarks is None and state.no_face == "fail":
        raise MissingFaceError(frame.seconds)
    return work._replace(state=replace(state, seen=seen))


def aim(animator: "Animator", work: Work) -> Work:
    """Say where the source's points are to go: the target, None where the last drawing stays."""
    frame, state = work.frame, work.state
    found = state.landmarks
    presence = state.presence.after(found is not None, frame.seconds)
    fading = state.no_face == "fade" and presence.share != state.presence.share
    state = replace(state, presence=presence)
    if state.seen and state.seen.cut:  # another shot has another crop, and smoothing does not reach it
        state = replace(state, square=None, motion=replace(state.motion, smooth=None))
    if found is not None:
        if state.portrait.pose is not None:
            state = replace(state, motion=replace(state.motion, source=state.portrait.pose))
        target, motion, square = animator.aim(frame.image, found, state)
        state = replace(state, target=target, motion=motion, square=square)
    target = state.target if state.shown and (found or fading or state.source) else None
    if target is not None and state.no_face == "fade" and presence.share < 1:
        target = animator.towards_rest(target, state.portrait, presence.share)
    return work._replace(state=state, target=target)


def look_ahead(animator: "Animator", work: Work) -> Work:
    """Ask of the network what needs no frame before: it runs while that one is still being made."""
    if work.target is None:
        return work
    ahead = animator.look_ahead(work.target, work.state.portrait)
    return work._replace(target=work.target._replace(ahead=ahead))


def forget(work: Work) -> Work:
    """Without the memory of another shot: no smear from one into the next."""
    state = work.state
    if (state.seen and state.seen.cut) or state.portrait.anew:
        return work._replace(state=replace(state, memory=GeneratorMemory(), closeups=GeneratorMemory()))
    return work


def generate(animator: "Animator", work: Work) -> Work:
    """Ask it for the rest, with the memory of the frames before."""
    work = forget(work)
    state = work.state
    if work.target is None:
        return work
    generated, memory = animator.generate(work.target, state.portrait, state.memory)
    return work._replace(state=replace(state, memory=memory), target=None, generated=generated)


def close_up(animator: "Animator", work: Work) -> Work:
    """Draw mouth and eyes closer, with the memory of those of the frames before."""
    work = forget(work)
    if work.generated is None:
        return work
    state = work.state
    (closer,), (memory,) = close_ups(animator, work.generated, [state.portrait], [state.closeups])
    return work._replace(state=replace(state, closeups=memory), closeups=closer)


def draw(animator: "Animator", work: Work) -> Work:
    """Turn what was generated, on the device, into the face with its close-ups, here."""
    if work.generated is None:
        return work
    (drawing,) = drawings(animator, work.generated, [work.closeups])
    return work._replace(state=replace(work.state, drawing=drawing), generated=None)


def compose(animator: "Animator", work: Work) -> Work:
    """Paste the face into the source's picture: the frame, with the driving one's own time stamp."""
    frame, state = work.frame, work.state
    plain = not state.shown or (state.landmarks is None and state.no_face == "passthrough")
    drawing = None if plain else state.drawing
    image = animator.compose(state.portrait, drawing, alone=state.crop_only, detail=state.detail)
    alpha = moved_alpha(state.portrait, drawing, alone=state.crop_only)
    if alpha is not None:
        image = off_white(image, alpha)
    return work._replace(frame=Frame(image, frame.pts, frame.time_base, alpha))


Part = Callable[["Animator", Work], Work]

STEP: dict[Part, tuple[str, ...]] = {
    track: ("seen", "portrait", "shown"),
    aim: ("motion", "square", "target", "presence"),
    look_ahead: (),
    generate: ("memory",),
    close_up: ("closeups",),
    draw: ("drawing",),
    compose: (),
}
"""The parts in order, and which fields of AnimationState each of them changes: no two the same, and none
reads what a later one changes, which is why they may work on different frames at once."""


def run_step(animator: "Animator", work: Work, *, alone: bool = False) -> Work:
    """The parts in turn, each with the threads that it has in a stream: the same pictures, bit for bit.
    alone: with all the cores instead, which is sooner done where there is nothing else to do."""
    shares = core_shares(animator.device, alone=alone)
    for part in STEP:
        with taking(shares[part.__name__]):
            work = part(animator, work)
    return work


def step_stages(animator: "Animator", state: "AnimationState") -> list[Stage]:
    """The step as stages of a `Stream` that takes `Work(frame, state)`: frames overlap and come out as from
    `Animator.animate`, bit for bit."""
    shares = core_shares(animator.device)
    finish_stream(animator.device)  # what `state` holds was made in this thread's stream

    def begin(share: int) -> None:
        take_cores(share)
        take_stream(animator.device)

    return [
        Stage(part.__name__, _keeping(part, own, animator, state), partial(begin, shares[part.__name__]))
        for part, own in STEP.items()
    ]


def _keeping(
    part: Part, own: tuple[str, ...], animator: "Animator", state: "AnimationState"
) -> Callable[[Work], Work]:
    """`part` with its own fields of the state carried from call to call, the others as they arrive."""
    kept = {name: getattr(state, name) for name in own}

    def work(arrived: Work) -> Work:
        done = part(animator, arrived._replace(state=replace(arrived.state, **kept)))
        kept.update({name: getattr(done.state, name) for name in own})
        finish_stream(animator.device)
        return done

    return work
