"""Quick forms of layers are equal to torch's own."""

import torch
from gfla.models.layers import unshuffle, without_combs
from torch.nn import functional as F


def test_quick_forms_are_torchs_own_to_the_bit():
    for picture in (torch.randn(2, 3, 16, 24), torch.randn(2, 3, 16, 24).bfloat16()):
        torch.testing.assert_close(unshuffle(picture), F.pixel_unshuffle(picture, 2), rtol=0, atol=0)
    painted = torch.randn(3, 4, 12, 10)
    framed = F.pad(painted, (1, 1, 1, 1), mode="replicate")
    smooth = F.avg_pool2d(F.avg_pool2d(framed, 2, 1), 2, 1)
    torch.testing.assert_close(without_combs(painted), smooth, rtol=0, atol=0)
