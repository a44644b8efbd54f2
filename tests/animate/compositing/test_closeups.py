"""Close-ups: squares that lie alike on every face, drawn with a memory of their own and pasted seamlessly."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from gfla.animate.compositing.closeups import (
    PARTS,
    Closeup,
    _spread,
    closeup_matrix,
    draw_closeups,
    encode_closeups,
    into_square,
    inverse,
    oval,
    paste_closeups,
    read_square,
    scaled,
)
from gfla.animate.compositing.detail import Canvas, Drawing
from gfla.animate.face.builtin import MIRROR
from gfla.animate.structure import closeup_maps
from gfla.models import CONFIGS, Generator
from gfla.train.data.clips import Clip
from gfla.train.data.closeups import CloseupSampler, looked_closer
from gfla.train.data.index import Clips

SIDE = 256


@pytest.fixture
def places(face):
    def draw(**how: float) -> np.ndarray:
        points = face(**how)
        return np.concatenate((points, [points[36:42].mean(0), points[42:48].mean(0)])).astype(np.float32)

    return draw


@pytest.fixture
def photograph() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3)


@pytest.fixture
def net() -> Generator:
    torch.manual_seed(0)
    net = Generator(CONFIGS["closeup-tiny"]).eval()
    for head in (net.flow.head8, net.flow.head4, net.paint):  # zero at first: nothing would move
        torch.nn.init.normal_(head.weight, std=0.1)
    return net


@pytest.mark.parametrize("part", PARTS)
def test_a_square_and_back_is_exact(places, part):
    points = places(roll=11)
    matrix = closeup_matrix(points, part)
    there = into_square(points, matrix, part)
    seen = there[MIRROR] if part == "left" else there
    back = inverse(matrix)
    np.testing.assert_allclose(seen @ back[:, :2].T + back[:, 2], points, atol=1e-3)
    larger = scaled(matrix, 2)
    ends = np.array([[-0.5, -0.5], [95.5, 95.5]]) @ back[:, :2].T + back[:, 2]
    np.testing.assert_allclose(ends @ larger[:, :2].T + larger[:, 2], [[-0.5] * 2, [191.5] * 2], atol=1e-6)


def test_squares_do_not_change_with_what_they_show(places):
    """Openings change neither scale nor turn, and a head that is turned and twice as large looks the same."""
    shut, wide = (closeup_matrix(places(mouth=m, eye=e), "mouth") for m, e in ((0, 0), (40, 12)))
    np.testing.assert_allclose(shut[:, :2], wide[:, :2], atol=0.02)
    small = places()
    turned = (2 * small @ np.array([[0.8, 0.6], [-0.6, 0.8]])).astype(np.float32) + 5
    for part in PARTS:
        here, there = (into_square(p, closeup_matrix(p, part), part) for p in (small, turned))
        np.testing.assert_allclose(here, there, atol=1e-3)


def test_an_eye_in_a_mirror_is_the_other_eye(places, photograph):
    points = places(roll=7)
    points[42:48] += (3, 1)
    mirrored = points[MIRROR] * (-1, 1) + np.array([SIDE - 1, 0])
    a, b = closeup_matrix(points, "left"), closeup_matrix(mirrored, "right")
    np.testing.assert_allclose(into_square(points, a, "left"), into_square(mirrored, b, "right"), atol=1e-3)
    apart = read_square(photograph, a).astype(int) - read_square(photograph[:, ::-1].copy(), b)
    assert np.abs(apart).max() <= 2


def test_maps_tell_openings_of_a_fraction_of_a_pixel(places):
    def inner(mouth: float) -> torch.Tensor:
        points = places(mouth=mouth)
        seen = into_square(points, closeup_matrix(points, "mouth"), "mouth")
        return closeup_maps(torch.from_numpy(seen)[None], 96)[0]

    shut, ajar, open_ = (inner(m) for m in (0.0, 0.4, 3.0))
    for drawn in (shut, ajar, open_):
        assert drawn.shape == (35, 24, 24)
        assert 0 <= drawn.min() <= drawn.max() <= 1
        assert (drawn[16] == 1).all()
    assert shut[23:27].sum() < ajar[23:27].sum() < open_[23:27].sum()
    assert shut[17, 0, 0] < ajar[17, 0, 0] < open_[17, 0, 0]
    eye = into_square(places(), closeup_matrix(places(), "left"), "left")
    assert (closeup_maps(torch.from_numpy(eye)[None], 96)[0, 16] == 0).all()


def test_nothing_of_a_square_s_border_counts():
    share = oval(96)
    assert share[0].max() == share[-1].max() == share[:, 0].max() == share[:, -1].max() == 0
    assert share[48, 48] == 1


def test_what_is_read_and_pasted_again_changes_nothing(places, photograph):
    """Of the picture's own squares, at its size and at twice that: also nothing beyond them changes."""
    closeups = []
    for part in PARTS:
        matrix = closeup_matrix(places(), part)
        square = read_square(photograph, matrix)
        drawing = Drawing(square, np.zeros((96, 96, 2), np.float32), np.ones((96, 96), np.float32))
        canvas = Canvas(square, square.astype(np.float32), None, np.ones((96, 96), np.float32))
        closeups.append(Closeup(drawing, canvas, matrix, 1.0))
    before = photograph.copy()
    out = paste_closeups(photograph, closeups, SIDE)
    np.testing.assert_array_equal(photograph, before)
    assert np.abs(out.astype(int) - photograph).max() <= 6
    assert (out[:60] == photograph[:60]).all()
    large = cv2.resize(photograph, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_CUBIC)
    assert np.abs(paste_closeups(large, closeups, SIDE).astype(int) - large).max() <= 12
    away = [closeup._replace(weight=0.0) for closeup in closeups]
    np.testing.assert_array_equal(paste_closeups(photograph, away, SIDE), photograph)


def test_another_shade_leaves_no_seam(places, photograph):
    """A square that is drawn brighter throughout takes the picture's own shade from its rim."""
    matrix = closeup_matrix(places(), "mouth")
    square = read_square(photograph // 2 + 60, matrix)
    canvas = Canvas(square, square.astype(np.float32), None, np.ones((96, 96), np.float32))
    flow, mask = np.zeros((96, 96, 2), np.float32), np.ones((96, 96), np.float32)
    brighter = Closeup(Drawing(square + 20, flow, mask), canvas, matrix, 1.0)
    out = paste_closeups(photograph // 2 + 60, [brighter], SIDE)
    assert np.abs(out.astype(int) - (photograph // 2 + 60)).max() <= 8


def test_a_square_is_what_the_network_makes_of_it_and_hangs_on_no_frame_before(net, places, photograph):
    before = encode_closeups(net, photograph, places())
    ways = [places(mouth=m, eye=e) for m, e in ((20, 2), (9, 5))]
    for way in ways:
        first, again = (draw_closeups(net, before, way) for _ in range(2))
        points = torch.from_numpy(
            np.stack([into_square(way, closeup_matrix(way, part, 64), part) for part in PARTS])
        )
        with torch.inference_mode():
            images, _, _ = net(closeup_maps(points, 64)[:, None], points[:, None], before.reference)
        alone = (images[:, 0].clamp(-1, 1) * 127.5 + 127.5).permute(0, 2, 3, 1).numpy()
        for closeup, same, image in zip(first, again, alone, strict=True):
            np.testing.assert_array_equal(closeup.drawing.face, same.drawing.face)
            assert np.abs(closeup.drawing.face - image).mean() < 2  # half precision


def test_an_eye_seen_from_the_side_is_not_drawn(net, places, photograph):
    aside = places()
    aside[42:48, 0] = aside[42, 0] + (aside[42:48, 0] - aside[42, 0]) / 10
    aside[48:68, 1] += 4
    drawn = draw_closeups(net, encode_closeups(net, photograph, places()), aside)
    left = closeup_matrix(aside, "left", 64)
    assert drawn[0].weight == 1
    assert not any(np.array_equal(closeup.matrix, left) for closeup in drawn)


def test_which_squares_are_drawn_does_not_change_how(net, places, photograph, monkeypatch):
    references = encode_closeups(net, photograph, places())
    (mouth,) = draw_closeups(net, references, places(mouth=30))
    monkeypatch.setattr(net, "any_batch", False)
    whole = draw_closeups(net, references, places(mouth=30))
    assert [closeup.weight for closeup in whole] == [mouth.weight, 0, 0]
    assert np.abs(whole[0].drawing.face.astype(int) - mouth.drawing.face).max() <= 1
    np.testing.assert_allclose(whole[0].drawing.flow, mouth.drawing.flow, atol=0.02)


def test_only_what_changes_is_drawn(net, places, photograph):
    references = encode_closeups(net, photograph, places())
    assert draw_closeups(net, references, places()) == ()
    ways = [places(mouth=4.5), places(mouth=6), places(mouth=30)]
    weights = [draw_closeups(net, references, way) for way in ways]
    mouths = [drawn[0].weight if drawn else 0.0 for drawn in weights]
    assert mouths[0] < mouths[1] < mouths[2] == 1
    assert len(weights[2]) == 1


def test_what_overflows_is_not_pasted(net, places, photograph, monkeypatch):
    references = encode_closeups(net, photograph, places())
    paint = net.paint.forward
    monkeypatch.setattr(net.paint, "forward", lambda x: paint(x) * torch.nan)
    drawn = draw_closeups(net, references, places(mouth=20))
    assert drawn
    assert all(closeup.weight == 0 for closeup in drawn)


def test_samples_ask_for_mouths_that_open_and_eyes_that_shut(places):
    """Of a clip in which one frame of twelve differs, that one is in far more samples."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (48, 64, 64, 3)).astype(np.uint8)
    faces = [places(mouth=26, eye=0.3) if n % 12 == 5 else places(mouth=1, eye=8) for n in range(48)]
    points = np.stack(faces) / 4
    clip = Clip("a", "a", frames, points[:, :68], np.arange(48), points[:, 68:])
    sampler = CloseupSampler(Clips.of([clip]), batch=40, length=1, size=64, seed=0)
    batch = sampler(0)
    assert batch.images.shape == (40, 2, 3, 64, 64)
    assert batch.points.shape == (40, 2, 70, 2)
    drawn = closeup_maps(batch.points.flatten(0, 1), 64)[:, 16:19, 0, 0].view(40, 2, 3)
    mouths = drawn[:, 0, 0] == 1
    assert 10 <= mouths.sum() <= 30
    lips = drawn[mouths][:, :, 1]
    lids = drawn[~mouths][:, :, 2]
    assert ((lips[:, 1] > 0.3) & (lips[:, 0] < 0.2)).float().mean() > 0.2
    assert ((lids[:, 1] < 0.15) & (lids[:, 0] > 0.2)).float().mean() > 0.2
    again = CloseupSampler(Clips.of([clip]), batch=20, length=1, size=64, seed=0, rank=1)(0)
    assert torch.equal(again.images, batch.images[20:])


def test_a_face_s_generator_looks_closer():
    face = Generator(CONFIGS["face-tiny"]).eval()
    closer = looked_closer(face, CONFIGS["closeup-tiny"])
    assert closer.config == CONFIGS["closeup-tiny"]
    for name, value in closer.state_dict().items():
        if name != "structure_encoder.enter.weight":
            part = tuple(slice(0, side) for side in value.shape)
            assert torch.equal(value, face.state_dict()[name][part])
    with pytest.raises(ValueError, match="another configuration"):
        looked_closer(face, replace(CONFIGS["closeup-tiny"], channels=(8, 8, 24)))


def test_the_shading_is_spread_by_a_gaussian():
    field = np.random.default_rng(0).normal(0, 8, (96, 96, 3)).astype(np.float32)
    blurred = cv2.GaussianBlur(field, (0, 0), 0.12 * 96)
    np.testing.assert_allclose(_spread(field), blurred, atol=1e-5)
