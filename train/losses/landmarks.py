"""Landmarks as a loss: the tracker's aligner looks at the output and at the true frame, and has to agree.

A lid or a lip that stays behind costs little in L1 and in any perceptual distance, and everything to whoever
looks. B pictures, S the side of the aligner's crop.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...animate.face.morphable_model import LIDS, LIPS
from ...animate.face.pose import CROP_MARGIN, crop_matrix, face_pose
from ...models.tracker import load_tracker

UPPER, LOWER = (list(side) for side in zip(*LIDS, *LIPS, strict=True))
"""Points of upper lids and lips, and those of the lower that they meet."""


class LandmarkJudge(nn.Module):
    """The shipped aligner, fixed, through which gradients go to the picture."""

    def __init__(self) -> None:
        super().__init__()
        tracker = load_tracker()
        self.aligner, self.side = tracker.aligner, tracker.config.crop

    def forward(self, images: Tensor, truth: Tensor, points: Tensor) -> Tensor:
        """Smooth L1 distance of the landmarks seen in `images` from those in `truth`, and twice that of the
        openings of eyes and lips, in sides of the face's box: a scalar. Under a hundredth of a side it is
        quadratic, so that a lid out of place outweighs the tracker's own trembling.

        images, truth (B, 3, H, W) in [-1, 1]; points (B, 68, 2), where the face is, pixels, x then y.
        """
        poses = [face_pose(face) for face in points.cpu().numpy()]
        there = torch.stack([torch.from_numpy(crop_matrix(pose, self.side)) for pose in poses])
        with torch.autocast(images.device.type, enabled=False):
            with torch.no_grad():
                wanted = self._see(truth, there)
            error = (self._see(images, there) - wanted) * (CROP_MARGIN / self.side)
        gaps = error[:, UPPER] - error[:, LOWER]
        return _smooth(error) + 2 * _smooth(gaps)

    def _see(self, images: Tensor, there: Tensor) -> Tensor:
        """Points (B, 70, 2) in the upright crops that the matrices `there` (B, 2, 3) cut out."""
        size = images.shape[-1]
        pictures = F.avg_pool2d(images.float(), max(1, size // self.side))  # averaged, not skipped over
        cells = torch.arange(self.side, dtype=there.dtype)
        places = torch.stack(torch.meshgrid(cells, cells, indexing="xy"), -1).flatten(0, 1)  # (S S, 2)
        back = torch.linalg.solve(there[:, :, :2], (places - there[:, None, :, 2]).mT).mT
        grid = ((2 * back + 1) / size - 1).to(pictures).unflatten(1, (self.side, self.side))
        crops = F.grid_sample(pictures, grid, align_corners=False)
        return self.aligner(crops.to(memory_format=torch.channels_last) / 2 + 0.5)[0]


def _smooth(error: Tensor) -> Tensor:
    return F.smooth_l1_loss(error, torch.zeros_like(error), beta=0.01)
