"""Landmarks as a loss: the tracker's aligner should find the same points in the output as in the true frame.

A lid or lip that lags costs little in L1 or any perceptual distance, but viewers notice it first.

B pictures, S the side of the aligner's crop.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...animate.face.pose import CROP_MARGIN, crop_matrix, face_pose
from ...animate.ibug68 import LIDS, LIPS
from ...models.tracker import load_tracker

UPPER, LOWER = (list(side) for side in zip(*LIDS, *LIPS, strict=True))
"""Points of the upper lids and lips, and the lower points they meet."""


class LandmarkJudge(nn.Module):
    """The shipped aligner, frozen; gradients pass through it to the picture."""

    def __init__(self) -> None:
        super().__init__()
        tracker = load_tracker()
        self.aligner, self.side = tracker.aligner, tracker.config.crop

    def forward(self, images: Tensor, truth: Tensor, points: Tensor) -> Tensor:
        """Smooth L1 between the landmarks found in `images` and in `truth`, plus twice that of the openings
        of eyes and lips, in sides of the face's box: a scalar. Below a hundredth of a side it is quadratic,
        so that a misplaced lid outweighs the tracker's jitter.

        images, truth (B, 3, H, W) in [-1, 1]; points (B, 68 or more, 2) of the face, pixels, x then y.
        """
        poses = [face_pose(face) for face in points[:, :68].cpu().numpy()]
        crops = torch.stack([torch.from_numpy(crop_matrix(pose, self.side)) for pose in poses])
        with torch.autocast(images.device.type, enabled=False):
            with torch.no_grad():
                wanted = self._align(truth, crops)
            error = (self._align(images, crops) - wanted) * (CROP_MARGIN / self.side)
        gaps = error[:, UPPER] - error[:, LOWER]
        return _smooth(error) + 2 * _smooth(gaps)

    def _align(self, images: Tensor, matrices: Tensor) -> Tensor:
        """The aligner's points (B, 70, 2) in the upright crops given by `matrices` (B, 2, 3)."""
        size = images.shape[-1]
        pictures = F.avg_pool2d(images.float(), max(1, size // self.side))  # averages instead of skipping
        cells = torch.arange(self.side, dtype=matrices.dtype)
        places = torch.stack(torch.meshgrid(cells, cells, indexing="xy"), -1).flatten(0, 1)  # (S S, 2)
        back = torch.linalg.solve(matrices[:, :, :2], (places - matrices[:, None, :, 2]).mT).mT
        grid = ((2 * back + 1) / size - 1).to(pictures).unflatten(1, (self.side, self.side))
        crops = F.grid_sample(pictures, grid, align_corners=False)
        return self.aligner(crops.to(memory_format=torch.channels_last) / 2 + 0.5)[0]


def _smooth(error: Tensor) -> Tensor:
    return F.smooth_l1_loss(error, torch.zeros_like(error), beta=0.01)
