"""What a step does, part by part: one definition, run in turn by `Animator.step`, on threads by a stream."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from .devices import share_cores
from .stream import Stage
from .video import Frame

if TYPE_CHECKING:
    from .animator import AnimationState, Animator, Target


class Work(NamedTuple):
    """A frame on its way through a step: the driving frame, in the end the animated one, and what is known.

    state: as the frame before left it, at last as this one leaves it. target: between aim and generate.
    """

    frame: Frame
    state: "AnimationState"
    target: "Target | None" = None


def track(animator: "Animator", work: Work) -> Work:
    known, state = work.state.recording, work.state
    found = known.landmarks(work.frame.pts) if known else animator.track(work.frame.image, state.landmarks)
    return work._replace(state=replace(work.state, landmarks=found))


def aim(animator: "Animator", work: Work) -> Work:
    found = work.state.landmarks
    if found is None:
        return work
    target, motion, square = animator.aim(work.frame.image, found, work.state)
    return work._replace(state=replace(work.state, motion=motion, square=square), target=target)


def generate(animator: "Animator", work: Work) -> Work:
    if work.target is None:
        return work
    face, memory = animator.generate(work.target, work.state.portrait, work.state.memory)
    return work._replace(state=replace(work.state, face=face, memory=memory), target=None)


def compose(animator: "Animator", work: Work) -> Work:
    frame, state = work.frame, work.state
    started = state.square is not None
    image = animator.compose(state.portrait, state.face, started=started, alone=state.crop_only)
    return work._replace(frame=Frame(image, frame.pts, frame.time_base))


Part = Callable[["Animator", Work], Work]

STEP: dict[Part, tuple[str, ...]] = {
    track: ("landmarks",),
    aim: ("motion", "square"),
    generate: ("face", "memory"),
    compose: (),
}
"""The parts in order, and which fields of AnimationState each of them changes: no two the same, and none
reads what a later one changes, which is why they may work on different frames at once."""


def step_stages(animator: "Animator", state: "AnimationState") -> list[Stage]:
    """The step as stages of a `Stream` that takes `Work(frame, state)`: frames overlap and come out as from
    `Animator.animate`, bit for bit."""
    begin = share_cores(animator.device)
    return [
        Stage(part.__name__, _keeping(part, own, animator, state), begin[part.__name__])
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
        return done

    return work
