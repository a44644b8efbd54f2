"""Every metric on tiny inputs worked by hand: the published numbers mean what their definitions say."""

import math

import numpy as np
import pytest
import torch
from gfla.train.evaluation import metrics
from gfla.train.losses.perceptual import PerceptualFeatures, perceptual_distance
from skimage.metrics import structural_similarity


def flat(value: int, side: int = 8) -> np.ndarray:
    return np.full((side, side, 3), value, np.uint8)


def noise(seed: int, side: int = 96) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def face_in(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """68 points whose box this is."""
    points = np.full((68, 2), ((left + right) / 2, (top + bottom) / 2))
    points[0], points[1] = (left, top), (right, bottom)
    return points


@pytest.fixture(scope="module")
def net(squeezenet):
    return PerceptualFeatures(squeezenet)


def test_l1_is_a_mean_over_every_channel_of_every_pixel():
    black, dotted = flat(0, 2), flat(0, 2)
    dotted[0, 1, 2] = 255
    assert metrics.l1(black, dotted) == pytest.approx(1 / 12)
    assert metrics.l1(black, black) == 0


def test_l1_does_not_wrap_round_below_zero():
    assert metrics.l1(flat(0), flat(1)) == pytest.approx(1 / 255)
    assert metrics.l1(flat(1), flat(0)) == pytest.approx(1 / 255)


def test_psnr_of_known_errors():
    """A difference of 255 everywhere is 0 dB, of 25.5 would be 20 dB; 51 is a fifth of the peak."""
    assert metrics.psnr(flat(0), flat(255)) == pytest.approx(0)
    assert metrics.psnr(flat(10), flat(61)) == pytest.approx(20 * math.log10(5))
    half = flat(0)
    half[:4] = 255
    assert metrics.psnr(flat(0), half) == pytest.approx(10 * math.log10(2))


def test_psnr_of_equals_is_finite():
    assert metrics.psnr(flat(7), flat(7)) == pytest.approx(10 * math.log10(255**2 / 1e-12))


def test_ssim_equals_scikit_image_with_its_defaults_spelled_out():
    a, b = noise(0, 24), noise(1, 24)
    mixed = (0.7 * a + 0.3 * b).astype(np.uint8)
    expected = structural_similarity(
        a, mixed, channel_axis=2, win_size=7, gaussian_weights=False, data_range=255, K1=0.01, K2=0.03
    )
    assert metrics.ssim(a, mixed) == pytest.approx(expected, abs=1e-12)
    assert 0.5 < metrics.ssim(a, mixed) < 0.99
    assert metrics.ssim(a, a) == pytest.approx(1)


def test_ssim_of_flat_pictures_compares_their_means_alone():
    """Without variance the formula is (2 a b + C1) / (a^2 + b^2 + C1), C1 = (0.01 * 255)^2."""
    c1 = 2.55**2
    expected = (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)
    assert metrics.ssim(flat(100), flat(150)) == pytest.approx(expected)


def test_perceptual_distance_worked_by_hand():
    """First tap: mean |f - g| = 1 over mean |g| = 2; second: nothing over anything. Their mean is 1/4."""
    f = [torch.tensor([1.0, 3.0]).view(1, 2, 1, 1), torch.full((1, 1, 2, 2), -5.0)]
    g = [torch.tensor([2.0, 2.0]).view(1, 2, 1, 1), torch.full((1, 1, 2, 2), -5.0)]
    assert perceptual_distance(f, g).tolist() == [0.25]


def test_perceptual_is_the_distance_at_five_taps_relative_to_the_truth(net):
    a, b = noise(0), noise(1)
    with torch.inference_mode():
        ours, truth = (
            net(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1) for image in (a, b)
        )
    assert len(truth) == 5
    terms = [float((f - g).abs().mean() / g.abs().mean()) for f, g in zip(ours, truth, strict=True)]
    assert metrics.perceptual(a, b, net) == pytest.approx(sum(terms) / 5, rel=1e-4)
    assert metrics.perceptual(a, a, net) == 0


def test_perceptual_grows_with_the_error(net):
    a, b = noise(0), noise(1)
    near = (0.9 * a + 0.1 * b).astype(np.uint8)
    assert 0 < metrics.perceptual(near, a, net) < metrics.perceptual(b, a, net)


def test_perceptual_shifted_is_perceptual_at_224_pixels_moved_by_three(net):
    """Pixels doubled to 448 shrink back to themselves, so only the move remains."""
    a, b = noise(0, 224), noise(1, 224)
    large = [image.repeat(2, axis=0).repeat(2, axis=1) for image in (a, b)]
    moved = [np.roll(np.roll(image, 3, axis=0), 3, axis=1) for image in (a, b)]
    expected = metrics.perceptual(moved[0], moved[1], net)
    assert metrics.perceptual_shifted(large[0], large[1], net) == pytest.approx(expected, rel=1e-5)
    assert metrics.perceptual(a, b, net) != pytest.approx(expected, rel=1e-5)


def checkered(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """Black and white pixels by turns in the box, its last row and column included; grey around it."""
    picture = flat(128, 16)
    y, x = np.mgrid[top : bottom + 1, left : right + 1]
    picture[top : bottom + 1, left : right + 1] = ((x + y) % 2 * 255)[..., None]
    return picture


def test_sharpness_of_a_checkerboard_is_the_square_of_its_laplacian():
    """Each pixel's four neighbours differ by 255 the same way: a Laplacian of +-1020, half and half."""
    assert metrics.sharpness(checkered(2, 3, 11, 8), face_in(2, 3, 11, 8)) == pytest.approx(1020**2)


def test_sharpness_of_a_flat_face_is_zero_whatever_surrounds_it():
    busy = noise(0, 16)
    busy[3:9, 2:12] = 128
    assert metrics.sharpness(busy, face_in(2, 3, 11, 8)) == 0
    assert metrics.sharpness(busy, face_in(0, 0, 15, 15)) > 0


def test_sharpness_takes_a_face_that_leaves_the_picture():
    picture = checkered(0, 0, 15, 15)
    assert metrics.sharpness(picture, face_in(-4.5, -3, 9, 7)) == pytest.approx(1020**2)
    assert metrics.sharpness(picture, face_in(6, 8, 40, 40)) == pytest.approx(1020**2)


def test_sharpness_beside_a_flat_truth_is_a_number():
    sharp, level = checkered(2, 3, 11, 8), flat(128, 16)
    face = face_in(2, 3, 11, 8)
    assert metrics.sharpness_ratio(level, level, face) == 1
    assert metrics.sharpness_ratio(sharp, level, face) == pytest.approx(1020**2)
    assert metrics.sharpness_ratio(sharp // 2, sharp, face) == pytest.approx(0.25, rel=0.02)


def test_landmark_distance_is_a_mean_of_lengths():
    points = face_in(2, 3, 11, 8)
    step = np.array([3.0, 4.0])
    assert metrics.landmark_distance(points + step, points) == pytest.approx(5)
    half = points.copy()
    half[:34] += step
    assert metrics.landmark_distance(half, points) == pytest.approx(2.5)


def test_a_box_is_a_square_about_its_landmarks_within_the_picture():
    points = np.tile([[100.0, 120.0]], (68, 1))
    points[48:] = [[90, 150]] * 10 + [[110, 160]] * 10
    assert metrics.box(points, 256, "mouth") == (
        slice(140, 170),
        slice(85, 115),
    )  # 1.5 times 20, about 100, 155
    points[36:48] = [[-20, 0]] * 6 + [[20, 4]] * 6
    assert metrics.box(points, 256, "eyes") == (slice(0, 32), slice(0, 30))


def test_a_box_sees_only_what_is_in_it(net):
    a, b = np.full((64, 64, 3), 90, np.uint8), np.full((64, 64, 3), 90, np.uint8)
    b[:20] = 200
    assert metrics.perceptual_box(a, b, (slice(30, 60), slice(10, 40)), net) == 0
    assert metrics.perceptual_box(a, b, (slice(5, 35), slice(10, 40)), net) > 0.01
