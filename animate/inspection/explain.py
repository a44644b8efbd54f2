"""One frame of a stream explained: what the network computed on the way to its picture.

It runs the same step as `Animator.step`, so it shows how that frame was made.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...models import FrameOutput
from ..animator import Animator
from ..compute.devices import restore_thread_count, set_thread_count
from ..face.crop import crop
from ..source_video import Pair
from ..stages import Stages, memory_for
from ..state import AnimationState
from ..structure import EDGE_CHANNEL
from ..video import Frame
from .layers import Layers, head_picture, person_picture, take_apart
from .visualize import (
    Picture,
    as_picture,
    attention_at,
    close_up,
    colour_wheel,
    enlarged,
    flow_colours,
    framed,
    longest_flow,
    over,
    place_at,
    share_picture,
    shares_picture,
    structure_channels,
    structure_picture,
)

Point = tuple[float, float]
REFERENCES = ("the source", "the frame before", "the frame two before", "the frame three before")
_REACH = 32  # pixels to each side of a close-up


class Panel(NamedTuple):
    """A picture (S, S, 3) uint8, or wider, with its name and what it says."""

    name: str
    caption: str
    picture: Picture


class Inside(NamedTuple):
    """What one frame was made of, in the network's own square of side S.

    driving: the driver's face, (S, S, 3) uint8. structure: (17, S/4, S/4) what the network was asked for; of
    the authors' network (17, S, S), its 16 channels as ours.
    references: what it looked at, (S, S, 3) uint8: the source, then the frame before, if it had one.
    output: all that it made of it. layers: the source taken apart; None if the network is not layered.
    """

    driving: Picture
    structure: Tensor
    references: tuple[Picture, ...]
    output: FrameOutput
    layers: Layers | None

    @property
    def side(self) -> int:
        """S, pixels."""
        return self.driving.shape[0]


def look_inside(animator: Animator, frame: Frame, state: AnimationState) -> Inside | None:
    """What `animator.step(frame, state)` does with its network; None for a frame without a face, in which it
    draws nothing new."""
    networks, stages = animator.networks, Stages.of(animator.networks, state)
    with restore_thread_count():
        item, _ = stages.track(Pair(frame), state.tracking)
        item, motion = stages.retarget(item, state.motion)
    source, target, memory = item.source, item.target, memory_for(item, state.memory)
    if target is None or source is None or motion.square is None:
        return None
    with restore_thread_count(), networks.arithmetic():
        set_thread_count(stages.threads.most)
        structure, points = target.structure[:, None], target.points[:, None]
        reference = source.portrait.reference
        fine = None if target.fine is None else target.fine[:, None]
        (output,), _ = networks.generator.animate(structure, points, reference, memory, fine)
    face = source.portrait.face
    previous = (as_picture(reference.image[0]) for reference in memory.previous)
    driving = crop(frame.on_white(), motion.square, face.shape[0])
    layered = networks.generator.config.layered
    layers = take_apart(face, source.portrait.points) if layered else None
    return Inside(driving, _comparable(target.structure[0]), (face, *previous), output, layers)


def _comparable(structure: Tensor) -> Tensor:
    """A structure map with a seventeenth channel and parts from 0 to 1, as ours has them."""
    if len(structure) > EDGE_CHANNEL:
        return structure
    return torch.cat((structure[:-1], structure[-1:] / 6, torch.zeros_like(structure[:1])))


def panels(inside: Inside) -> list[Panel]:
    """How the frame was made, step by step."""
    output, side = inside.output, inside.side
    flow, mask = output.motions[2].flow[0, 0], output.motions[2].mask[0, 0, 0]
    share, least = share_picture(mask)
    painted = output.generated is output.image  # no pixel is the source's own
    longest = longest_flow(flow)
    guide = "edges" if inside.structure[EDGE_CHANNEL].any() else "landmarks"
    wheel = enlarged(colour_wheel(side // 4), side // 4)
    flowing = flow_colours(flow, longest)
    flowing[-side // 4 :, -side // 4 :] = wheel
    made = [
        Panel("Source", "The portrait, encoded once for the whole stream.", inside.references[0]),
        *_layer_panels(inside),
        Panel("Driving", f"The driver's face in this frame. Only its {guide} are used.", inside.driving),
        Panel(
            "Structure",
            "What the network is asked to draw: the portrait's own landmarks after the driver's motion, as "
            "face parts and edges.",
            enlarged(structure_picture(inside.structure), side),
        ),
        Panel(
            "Flow",
            "Where each place of the output finds its pixel in the source: the wheel shows the direction, "
            f"white is no motion, full colour is {longest:.1f} pixels or more.",
            flowing,
        ),
        Panel("Warped source", "The source's own pixels, moved by the flow.", as_picture(output.warped[0])),
        Panel(
            "Generated",
            "What the decoder painted, needed where the source has nothing to show, as inside the mouth.",
            as_picture(output.generated[0]),
        ),
        Panel(
            "Source's share",
            f"The occlusion mask: white takes {'features of ' * painted}the warped source alone, black is "
            f"its smallest share, {100 * least:.0f} %, where the rest is the generated part "
            f"({100 * float(mask.float().mean()):.0f} % on average).",
            share,
        ),
        Panel(
            "Output",
            "What the decoder painted: it mixed features, not pixels."
            if painted
            else "Warped source and generated part, mixed by the mask.",
            as_picture(output.image[0]),
        ),
    ]
    for level, motion in zip((8, 4), output.motions[:2], strict=True):
        part = motion.mask[0].float().mean(dim=(1, 2, 3)).tolist()
        names = [*REFERENCES[: len(part)], "the decoder's own"]
        said = ", ".join(
            f"{name} {100 * value:.0f} %" for name, value in zip(names, [*part, 1 - sum(part)], strict=True)
        )
        made.append(
            Panel(
                f"Shares at 1/{level}",
                f"Whose features go on at 1/{level} of the resolution, white for all, black for none; from "
                f"the left, on average: {said}.",
                enlarged(shares_picture(motion.mask[0]), side),
            )
        )
    made.append(
        Panel(
            "All channels of the structure",
            "From the left: all edges, the distance to each of the 14 edges, the face part, the edges of an "
            "image (empty unless these guide).",
            structure_channels(inside.structure),
        )
    )
    return made


def _layer_panels(inside: Inside) -> list[Panel]:
    source, layers = inside.references[0], inside.layers
    if layers is None:
        return []
    person, head = layers.matte, layers.matte * layers.share
    return [
        Panel(
            "Person",
            f"The person in the portrait, by its matte: {100 * float(person.mean()):.0f} % of the picture.",
            person_picture(source, layers),
        ),
        Panel("Background", "The plate: as if the person were not there, smooth behind it.", layers.plate),
        Panel(
            "With the head",
            "Red is what goes with the head: all of it down to the chin, then less and less to the shoulders "
            f"({100 * float(head.sum() / max(float(person.sum()), 1.0)):.0f} % of the person).",
            head_picture(source, layers),
        ),
    ]


def attention_panels(inside: Inside, point: Point) -> list[Panel]:
    """Where the output at `point` (x, y in pixels of S) looks: the place, then for each level and reference
    the weights of its attention over the reference, red high and blue low, as GFLA's Figure 6."""
    output, side = inside.output, inside.side
    cell = side // output.attention[1].shape[-1]
    made = [
        Panel(
            "The place",
            "The place of the output that you chose is the middle of the red rectangle.",
            framed(as_picture(output.image[0]), point, cell),
        )
    ]
    for level, motion, weights in zip((8, 4), output.motions[:2], output.attention, strict=True):
        taps = round(weights.shape[2] ** 0.5)
        column, row = place_at(point, side // weights.shape[-1], weights.shape[-1])
        for index, picture in enumerate(inside.references):
            name = REFERENCES[index].removeprefix("the ")
            heat = attention_at(motion.flow[0, index], weights[0, index], point, side)
            share = float(motion.mask[0, index, 0, row, column])
            y, x = divmod(int(heat.argmax()), side)
            made.append(
                Panel(
                    f"Attention at 1/{level} on the {name}",
                    f"Around where the flow points, {taps} x {taps} places are read; red is the largest "
                    f"weight ({100 * heat.max():.0f} %), blue is none. At this place the {name} has a "
                    f"share of {100 * share:.0f} %.",
                    np.hstack([over(picture, heat), close_up(over(picture, heat), (x, y), _REACH)]),
                )
            )
    return made
