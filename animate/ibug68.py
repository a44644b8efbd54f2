"""The iBUG-68 landmarks by name: the only table of their numbers, for networks, drawing and measures alike.

Left and right are those of the picture. In points (70, 2) the irises follow the 68.
"""

import numpy as np

JAW = range(17)
BROWS = (range(17, 22), range(22, 27))
NOSE = range(27, 36)
BRIDGE, NOSTRILS = NOSE[:4], NOSE[4:]
EYES = (range(36, 42), range(42, 48))
"""Each from the corner that is left in the picture, over the upper lid, back along the lower one."""
MOUTH = range(48, 68)
OUTER_LIPS, INNER_LIPS = MOUTH[:12], MOUTH[12:]
"""Each from the left corner, over the upper lip, back along the lower one."""
IRISES = range(68, 70)

EYE_CORNERS = (36, 39, 42, 45)
MOUTH_CORNERS = (48, 54)
LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))
"""Upper and lower point of each pair of lids, two pairs an eye."""
LIPS = ((61, 67), (62, 66), (63, 65))
"""Upper and lower point of each pair of the inner lips."""
OUTER_OF_INNER = {61: 50, 62: 51, 63: 52, 67: 58, 66: 57, 65: 56}
"""The point of the outer lip beside each point of the inner one."""

# fmt: off
MIRROR = np.array([
    *JAW[::-1], *BROWS[1][::-1], *BROWS[0][::-1], *BRIDGE, *NOSTRILS[::-1],
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1),
    *IRISES[::-1],
])
# fmt: on
"""(70,) which point of a mirrored face each point becomes."""
