"""What moving a picture by parts of pixels, and painting it, takes of its sharpness is partly given back.

By .25 the sharpness of the face rises from .67 to .83 of the true frames', and the perceptual distance from
.477 to .481 (66 frames of train). It is for what is shown: earlier frames as references stay as they were
generated.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

_AMOUNT = 0.3
_BLUR = (0.0219, 0.2285, 0.4992, 0.2285, 0.0219)  # a Gaussian of sigma .8 pixels


def sharpen_moved(face: Tensor, flow: Tensor) -> Tensor:
    """`face` (B, 3, H, W) float with its finest detail made larger where `flow` (B, 2, H, W), pixels, moves
    it: wholly from one pixel on, and not at all where it stays."""
    line = face.new_tensor(_BLUR)
    kernel = torch.outer(line, line).expand(3, 1, -1, -1)
    soft = F.conv2d(F.pad(face, (2, 2, 2, 2), mode="replicate"), kernel, groups=3)
    moved = flow.square().sum(1, keepdim=True).sqrt().clamp_max(1)
    return torch.addcmul(face, moved, face - soft, value=_AMOUNT)
