"""What tensors look like: known flows, shares and attention give known colours at known places."""

import numpy as np
import pytest
import torch
from gfla.animate.inspection.visualize import (
    as_picture,
    attention_at,
    attention_heat,
    close_up,
    colour_wheel,
    flow_colours,
    framed,
    heat_colours,
    longest_flow,
    over,
    place_at,
    share_picture,
    shares_picture,
    structure_channels,
    structure_picture,
)
from gfla.animate.structure import structure_map


def test_the_colour_wheel():
    """Right is red, down is between yellow and green, nothing is white."""
    flow = torch.zeros(2, 2, 2)
    flow[0, 0, 0], flow[1, 0, 1] = 3, 3
    colours = flow_colours(flow, longest=3)
    assert colours[0, 0].tolist() == [255, 0, 0]
    assert colours[0, 1, 1] == 255
    assert 100 < colours[0, 1, 0] < 160
    assert colours[1].min() == 255


def test_the_wheel_shows_the_colours_of_flows():
    wheel = colour_wheel(65)
    flow = torch.zeros(2, 1, 4)
    flow[0, 0, 0] = flow[1, 0, 1] = 1  # right, down
    flow[0, 0, 2] = flow[1, 0, 3] = -1  # left, up
    right, down, left, up = flow_colours(flow, longest=1)[0].astype(int)
    shown = [wheel[32, 64], wheel[64, 32], wheel[32, 0], wheel[0, 32]]
    for seen, wanted in zip(shown, (right, down, left, up), strict=True):
        assert np.abs(seen - wanted).max() <= 12
    assert wheel[32, 32].min() > 245
    assert (wheel[0, 0] == 255).all()


def test_the_longest_flow_is_not_one_places():
    flow = torch.zeros(2, 20, 20)
    flow[0] = 3
    flow[0, 0, 0] = 1000
    assert longest_flow(flow) == pytest.approx(3)
    assert longest_flow(torch.zeros(2, 4, 4)) > 0


def test_attention_is_shown_where_it_reads():
    """Every place reads the tap right of where its flow points, and the flow points one up."""
    flow, weights = torch.zeros(2, 5, 5), torch.zeros(9, 5, 5)
    flow[1] = -1
    weights[5] = 1  # row 1, column 2 of the kernel: in place, one to the right
    heat = attention_heat(flow, weights)
    assert heat.sum() == 25
    expected = np.ones((5, 5))
    expected[:, 0], expected[4] = 0, 0
    expected[:4, 4] = 2  # the border repeats
    expected[0] *= 2
    assert np.array_equal(heat.numpy(), expected)


def test_one_places_attention_lies_where_it_reads():
    """The place (2, 3) of a grid of 8 points one right and two up and reads the tap below the middle."""
    flow, weights = torch.zeros(2, 8, 8), torch.zeros(9, 8, 8)
    flow[0, 3, 2], flow[1, 3, 2] = 1, -2
    weights[7, 3, 2], weights[4, 3, 2] = 0.75, 0.25
    laid = attention_at(flow, weights, (2 * 4 + 1.0, 3 * 4 + 2.0), 32)
    wanted = np.zeros((8, 8), np.float32)
    wanted[2, 3], wanted[1, 3] = 0.75, 0.25
    assert np.array_equal(laid, wanted.repeat(4, 0).repeat(4, 1))


def test_attention_beyond_the_border_lies_at_the_border():
    flow, weights = torch.full((2, 4, 4), -9.0), torch.full((9, 4, 4), 1 / 9)
    laid = attention_at(flow, weights, (0, 0), 16)
    assert laid[:4, :4] == pytest.approx(1)
    assert laid.sum() == pytest.approx(16)


def test_places_outside_are_the_nearest():
    assert place_at((255.9, 8.0), 8, 32) == (31, 1)
    assert place_at((-5, 300), 8, 32) == (0, 31)


def test_the_frame_and_the_heat_are_where_the_point_is():
    picture = np.full((32, 32, 3), 100, np.uint8)
    marked = framed(picture, (9, 21), 4)
    red = np.argwhere((marked == (255, 0, 0)).all(-1))
    assert red.min(0).tolist() == [19, 7]
    assert red.max(0).tolist() == [24, 12]
    assert (marked[20:24, 8:12] == 100).all()
    assert (picture == 100).all()
    large = framed(np.full((256, 256, 3), 100, np.uint8), (130, 90), 4)
    red = np.argwhere((large == (255, 0, 0)).all(-1))
    assert (red.max(0) - red.min(0)).min() >= 256 // 8, "seen in a thumbnail"
    heat = np.zeros((32, 32), np.float32)
    heat[5, 6] = 0.3
    shown = over(picture, heat).astype(int)
    assert shown[5, 6, 0] > shown[5, 6, 2] + 50
    assert shown[0, 0, 2] > shown[0, 0, 0] + 30
    assert heat_colours(heat)[0, 0].tolist() == [0, 0, 128]


def test_a_close_up_stays_inside():
    picture = np.arange(32 * 32 * 3, dtype=np.uint32).astype(np.uint8).reshape(32, 32, 3)
    assert np.array_equal(close_up(picture, (0, 31), 4)[::4, ::4], picture[24:, :8])


def test_a_share_shows_no_pattern_of_the_upsampling():
    """A pattern that repeats every two or four pixels vanishes; what is larger stays."""
    row = torch.tensor([0.6, 0.9, 0.7, 0.8])
    pattern = (row + row[:, None]).repeat(8, 8) / 2
    pattern[:, 16:] = 1
    shown, least = share_picture(pattern)
    assert least == pytest.approx(0.75, abs=0.05)
    assert np.ptp(shown[4:-4, 4:10]) == 0, "away from the border"
    assert shown[:, 24:].min() == 255
    whole, least = share_picture(torch.ones(8, 8))
    assert (least, whole.min()) == (1, 255)


def test_shares_are_told_apart():
    mask = torch.zeros(2, 1, 2, 2)
    mask[0, 0, 0, 0] = 1
    mask[1, 0, 1, 1] = 0.25
    shown = shares_picture(mask)[..., 0]
    assert shown.tolist() == [[255, 0, 0, 0, 0, 255], [0, 0, 0, 64, 255, 191]]


def test_a_structure_is_drawn_in_parts_and_edges(face):
    structure = structure_map(torch.from_numpy(face())[None], size=256)[0]
    shown = structure_picture(structure)
    assert shown.shape == (64, 64, 3)
    edges = structure[0].numpy()
    assert (shown[edges == 1] == 255).all()
    inside, outside = shown[40, 26], shown[2, 2]
    assert inside.sum() > outside.sum() + 200
    channels = structure_channels(structure)
    assert channels.shape == (3 * 64, 6 * 64, 3)
    assert np.array_equal(channels[:64, :64, 0], np.rint(255 * edges).astype(np.uint8))
    assert (channels[128:, 5 * 64 :] == 0).all()


def test_pictures_are_rounded_and_clipped():
    image = torch.tensor([-2.0, 0.0, 1.0]).view(3, 1, 1)
    assert as_picture(image).tolist() == [[[0, 128, 255]]]
