"""What is given back of a moved picture's sharpness: nothing where it stays, more the further it moves."""

import cv2
import torch
from gfla.animate.compositing.sharpen import sharpen_moved


def test_what_stays_is_left_alone_and_what_moves_gets_larger_detail():
    face = 0.2 * torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    flow = torch.zeros(1, 2, 32, 32)
    flow[..., 16:] = torch.tensor([3.0, -4.0])[None, :, None, None]
    made = sharpen_moved(face, flow)
    assert torch.equal(made[..., :16], face[..., :16])
    finest = face[0].permute(1, 2, 0).numpy() - cv2.GaussianBlur(
        face[0].permute(1, 2, 0).numpy(), (5, 5), 0.8, borderType=cv2.BORDER_REPLICATE
    )
    wanted = face + 0.5 * torch.from_numpy(finest).permute(2, 0, 1)
    torch.testing.assert_close(made[..., 16:], wanted[..., 16:], atol=2e-3, rtol=0)
    flow[..., 16:] = torch.tensor([0.3, 0.4])[None, :, None, None]
    half = sharpen_moved(face, flow)
    torch.testing.assert_close(half - face, (made - face) / 2)


def test_a_flat_picture_stays_flat():
    face, flow = torch.full((2, 3, 16, 16), 0.3), torch.full((2, 2, 16, 16), 9.0)
    torch.testing.assert_close(sharpen_moved(face, flow), face)
