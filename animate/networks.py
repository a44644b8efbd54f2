"""What the generator makes of targets, and drawings of that: of one stream, or of many in one batch.

One stream waits for its own last frame; a batch of streams fills a GPU meanwhile. In half precision a frame
that is not finite is made again in float32, and none ever gets into the memory. The next frame needs nothing
of a drawing, so that it can be begun before this one's is finished.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models import GeneratorMemory
from .compositing.detail import Drawing
from .compositing.eyes import close_lids, look_aside
from .compute.devices import to_host
from .state import Portrait

if TYPE_CHECKING:
    from .animator import Animator
    from .state import Target


class Generated(NamedTuple):
    """What the network made of B targets, on the animator's device, and what is still to be done with it.

    image: (B, 3, S, S) in [-1, 1]. flow: (B, 2, S, S) and mask: (B, 1, S, S), as `Drawing` has them.
    points: (B, 68, 2) and looks: B times (2, 2), as `Target` has them.
    """

    image: Tensor
    flow: Tensor
    mask: Tensor
    points: Tensor
    looks: tuple[NDArray[np.float32], ...]


def generate(
    animator: "Animator",
    targets: Sequence["Target"],
    portraits: Sequence[Portrait],
    memories: Sequence[GeneratorMemory],
) -> tuple[Generated, list[GeneratorMemory]]:
    """What is made of each stream's target, and its memory for the next frame; all memories hold as many
    frames."""
    reference = _joined([portrait.reference for portrait in portraits])
    previous = _joined([memory.previous for memory in memories])
    structure = _joined([target.structure for target in targets])
    points = _joined([target.points for target in targets])
    aheads = [target.ahead for target in targets]
    ahead: Any  # of this generator's own kind
    for fast in (True, False):
        with animator.computing(fast):
            if fast and None not in aheads:
                ahead = _joined(aheads)
            else:
                if not fast:
                    reference, previous = (_mapped(Tensor.float, x) for x in (reference, previous))
                ahead = animator.generator.look_ahead(structure, points, reference)
            output, newest = animator.generator.frame(ahead, reference, previous)
            finite = bool(output.image.sum().isfinite())
            if finite or animator.precision == torch.float32:
                break
    flow, mask = (field[:, 0] for field in output.motions[-1])
    generated = Generated(output.image, flow, mask, points, tuple(target.look for target in targets))
    memories = [
        GeneratorMemory(_mapped(lambda x: x[own], newest) if finite else ())  # noqa: B023
        for own in (slice(index, index + 1) for index in range(len(targets)))
    ]
    return generated, memories


def drawings(animator: "Animator", generated: Generated, portraits: Sequence[Portrait]) -> list[Drawing]:
    """Each stream's drawing of what was generated for it: the eyes turned as is wished, the lids closed."""
    with animator.computing():
        fields = (field.float().nan_to_num() for field in generated[:3])
        faces, flows, masks = (field.permute(0, 2, 3, 1) for field in fields)
        faces = (faces.clamp(-1, 1) * 127.5 + 127.5).round().byte()
        faces, flows, masks, after = to_host((faces, flows, masks, generated.points))
    drawn: list[Drawing] = []
    for index, (look, portrait) in enumerate(zip(generated.looks, portraits, strict=True)):
        face = look_aside(faces[index], after[index], look)
        drawing = Drawing(face, flows[index], masks[index, ..., 0])
        drawn.append(close_lids(drawing, portrait.face, portrait.points, after[index]))
    return drawn


def _joined(values: Sequence[Any]) -> Any:
    """Equal structures of tensors (B, ...) as one whose batch is all of theirs."""
    return values[0] if len(values) == 1 else _mapped(lambda *tensors: torch.cat(tensors), *values)


def _mapped(change: Callable[..., Tensor], *values: Any) -> Any:
    """`change` of the tensors that stand at the same place in all `values`, nested tuples."""
    first = values[0]
    if isinstance(first, Tensor):
        return change(*values)
    if not isinstance(first, tuple):
        return first
    parts = [_mapped(change, *those) for those in zip(*values, strict=True)]
    return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
