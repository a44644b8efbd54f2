"""A picture of a training step: source, target, output and the parts of the output, side by side.

B batch, H W the picture.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ...animate.inspection.visualize import Picture, as_picture, attention_heat, flow_colours, grey, resized
from ...models.frames import FrameOutput

COLUMNS = (
    "source",
    "target",
    "output",
    "painted",
    "warped source",
    "flow",
    "mask of the source",
    "attention",
)


def picture_grid(source: Tensor, target: Tensor, output: FrameOutput, rows: int = 4) -> Picture:
    """(rows x H, 8 x W, 3) uint8 RGB with the columns `COLUMNS`; source, target (B, 3, H, W) in [-1, 1].

    Flow: `flow_colours`. Mask: the share of the source's pixels. Attention: `attention_heat` at H/4, or paper
    2's combination map.
    """
    shape = source.shape[-2:]
    lines = []
    for b in range(min(rows, len(source))):
        flow, mask = output.motions[2].flow[b, 0], output.motions[2].mask[b, 0, 0]
        if output.attention:
            heat = attention_heat(output.motions[1].flow[b, 0], output.attention[1][b, 0])
        else:  # paper 2's model
            heat = 1 - output.motions[1].mask[b, 0, 0]
        heat = resized(heat, shape)
        pictures = [source[b], target[b], output.image[b], output.generated[b], output.warped[b]]
        lines.append(
            np.hstack([*map(as_picture, pictures), flow_colours(flow), grey(mask), grey(heat / heat.max())])
        )
    return np.vstack(lines)
