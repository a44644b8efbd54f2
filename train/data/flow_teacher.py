"""The flow teacher: where the true frame's pixels are in the reference, by classical optical flow.

Photometric gradients alone are too noisy to teach a flow field in a short run. Given the true frame, dense
inverse search (Kroeger 2016, in OpenCV) refines the landmark spline to the pixel; the Flow Field Estimator
learns to predict that flow without seeing the frame. Where the refined warp does not explain the frame
(occlusion, new content), the weight falls to zero.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from ...models.config import Task
from ...models.ops import warp
from ...models.priors.spline import pose_prior

_LARGEST = 1 / 32  # of the side: the fine motion's largest shift
_SMOOTH = {"closeup": 1 / 16}  # of the side: standard deviation of its average, as coarse as a render sees it
_USUAL = 1 / 128  # for the others
_FALLOFF = 24.0  # remaining error, in grey levels, at which the weight is 1/e


def teach_flow(
    images: NDArray[np.uint8],
    points: NDArray[np.float32],
    stride: int = 4,
    task: Task = "face",
    layered: bool = False,
    matte: NDArray[np.uint8] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Backward flows from frames 1.. of `images` (1 + T, H, W, 3) to frame 0, their weights, and the fine
    motion in them that a render would read off a driver (`animate.face.fine_flow`).

    matte: (H, W) the person in frame 0, beside whom there is no fine motion; None: it is all over.
    `points` (1 + T, N, 2) are the frames' landmarks, as the generator of `task` has them. Returns flows (T,
    2, H / stride, W / stride), pixels of the full picture, x then y, weights (T, 1, H / stride, W / stride)
    in [0, 1], and fine motions like the flows.
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    places = torch.from_numpy(points)
    reference = torch.from_numpy(np.ascontiguousarray(images[0])).permute(2, 0, 1)[None].float()
    size = images.shape[1]
    flows, weights, fine = [], [], []
    known = pose_prior(task, places[1:], (size, size), stride, layered)
    coarse = known.flows(places[:1].expand(len(places) - 1, -1, -1)[:, None])[:, 0, -1]
    for image, prior in zip(images[1:], coarse, strict=True):
        spline = F.interpolate(prior[None], scale_factor=stride, mode="bilinear", align_corners=False)
        warped = warp(reference, spline)[0].permute(1, 2, 0).round().byte().numpy()
        grey, guess = (cv2.cvtColor(np.ascontiguousarray(i), cv2.COLOR_RGB2GRAY) for i in (image, warped))
        found = search.calc(grey, guess, None)  # type: ignore[call-overload]
        refinement = torch.from_numpy(found).permute(2, 0, 1)[None]
        if matte is not None:
            person = warp(torch.from_numpy(np.ascontiguousarray(matte))[None, None].float() / 255, spline)
            found = found * person[0, 0].numpy()[..., None]
        smooth = cv2.GaussianBlur(found, (0, 0), _SMOOTH.get(task, _USUAL) * size)
        smooth = smooth.clip(-_LARGEST * size, _LARGEST * size)
        fine.append(F.avg_pool2d(torch.from_numpy(smooth).permute(2, 0, 1), stride))
        flow = refinement + warp(spline, refinement)
        truth = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
        error = (warp(reference, flow) - truth).abs().mean(1, keepdim=True)
        flows.append(F.avg_pool2d(flow, stride)[0])
        weights.append(torch.exp(-F.avg_pool2d(error, stride) / _FALLOFF)[0])
    flow, weight, motion = (torch.stack(fields).numpy() for fields in (flows, weights, fine))
    return flow, weight, motion


def maybe(fine: NDArray[np.float32], chance: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """`fine`, or nothing in a sample that has none. Drawn only if it may be there, so that all other runs
    keep their random numbers."""
    return fine if chance and rng.random() < chance else np.zeros_like(fine)
