"""A person's prior flow: each limb goes with its joints, the ground stays, unknown joints say nothing."""

import numpy as np
import pytest
import torch
from gfla.animate.synthetic.puppets import Camera, Pose, choose_look, draw, true_flow
from gfla.models.priors.limbs import limb_flows, near_limbs
from gfla.models.priors.spline import CANDIDATES, CYLINDERS, pose_prior

SHAPE = (128, 96)


def person(pose, x=48.0):
    return draw(choose_look(2), pose, Camera(0, 108, x, 62), SHAPE)


def joints(drawn):
    return torch.from_numpy(drawn.joints)[None]


def test_the_same_pose_stays():
    points = joints(person(Pose()))
    for flow in limb_flows(points, points[:, None], SHAPE, stride=4):
        assert flow.shape == (1, 1, 2, 32, 24)
        assert flow.abs().max() < 0.05


def test_a_step_aside_moves_the_body_and_not_the_ground():
    """The target stands 9 px further right, so it reads 9 px to the left."""
    target, source = person(Pose(), x=52.5), person(Pose(), x=43.5)
    _, flow = limb_flows(joints(target), joints(source)[:, None], SHAPE, stride=1)
    body = torch.from_numpy(target.parts > 0)
    assert flow[0, 0, 0][body].median().item() == pytest.approx(-9, abs=0.5)
    assert flow[0, 0, :, :, :8].abs().max() < 0.1


def test_a_raised_arm_is_found_where_it_hung():
    source, target = person(Pose()), person(Pose(right_arm_out=80.0))
    flow, weight = true_flow(target, source, stride=1)
    moved = torch.from_numpy((weight[0] > 0) & (np.hypot(*flow) > 3))
    _, prior = limb_flows(joints(target), joints(source)[:, None], SHAPE, stride=1)
    error = (prior[0, 0] - torch.from_numpy(flow)).norm(dim=0)
    assert moved.sum() > 60
    assert error[moved].median() < 3


def test_unknown_joints_have_no_say_and_nothing_is_not_a_number():
    target, source = joints(person(Pose())), joints(person(Pose(turn=40.0)))
    target[:, 5:8], source[:, 8:11] = torch.nan, torch.nan
    flows = limb_flows(target, source[:, None], SHAPE, stride=4)
    assert all(flow.isfinite().all() for flow in flows)
    nobody = torch.full_like(target, torch.nan)
    assert all((flow == 0).all() for flow in limb_flows(nobody, source[:, None], SHAPE, stride=4))
    assert near_limbs(nobody, SHAPE, stride=4).max() < 1e-6


def test_the_body_is_near_the_limbs():
    drawn = person(Pose())
    near = near_limbs(joints(drawn), SHAPE, stride=1)[0, 0]
    body = torch.from_numpy(drawn.parts > 0)
    assert near[body].mean() > 0.8
    assert near[~body].mean() < 0.15


@pytest.mark.parametrize(("task", "count"), [("face", 68), ("person", 18), ("view", 1)])
def test_each_task_has_its_candidates(task, count):
    points = torch.rand(2, count, 2) * 60
    flows = pose_prior(task, points, (64, 64), stride=4).flows(points[:, None])
    assert flows.shape == (2, 1, CANDIDATES[task], 2, 16, 16)
    assert (flows[:, :, 0] == 0).all()


def test_a_cylinder_turns_about_the_upright_middle():
    """Turned on by 20 degrees, what is in the middle now was 20 degrees to the left of it."""
    here, there = torch.tensor([[[60.0, 0.0]]]), torch.tensor([[[[40.0, 0.0]]]])
    flow = pose_prior("view", here, (64, 64), stride=1).flows(there)[0, 0, 1]
    radius = CYLINDERS[0] * 64
    assert flow[0, 5, 31:33].mean().item() == pytest.approx(-radius * np.sin(np.radians(20)), abs=0.01)
    assert (flow[:, :, :8] == 0).all()
    assert (flow[1] == 0).all(), "seen from the side nothing goes up or down"
