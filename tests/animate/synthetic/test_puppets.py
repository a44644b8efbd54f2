"""Drawn persons and solids: seeded, with joints where the body is and a flow that is exactly true."""

import numpy as np
import pytest
import torch
from gfla.animate.pose_transfer.pose_files import JOINTS
from gfla.animate.synthetic.puppets import (
    SEQUENCES,
    Camera,
    act,
    choose_look,
    choose_solid,
    draw,
    draw_pair,
    draw_solid,
    draw_views,
    true_flow,
    view_flow,
)
from gfla.models.ops import warp

FACING = Camera(0, 110, 64, 62)


def error(source, target, flow, weight):
    """Mean grey levels between the target and the source warped to it, where the weight says it is seen."""
    pixels = torch.from_numpy(source).permute(2, 0, 1)[None].float()
    warped = warp(pixels, torch.from_numpy(flow)[None])[0].permute(1, 2, 0).numpy()
    return np.abs(warped - target)[weight[0] > 0].mean()


def test_the_same_seed_draws_the_same_pair():
    one, again, other = draw_pair(3, 7), draw_pair(3, 7), draw_pair(3, 8)
    np.testing.assert_array_equal(one.target.image, again.target.image)
    np.testing.assert_array_equal(one.source.joints, again.source.joints)
    assert (one.target.image != other.target.image).any()


def test_the_two_pictures_of_a_pair_differ_in_pose_and_show_one_person():
    pair = draw_pair(0, 0, (96, 64))
    assert pair.source.image.shape == (96, 64, 3)
    assert not np.allclose(pair.source.joints, pair.target.joints, equal_nan=True)


def test_joints_lie_on_the_body():
    for index in range(10):
        drawn = draw_pair(5, index).source
        known = drawn.joints[~np.isnan(drawn.joints[:, 0])]
        assert len(known) >= 6
        x, y = known.round().astype(int).T
        assert (drawn.parts[y, x] > 0).mean() > 0.9


def test_right_is_the_persons_own_and_the_back_hides_the_face():
    front = draw(choose_look(1), act("turn", 4)[0], FACING, (128, 128)).joints
    back = draw(choose_look(1), act("turn", 4)[2], FACING, (128, 128)).joints
    right, left = JOINTS.index("right shoulder"), JOINTS.index("left shoulder")
    assert front[right, 0] < front[left, 0]
    assert back[right, 0] > back[left, 0]
    assert not np.isnan(front[0]).any()
    assert np.isnan(back[0]).all()


def test_true_flow_carries_the_source_to_the_target():
    look, (straight, *_) = choose_look(4), act("turn", 24)
    for pose in (straight._replace(turn=15.0), straight._replace(right_arm_out=60.0, left_leg_swing=30.0)):
        source, target = draw(look, straight, FACING, (128, 128)), draw(look, pose, FACING, (128, 128))
        flow, weight = true_flow(target, source, stride=1)
        body = weight * (np.hypot(*flow) > 1)
        found = error(source.image, target.image, flow, body)
        assert body.sum() > 300
        assert found < 18  # the light changes as a part turns
        assert found < 0.5 * error(source.image, target.image, np.zeros_like(flow), body)


def test_flow_to_itself_is_zero_and_certain():
    drawn = draw_pair(2, 1).source
    flow, weight = true_flow(drawn, drawn, stride=4)
    assert np.abs(flow).max() < 0.6  # a table along the axis has 48 steps
    assert weight.mean() > 0.97


def test_view_flow_carries_a_solid_round():
    solid = choose_solid(3)
    source, target = draw_solid(solid, 40, 10), draw_solid(solid, 60, 10)
    flow, weight = view_flow(target, source, stride=1)
    seen = weight * (target.parts > 0)
    assert seen.sum() > 1000
    assert error(source.image, target.image, flow, seen) < 20
    assert error(source.image, target.image, flow, seen) < 0.5 * error(
        source.image, target.image, np.zeros_like(flow), seen
    )


def test_a_solid_comes_round_and_pairs_share_the_elevation():
    solid = choose_solid(0)
    np.testing.assert_array_equal(draw_solid(solid, 0, 10).image, draw_solid(solid, 360, 10).image)
    views = draw_views(0, 0)
    assert views.source_view[1] == views.target_view[1]
    assert views.source_view[0] % 20 == 0


def test_sequences_are_smooth_and_unknown_ones_refused():
    for name in SEQUENCES:
        poses = np.array(act(name, 50))
        poses[:, 0] %= 360
        steps = np.abs(np.diff(poses, axis=0, append=poses[:1]))
        assert np.minimum(steps, 360 - steps).max() < 25
    with pytest.raises(ValueError, match="walk"):
        act("fly")
