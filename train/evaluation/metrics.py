"""Measures of a frame against the true frame, each with its exact definition, since variants differ
widely."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ..losses.perceptual import PerceptualFeatures, perceptual_distance

Image = NDArray[np.uint8]


def l1(a: Image, b: Image) -> float:
    """Mean absolute difference on 0..1."""
    return float(np.abs(a.astype(np.float32) - b).mean() / 255)


def psnr(a: Image, b: Image) -> float:
    """Peak signal-to-noise ratio in dB on uint8."""
    return float(10 * np.log10(255**2 / max(np.square(a.astype(np.float64) - b).mean(), 1e-12)))


def ssim(a: Image, b: Image) -> float:
    """scikit-image's default structural similarity: 7 x 7 uniform window, uint8, colour channels averaged."""
    from skimage.metrics import structural_similarity

    score = structural_similarity(a, b, channel_axis=2)
    assert isinstance(score, float)  # a tuple only if maps are asked for
    return float(score)


def ssim_gaussian(made: Image, truth: Image) -> float:
    """Structural similarity as in the authors' code for 256 x 256: a Gaussian window of sigma 1.5, no sample
    covariance, values 0..255, and the made picture's range as the data range."""
    from skimage.metrics import structural_similarity

    reach = max(int(made.max()) - int(made.min()), 1)
    score = structural_similarity(
        truth,
        made,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=reach,
        channel_axis=2,
    )
    return float(score)  # pyright: ignore[reportArgumentType]


def ssim_wide(made: Image, truth: Image) -> float:
    """The second one in the authors' code: a uniform window of 51 pixels (or what fits), values 0..1."""
    from skimage.metrics import structural_similarity

    window = min(51, (min(truth.shape[:2]) - 1) // 2 * 2 + 1)
    pair = (truth / 255.0, made / 255.0)
    score = structural_similarity(*pair, win_size=window, data_range=1.0, channel_axis=2)
    return float(score)  # pyright: ignore[reportArgumentType]


_MASK_LIMBS = (
    (2, 3), (2, 6), (3, 4), (4, 5), (6, 7), (7, 8), (2, 9), (9, 10), (10, 11), (2, 12), (12, 13), (13, 14),
    (2, 1), (1, 15), (15, 17), (1, 16), (16, 18), (2, 17), (2, 18), (9, 12), (12, 6), (9, 3), (17, 18),
)  # fmt: skip


def body_mask(joints: NDArray[np.floating], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Mask (H, W) of the person of `joints` (18, 2), pixels, NaN if unknown, for Market-1501's Mask-LPIPS:
    limbs 8 pixels wide along the 23 pairs of the authors' code, discs at the joints, closed by 5 x 5."""
    mask = np.zeros(shape, np.uint8)
    for joint in joints[~np.isnan(joints).any(1)]:
        cv2.circle(mask, tuple(np.rint(joint).astype(int).tolist()), 4, 1, -1)
    for a, b in np.array(_MASK_LIMBS) - 1:
        ends = joints[[a, b]]
        if np.isnan(ends).any():
            continue
        along = ends[1] - ends[0]
        across = 4 * np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-6)
        corners = np.stack([ends[0] + across, ends[1] + across, ends[1] - across, ends[0] - across])
        cv2.fillConvexPoly(mask, np.rint(corners).astype(np.int32), 1)
    return cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0


def perceptual(a: np.ndarray, b: np.ndarray, features: PerceptualFeatures) -> float:
    """Mean over five SqueezeNet taps of mean|f(a) - f(b)| / mean|f(b)|, in float32."""
    pair = torch.from_numpy(np.stack((a, b))).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        taps = features(pair)
    return float(perceptual_distance([t[:1] for t in taps], [t[1:] for t in taps]))


def perceptual_shifted(a: Image, b: Image, features: PerceptualFeatures) -> float:
    """`perceptual` at 224 px after shifting both by 3 px, so that training on the metric's grid gains
    nothing."""
    small = [np.roll(cv2.resize(i, (224, 224), interpolation=cv2.INTER_AREA), (3, 3), (0, 1)) for i in (a, b)]
    return perceptual(small[0], small[1], features)


BOXES: dict[str, tuple[slice, float]] = {
    "face": (slice(0, 68), 1.05),
    "eyes": (slice(36, 48), 1.5),
    "mouth": (slice(48, 68), 1.5),
}
"""Boxes that are compared closely: of which landmarks, and the side over these landmarks' extent."""


def box(points: NDArray[np.floating], side: int, name: str) -> tuple[slice, slice]:
    """Rows and columns of the square `BOXES[name]` of landmarks (68, 2), in a picture of `side` pixels."""
    part, extent = BOXES[name]
    low, high = points[part].min(0), points[part].max(0)
    middle, half = (low + high) / 2, float((high - low).max()) * extent / 2
    first = np.clip((middle - half).astype(int), 0, side - 2)
    last = np.clip((middle + half).astype(int), 2, side)
    return slice(int(first[1]), int(last[1])), slice(int(first[0]), int(last[0]))


def perceptual_box(a: Image, b: Image, where: tuple[slice, slice], features: PerceptualFeatures) -> float:
    """`perceptual` of the rows and columns `where`, enlarged to 128 x 128."""
    near = [cv2.resize(image[where], (128, 128), interpolation=cv2.INTER_LINEAR) for image in (a, b)]
    return perceptual(near[0], near[1], features)


def sharpness(image: Image, points: NDArray[np.floating]) -> float:
    """Variance of the Laplacian of the grey picture in the box of the face's points (68, 2)."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    low = np.clip(np.floor(points.min(0)).astype(int), 0, None)
    high = np.ceil(points.max(0)).astype(int) + 1
    return float(cv2.Laplacian(grey[low[1] : high[1], low[0] : high[0]], cv2.CV_64F).var())


def sharpness_ratio(image: Image, truth: Image, points: NDArray[np.floating]) -> float:
    """Sharpness over the true picture's in the same box, both at least 1."""
    made, true = (max(sharpness(each, points), 1.0) for each in (image, truth))
    return made / true


def whole(image: Image) -> NDArray[np.floating]:
    """The corners of a picture, as `points` of `sharpness` for all of it."""
    return np.array([[0.0, 0.0], [image.shape[1] - 1.0, image.shape[0] - 1.0]])


def residual_error(pair: tuple[Image, Image], truth: tuple[Image, Image]) -> float:
    """mean|(o_t - o_t-1) - (x_t - x_t-1)| on 0..1 for (before, now) of the output and of the true clip."""
    moves = [now.astype(np.float32) - before for before, now in (pair, truth)]
    return float(np.abs(moves[0] - moves[1]).mean() / 255)


def still(before: Image, now: Image) -> NDArray[np.bool_]:
    """Mask (H, W) of what stands still in the true clip: after a blur of 3 px against noise, no channel
    changes by more than one grey level."""
    blurred = [cv2.GaussianBlur(image, (0, 0), 3).astype(np.int16) for image in (before, now)]
    return np.abs(blurred[1] - blurred[0]).max(axis=2) <= 1


def change(before: Image, now: Image, where: NDArray[np.bool_]) -> float:
    """Change between two frames summed over the mask `where`, in grey levels, channels averaged."""
    return float(np.abs(now.astype(np.int16) - before)[where].mean(axis=1).sum())


def landmark_distance(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Mean distance in pixels of two sets of points (68, 2) found by the same landmarker (AKD)."""
    return float(np.linalg.norm(a - b, axis=1).mean())
