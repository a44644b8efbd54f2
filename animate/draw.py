"""What the generator makes of targets, as drawings: of one stream, or of many in one batch.

One stream waits for its own last frame; a batch of streams fills a GPU meanwhile. In half precision a frame
that is not finite is made again in float32, and none ever gets into the memory.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from ..models import GeneratorMemory
from .detail import Drawing
from .gaze import look_aside
from .lids import close_lids
from .portrait import Portrait

if TYPE_CHECKING:
    from .animation_state import Target
    from .animator import Animator

Drawn = tuple[Drawing, GeneratorMemory]


def draw(
    animator: "Animator",
    targets: Sequence["Target"],
    portraits: Sequence[Portrait],
    memories: Sequence[GeneratorMemory],
) -> list[Drawn]:
    """Each stream's drawing and its memory for the next frame; all memories hold as many frames."""
    reference = _joined([portrait.reference for portrait in portraits])
    previous = _joined([memory.previous for memory in memories])
    structure = _joined([target.structure for target in targets])
    points = _joined([target.points for target in targets])
    aheads = [target.ahead for target in targets]
    for fast in (True, False):
        with animator.computing(fast):
            if fast and None not in aheads:
                ahead = _joined(aheads)
            else:
                ahead = animator.generator.look_ahead(structure, points, reference)
            output, newest = animator.generator.frame(ahead, reference, previous)
            finite = bool(output.image.isfinite().all())
            if finite or animator.precision == torch.float32:
                break
    with animator.computing():
        faces = (output.image.float().clamp(-1, 1) * 127.5 + 127.5).round().byte()
        motion = output.motions[-1]
        fields = (faces, motion.flow[:, 0].float(), motion.mask[:, 0].float())
        faces, flows, masks = (field.permute(0, 2, 3, 1).contiguous().cpu().numpy() for field in fields)
    drawn: list[Drawn] = []
    for index, (target, portrait) in enumerate(zip(targets, portraits, strict=True)):
        after = target.points[0].cpu().numpy()
        face = look_aside(faces[index], after, target.look)
        drawing = Drawing(face, flows[index], masks[index, ..., 0])
        memory = GeneratorMemory(_part(newest, index, len(targets)) if finite else ())
        drawn.append((close_lids(drawing, portrait.face, portrait.points, after), memory))
    return drawn


def _joined(values: Sequence[Any]) -> Any:
    """Equal structures of tensors (B, ...) as one whose batch is all of theirs."""
    first = values[0]
    if len(values) == 1:
        return first
    if isinstance(first, torch.Tensor):
        return torch.cat(list(values))
    if isinstance(first, tuple):
        return _like(first, [_joined(parts) for parts in zip(*values, strict=True)])
    return first


def _part(value: Any, index: int, count: int) -> Any:
    """The structure of tensors that belongs to sample `index` of `count`."""
    if count == 1:
        return value
    if isinstance(value, torch.Tensor):
        return value[index : index + 1]
    if isinstance(value, tuple):
        return _like(value, [_part(part, index, count) for part in value])
    return value


def _like(value: tuple, parts: list[Any]) -> Any:
    return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
