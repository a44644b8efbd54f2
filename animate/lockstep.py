"""Many streams in lockstep: a frame of each, the network's part of all of them in one batch.

A stream is bound by latency, for each of its frames needs the one before; a batch of streams fills a GPU.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from .devices import core_shares, taking
from .draw import close_ups, drawings, generate
from .steps import Work, aim, compose, forget, track
from .video import Frame

if TYPE_CHECKING:
    from .animation_state import AnimationState
    from .animator import Animator


def step_together(
    animator: "Animator", frames: Sequence[Frame], states: Sequence["AnimationState"]
) -> tuple[list[Frame], list["AnimationState"]]:
    """`Animator.step` for a driving frame and a state of each stream: their frames and next states, in order.

    The pictures are those of the streams one by one, up to the rounding of sums. Streams that have nothing to
    draw in this frame, and those just begun or cut, wait for nobody.
    """
    works = [
        forget(aim(animator, track(animator, Work(frame, state))))
        for frame, state in zip(frames, states, strict=True)
    ]

    def remembers(index: int) -> int:
        return len(works[index].state.memory.previous)

    drawing = sorted((index for index, work in enumerate(works) if work.target), key=remembers)
    with taking(core_shares(animator.device)["generate"]):
        for _, together in groupby(drawing, key=remembers):
            group = list(together)
            states = [works[index].state for index in group]
            targets = [target for index in group if (target := works[index].target)]
            portraits = [state.portrait for state in states]
            generated, memories = generate(animator, targets, portraits, [s.memory for s in states])
            closer, left = close_ups(animator, generated, portraits, [s.closeups for s in states])
            drawn = drawings(animator, generated, closer)
            for index, drawing, memory, kept in zip(group, drawn, memories, left, strict=True):
                state = replace(works[index].state, drawing=drawing, memory=memory, closeups=kept)
                works[index] = works[index]._replace(state=state)
    works = [compose(animator, work._replace(target=None)) for work in works]
    return [work.frame for work in works], [work.state for work in works]
