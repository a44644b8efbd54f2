"""What the generator makes of targets, and drawings of that: of one stream, or of many in one batch.

One stream waits for its own last frame; a batch of streams fills a GPU meanwhile. In half precision a frame
that is not finite is made again in float32, and none ever gets into the memory. The next frame needs nothing
of a drawing, so that it can be begun before this one's is finished.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models import GeneratorMemory
from .closeups import Closeup, draw_closeups
from .detail import Drawing
from .devices import to_host
from .nested import joined, mapped
from .portrait import Portrait

if TYPE_CHECKING:
    from .animation_state import Target
    from .animator import Animator


class Generated(NamedTuple):
    """What the network made of B targets, on the animator's device, and what is still to be done with it.

    image: (B, 3, S, S) in [-1, 1]. flow: (B, 2, S, S) and mask: (B, 1, S, S), as `Drawing` has them.
    places: B times (70, 2), where points and irises are in the image.
    """

    image: Tensor
    flow: Tensor
    mask: Tensor
    places: tuple[NDArray[np.float32], ...]


def generate(
    animator: "Animator",
    targets: Sequence["Target"],
    portraits: Sequence[Portrait],
    memories: Sequence[GeneratorMemory],
) -> tuple[Generated, list[GeneratorMemory]]:
    """What is made of each stream's target, and its memory for the next frame; all memories hold as many
    frames."""
    reference = joined([portrait.reference for portrait in portraits])
    previous = joined([memory.previous for memory in memories])
    structure = joined([target.structure for target in targets])
    points = joined([target.points for target in targets])
    aheads = [target.ahead for target in targets]
    ahead: Any  # of this generator's own kind
    for fast in (True, False):
        with animator.computing(fast):
            if fast and None not in aheads:
                ahead = joined(aheads)
            else:
                if not fast:
                    reference, previous = (mapped(Tensor.float, x) for x in (reference, previous))
                ahead = animator.generator.look_ahead(structure, points, reference)
            output, newest = animator.generator.frame(ahead, reference, previous)
            finite = bool(output.image.sum().isfinite())
            if finite or animator.precision == torch.float32:
                break
    flow, mask = (field[:, 0] for field in output.motions[-1])
    generated = Generated(output.image, flow, mask, tuple(target.places for target in targets))
    memories = [
        GeneratorMemory(mapped(lambda x: x[own], newest) if finite else ())  # noqa: B023
        for own in (slice(index, index + 1) for index in range(len(targets)))
    ]
    return generated, memories


def close_ups(
    animator: "Animator",
    generated: Generated,
    portraits: Sequence[Portrait],
    memories: Sequence[GeneratorMemory],
) -> tuple[list[tuple[Closeup, ...]], list[GeneratorMemory]]:
    """Mouth and eyes of each stream, drawn closer, and its memory of them; none without a network for it."""
    references = [portrait.closeups for portrait in portraits if portrait.closeups is not None]
    if animator.closeups is None or len(references) < len(portraits):
        return [()] * len(portraits), list(memories)
    return draw_closeups(animator.closeups, references, generated.places, memories)


def drawings(
    animator: "Animator", generated: Generated, closer: Sequence[tuple[Closeup, ...]]
) -> list[Drawing]:
    """Each stream's drawing of what was generated for it, with its close-ups."""
    with animator.computing():
        fields = (field.float().nan_to_num() for field in generated[:3])
        faces, flows, masks = (field.permute(0, 2, 3, 1) for field in fields)
        faces = (faces.clamp(-1, 1) * 127.5 + 127.5).round().byte()
        faces, flows, masks = to_host((faces, flows, masks))
    return [
        Drawing(faces[index], flows[index], masks[index, ..., 0], closeups)
        for index, closeups in enumerate(closer)
    ]
