"""The head as one body: poses of the face model are found again, and what is on the head moves with it."""

import numpy as np
import pytest
import torch
from gfla.animate.face.morphable_model import Faces, draw, load_face_model, rotation
from gfla.models.priors.head import _CENTRE, _RIGID, _SOLID, HeadPose, follow_head, head_outline, head_pose
from gfla.models.priors.spline import Spline, head_flow, spline_flow

MODEL = load_face_model()


def seen(degrees, scale, shift):
    """Landmarks (1, 68, 2) of the mean face so turned, and where its head's centre is then."""
    turn = rotation(np.array([degrees], float))
    still = np.zeros((1, len(MODEL.names)))
    points = draw(MODEL.mean, Faces(turn, np.array([scale]), np.array([shift]), still), MODEL.expression)
    centre = scale * turn[0, :2] @ np.array(_CENTRE) + shift
    return torch.from_numpy(points[:, :68].astype(np.float32)), centre


def test_the_table_is_the_face_models_mean():
    assert np.abs(MODEL.mean[list(_RIGID)] - np.array(_SOLID)).max() <= 5.1e-4


@pytest.mark.parametrize("degrees", [(0, 0, 0), (30, 0, 0), (-40, 15, 10), (0, -20, -35), (10, 10, 150)])
def test_a_pose_is_found_again(degrees):
    points, centre = seen(degrees, 47.0, (120.0, 131.0))
    pose = head_pose(points)
    assert pose.scale.item() == pytest.approx(47, rel=2e-3)
    assert np.degrees(pose.roll.item()) == pytest.approx(degrees[2], abs=0.2)
    assert np.abs(pose.centre[0].numpy() - centre).max() < 0.2


def test_a_turn_moves_the_centre_the_other_way_and_an_open_mouth_not_at_all():
    straight, turned = (head_pose(seen(d, 50.0, (128.0, 128.0))[0]) for d in ((0, 0, 0), (20, 0, 0)))
    nose = [seen(d, 50.0, (128.0, 128.0))[0][0, 30] for d in ((0, 0, 0), (20, 0, 0))]
    assert (turned.scale / straight.scale - 1).abs() < 1e-3
    points = seen((0, 0, 0), 50.0, (128.0, 128.0))[0]
    open_mouth = points.clone()
    open_mouth[:, 48:] += torch.tensor([0.0, 9.0])
    assert torch.equal(head_pose(open_mouth).centre, head_pose(points).centre)
    assert (nose[1] - nose[0])[0] * (turned.centre - straight.centre)[0, 0] < 0  # the other way


def test_places_follow_shift_scale_and_roll():
    points, _ = seen((5, 3, 2), 40.0, (100.0, 110.0))
    angle, scale = 0.3, 1.2
    turn = scale * torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).float()
    moved = points @ turn.T + torch.tensor([7.0, -4.0])
    here, there = head_pose(points), head_pose(moved)
    places = torch.rand(1, 9, 2) * 200
    wanted = places @ turn.T + torch.tensor([7.0, -4.0])
    torch.testing.assert_close(follow_head(places, here, there), wanted, atol=2e-2, rtol=1e-4)
    torch.testing.assert_close(
        head_outline(there), follow_head(head_outline(here), here, there), atol=2e-2, rtol=0
    )
    still = follow_head(places, here, here)
    torch.testing.assert_close(still, places, atol=1e-3, rtol=0)


def test_the_outline_lies_around_the_face_and_above_the_neck():
    points, _ = seen((0, 0, 0), 45.0, (128.0, 128.0))
    outline = head_outline(head_pose(points))[0]
    assert outline[:, 1].max() < points[0, 8, 1]  # the chin
    assert outline[:, 1].min() < points[0, :, 1].min() - 45  # hair above the brows
    assert outline[:, 0].min() < points[0, :, 0].min()
    assert outline[:, 0].max() > points[0, :, 0].max()


def test_batches_and_references_broadcast():
    one, two = seen((0, 0, 0), 45.0, (128.0, 128.0))[0], seen((9, 4, 3), 40.0, (120.0, 128.0))[0]
    pose = head_pose(torch.stack((one, two), dim=1))  # (1, 2, 68, 2)
    assert isinstance(pose, HeadPose)
    assert pose.centre.shape == (1, 2, 2)
    torch.testing.assert_close(pose.scale[0, 1], head_pose(two).scale[0])
    flow = head_flow(one, torch.stack((one, two), dim=1), 256, 4)
    assert flow.shape == (1, 2, 2, 64, 64)
    assert flow[0, 0].abs().max() < 1e-2 < flow[0, 1].abs().mean()


def test_hair_moves_with_the_head_and_shoulders_rest():
    points, _ = seen((0, 0, 0), 40.0, (128.0, 128.0))
    source = points + torch.tensor([12.0, 0.0])
    flow = spline_flow(points, source[:, None], 256, 4, "head")[0, 0]
    hair = flow[:, 8:14, 26:38]  # above the brows
    assert (hair[0] - 12).abs().max() < 1.5
    assert hair[1].abs().max() < 1.5
    assert flow[:, -1].abs().max() < 1.5  # the lower side
    pinned = spline_flow(points, source[:, None], 256, 4)[0, 0]
    assert pinned[:, 0].abs().max() < 1.5 < 6 < flow[0, 0].min()  # without layers the upper side rests, too


def test_below_the_chin_the_body_goes_with_the_shoulders():
    face = seen((0, 0, 0), 50.0, (128.0, 120.0))[0]
    body = torch.tensor([[[70.0, 235.0], [190.0, 235.0]]])
    here, there = torch.cat((face, body), 1), torch.cat((face, body * 1.05 + torch.tensor([2.0, -8.0])), 1)
    still, _, spline = Spline.through(here, 256, 4, "head").flows(there[:, None])[0, 0]
    chin = int(face[0, 8, 1])
    assert still[:, : (chin - 11) // 4].abs().max() == 0
    y, x = torch.meshgrid(*2 * [torch.arange(64) * 4 + 1.5], indexing="ij")
    moved = torch.stack((x * 0.05 + 2, y * 0.05 - 8))
    low = (chin + 12) // 4 + 1
    torch.testing.assert_close(still[:, low:], moved[:, low:], atol=1e-3, rtol=0)
    torch.testing.assert_close(spline[:, -1], moved[:, -1], atol=1.5, rtol=0)  # the spline smooths
    assert spline[:, (chin - 40) // 4, 24:40].abs().max() < 1  # within the face
    plain = Spline.through(face, 256, 4, "head").flows(face[:, None])
    assert plain.abs().max() < 1e-3
    torch.testing.assert_close(
        Spline.through(here, 256, 4, "head").flows(here[:, None]), plain, atol=1e-3, rtol=0
    )
