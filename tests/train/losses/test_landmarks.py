"""The tracker as a judge in training: nothing for the truth, most for lids and lips that stay behind."""

import numpy as np
import pytest
import torch
from gfla.animate.face.pose import crop_matrix, face_pose
from gfla.animate.synthetic.talking_head import Pose, TalkingHead
from gfla.models.tracker import load_tracker
from gfla.train.losses.landmarks import LandmarkJudge
from torch import Tensor

HEAD = TalkingHead(1)


@pytest.fixture(scope="module")
def judge() -> LandmarkJudge:
    return LandmarkJudge()


def drawn(pose: Pose, size: int = 256) -> tuple[Tensor, Tensor]:
    """The head's picture (1, 3, S, S) in [-1, 1] and its points (1, 68, 2)."""
    made = HEAD.render(pose)
    image = torch.from_numpy(made.image).permute(2, 0, 1)[None].float() / 127.5 - 1
    image = torch.nn.functional.interpolate(image, size=(size, size), mode="area")
    return image, torch.from_numpy((made.points + 0.5) * (size / 256) - 0.5)[None]


def test_the_truth_costs_nothing_and_a_shut_mouth_more_than_another_brightness(judge: LandmarkJudge):
    truth, points = drawn(Pose(mouth=1.0))
    assert judge(truth, truth, points).item() == 0
    shut, dark = judge(drawn(Pose())[0], truth, points), judge(truth - 0.1, truth, points)
    assert shut > 10 * dark > 0


@pytest.mark.parametrize("size", [128, 256, 512])
def test_it_sees_the_face_where_it_is_whatever_the_size(judge: LandmarkJudge, size: int):
    image, points = drawn(Pose(yaw=8, roll=15), size)
    there = torch.from_numpy(crop_matrix(face_pose(points[0].numpy()), judge.side))
    seen = judge._align(image, there[None])[0, :68].double()
    back = torch.linalg.solve(there[:, :2], (seen - there[:, 2]).T).T
    assert (back - points[0]).abs().mean() < 0.02 * size


@pytest.mark.slow
def test_gradients_go_to_where_the_picture_is_wrong_and_not_to_the_tracker(judge: LandmarkJudge):
    def force_on_eyes(wrong: Pose) -> float:
        truth, points = drawn(wrong)
        image = drawn(Pose())[0].requires_grad_()
        judge(image, truth, points).backward()
        assert image.grad is not None
        force, middle = image.grad.abs().sum((0, 1)), int(points[0, 36:48, 1].mean())
        return float(force[middle - 20 : middle + 20].sum() / force.sum())

    assert force_on_eyes(Pose(blink=1.0)) > 1.5 * force_on_eyes(Pose(mouth=1.0))
    assert all(parameter.grad is None for parameter in judge.parameters())


def test_it_judges_with_the_shipped_weights(judge: LandmarkJudge):
    shipped = load_tracker().aligner.state_dict()
    for name, value in judge.aligner.state_dict().items():
        assert np.array_equal(value, shipped[name])
