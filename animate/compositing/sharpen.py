"""What moving a picture by parts of pixels, and painting it, takes of its sharpness is given back.

How much is decided by the portrait: the finest detail is made larger until it is about as strong as the
portrait's own, so that none comes out soft and none harder than it was. It is for what is shown: earlier
frames as references stay as they were generated. docs/model_card.md says what it costs.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

_AS_STRONG = 1.35  # of the portrait's detail: what is added is partly smooth again, about as much comes out
_MOST = 1.2  # times the detail that there is
_LEAST = 4e-6  # squared detail of a picture that has none, such as a drawing
_SHARE = 1e-2  # share of the picture that must move to count
_BLUR = (0.0219, 0.2285, 0.4992, 0.2285, 0.0219)  # a Gaussian of sigma .8 pixels


def fine_detail(face: Tensor) -> Tensor:
    """(B, 1, H, W): how strong the finest detail of `face` (B, 3, H, W) float is at each place, squared."""
    return (face.float() - _soft(face.float())).square().mean(1, keepdim=True)


def sharpen_moved(face: Tensor, flow: Tensor, detail: Tensor) -> Tensor:
    """`face` (B, 3, H, W) float with its finest detail made larger where `flow` (B, 2, H, W), pixels, moves
    it: wholly from one pixel on, and not at all where it stays. detail: the portrait's (`fine_detail`), which
    what moves is compared with."""
    with torch.autocast(face.device.type, enabled=False):  # bfloat16 would lose what is to be kept
        fine = face - _soft(face)
        moved = flow.square().sum(1, keepdim=True).sqrt().clamp_max(1)
        own, now = (
            (moved * squared).mean((2, 3), keepdim=True) + _LEAST * _SHARE
            for squared in (detail, fine.square().mean(1, keepdim=True))
        )
        amount = (_AS_STRONG * (own / now).sqrt() - 1).clamp(0, _MOST)
        return torch.addcmul(face, moved * amount, fine)


def _soft(face: Tensor) -> Tensor:
    return _blurred(_blurred(face, 3), 2)


def _blurred(face: Tensor, axis: int) -> Tensor:
    """By sums of shifted pictures: a convolution of three channels takes five times as long."""
    sides = (2, 2, 0, 0) if axis == 3 else (0, 0, 2, 2)
    padded, length = F.pad(face, sides, mode="replicate"), face.shape[axis]
    a, b, middle, d, e = (padded.narrow(axis, first, length) for first in range(5))
    outer, inner, centre = _BLUR[:3]
    return ((a + e).mul_(outer)).add_(b + d, alpha=inner).add_(middle, alpha=centre)
