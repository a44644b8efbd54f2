"""What is given back of a moved picture's sharpness: as much as the portrait had; nothing where it stays."""

import cv2
import numpy as np
import skimage.data
import torch
from gfla.animate.compositing.sharpen import fine_detail, sharpen_moved

MOVED = torch.tensor([3.0, -4.0])[None, :, None, None]


def noise(side: int = 64) -> torch.Tensor:
    return 0.2 * torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))


def finest(face: torch.Tensor) -> np.ndarray:
    """By OpenCV's blur, (H, W, 3)."""
    picture = face[0].permute(1, 2, 0).numpy()
    return picture - cv2.GaussianBlur(picture, (5, 5), 0.8, borderType=cv2.BORDER_REPLICATE)


def test_the_measure_of_detail():
    face = noise()
    wanted = torch.from_numpy((finest(face) ** 2).mean(2))
    torch.testing.assert_close(fine_detail(face)[0, 0], wanted, atol=1e-3, rtol=0.02)


def test_what_stays_is_left_alone_and_what_moves_gets_larger_detail():
    face, flow = noise(), torch.zeros(1, 2, 64, 64)
    flow[..., 32:] = MOVED
    detail = fine_detail(face)
    made = sharpen_moved(face, flow, detail)
    assert torch.equal(made[..., :32], face[..., :32])
    wanted = face + 0.35 * torch.from_numpy(finest(face)).permute(2, 0, 1)
    torch.testing.assert_close(made[..., 32:], wanted[..., 32:], atol=2e-3, rtol=0)
    flow[..., 32:] = MOVED / 10
    half = sharpen_moved(face, flow, detail)
    torch.testing.assert_close(half - face, (made - face) / 2)


def test_a_moved_picture_becomes_about_as_sharp_as_its_portrait_and_a_harder_one_stays():
    portrait = np.ascontiguousarray(skimage.data.astronaut()[:256, 96:352]).astype(np.float32) / 127.5 - 1
    half_a_pixel = np.array([[1, 0, 0.5], [0, 1, 0.5]])
    moved = cv2.warpAffine(portrait, half_a_pixel, (256, 256), borderMode=cv2.BORDER_REPLICATE)
    face, soft = (torch.from_numpy(x).permute(2, 0, 1)[None] for x in (portrait, moved))
    flow, detail = MOVED.expand(1, 2, 256, 256), fine_detail(face)

    def strength(picture: torch.Tensor) -> float:
        return float((fine_detail(picture).mean() / detail.mean()).sqrt())

    assert strength(soft) < 0.7
    assert 0.85 < strength(sharpen_moved(soft, flow, detail)) < 1.05
    assert torch.equal(sharpen_moved(2 * face, flow, detail), 2 * face)
    flow = flow.clone()
    flow[..., 120:] = 0  # what stays counts for nothing
    soft[..., 128:] *= 3
    left = [x[..., :128] for x in (soft, flow, detail)]
    whole = sharpen_moved(soft, flow, detail)[..., :120]
    torch.testing.assert_close(whole, sharpen_moved(*left)[..., :120], atol=1e-3, rtol=0)


def test_it_is_bounded_and_each_of_a_batch_by_itself():
    face, flow = noise(), MOVED.expand(2, 2, 64, 64)
    both = torch.cat((face, 0.5 * face))
    made = sharpen_moved(both, flow, torch.full((2, 1, 64, 64), 1e3))
    fine = torch.from_numpy(finest(face)).permute(2, 0, 1)
    torch.testing.assert_close(made[0], face[0] + 1.2 * fine, atol=5e-3, rtol=0)
    again = sharpen_moved(both[1:], flow[1:], fine_detail(face))
    torch.testing.assert_close(sharpen_moved(both, flow, fine_detail(face))[1:], again)


def test_a_flat_picture_stays_flat():
    face, flow = torch.full((2, 3, 16, 16), 0.3), torch.full((2, 2, 16, 16), 9.0)
    torch.testing.assert_close(sharpen_moved(face, flow, torch.full((2, 1, 16, 16), 0.01)), face)
