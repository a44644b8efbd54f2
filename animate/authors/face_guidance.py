"""What the released face network is asked for: drawn curves, and edges of a picture outside the face.

It was trained with the edges of the very frame it was to draw. Where another person drives, there is no such
frame: the source's own edges are moved instead.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ...models.priors.spline import spline_flow
from .face_maps import face_label, face_maps, picture_edges

Points = NDArray[np.float32]
_STRIDE = 4  # pixels to a cell of the flow


def guidance_of(points: Points, face: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(16, S, S) for the picture `face` (S, S, 3) itself, by its landmarks (68, 2), pixels, x then y."""
    side = face.shape[0]
    return face_maps(points.round(), (side, side), picture_edges(face, side), side)


def guidance_towards(points: Points, own: Points, face: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(16, S, S) for landmarks `points` (68, 2) of the source `face` (S, S, 3), whose own are `own`: its
    edges outside its face go where the landmarks' spline carries them."""
    side = face.shape[0]
    on_face = face_label(own.round().astype(np.int64), (side, side), side) > 0
    target, source = (torch.from_numpy(p)[None] for p in (points, own))
    flow = spline_flow(target, source[:, None], side, _STRIDE)[0, 0].permute(1, 2, 0).numpy()
    flow = cv2.resize(np.ascontiguousarray(flow), (side, side), interpolation=cv2.INTER_LINEAR)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    read = (picture_edges(face, side) & ~on_face).astype(np.uint8)
    moved = cv2.remap(read, x + flow[..., 0], y + flow[..., 1], cv2.INTER_NEAREST, borderValue=0) > 0
    return face_maps(points.round(), (side, side), moved, side)
