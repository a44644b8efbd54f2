"""The losses of a matte: of its values and of its edges.

B batch, H W the picture.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def matte_terms(logits: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """The terms by their names in `Stage`. logits, truth: (B, 1, H, W), truth in [0, 1]."""
    matte = logits.sigmoid()
    slopes = torch.zeros((), device=logits.device)
    for size in (1, 4):
        one, other = (F.avg_pool2d(x, size) for x in (matte, truth))
        for axis in (2, 3):
            slopes = slopes + (one.diff(dim=axis) - other.diff(dim=axis)).abs().mean()
    return {
        "l1": (matte - truth).abs().mean(),
        "entropy": F.binary_cross_entropy_with_logits(logits, truth),
        "slopes": slopes,
    }
