"""The joints of a posed body in space and in the image: forward kinematics and an orthographic camera.

A body of height 1 stands with its pelvis at the origin and faces the viewer: x to the image's right, y down,
z towards the viewer. Angles are degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
FORWARD = np.array([0.0, 0.0, 1.0])
DOWN = np.array([0.0, 1.0, 0.0])


class Pose(NamedTuple):
    """Angles in degrees; all zero stands upright with hanging arms, facing the viewer.

    turn: about the vertical, positive to the image's right. lean: forwards. sway: to the image's right.
    Arms and legs: out to the side, swing forwards, bend of elbow or knee; twist turns the forearm inwards.
    """

    turn: float = 0.0
    lean: float = 0.0
    sway: float = 0.0
    head_turn: float = 0.0
    head_nod: float = 0.0
    right_arm_out: float = 8.0
    right_arm_swing: float = 0.0
    right_arm_twist: float = 0.0
    right_arm_bend: float = 8.0
    left_arm_out: float = 8.0
    left_arm_swing: float = 0.0
    left_arm_twist: float = 0.0
    left_arm_bend: float = 8.0
    right_leg_out: float = 3.0
    right_leg_swing: float = 0.0
    right_leg_bend: float = 2.0
    left_leg_out: float = 3.0
    left_leg_swing: float = 0.0
    left_leg_bend: float = 2.0


def blend(a: Pose, b: Pose, share: float) -> Pose:
    """The pose at `share` (0 to 1) of the way from `a` to `b`."""
    return Pose(*((1 - share) * p + share * q for p, q in zip(a, b, strict=True)))


class Camera(NamedTuple):
    """elevation: degrees the camera looks down. scale: a body's height, pixels. x, y: the pelvis, pixels."""

    elevation: float
    scale: float
    x: float
    y: float

    def scaled(self, share: float) -> Camera:
        """For an image `share` times as large."""
        return Camera(self.elevation, self.scale * share, self.x * share, self.y * share)


@dataclass(frozen=True, kw_only=True)
class Build:
    """Proportions. shoulders, hips: half widths, share of the height. thickness, head: scale factors."""

    shoulders: float = 0.105
    hips: float = 0.055
    thickness: float = 1.0
    head: float = 1.0


@dataclass(frozen=True)
class Body:
    """A posed body in camera coordinates.

    joints: (18, 3). parts: by name the two ends (3,) of the part's axis and the direction (3,) of its front.
    """

    joints: Vector
    parts: dict[str, tuple[Vector, Vector, Vector]]


def stand(build: Build, pose: Pose, elevation: float) -> Body:
    """The body in `pose`, in the view of a camera that looks down by `elevation` degrees."""
    view = _about_x(-elevation)
    yaw = view @ _about_y(pose.turn)
    trunk = yaw @ _about_x(-pose.lean) @ _about_z(pose.sway)
    neck = trunk @ (-0.29 * DOWN)
    skull = trunk @ _about_y(pose.head_turn) @ _about_x(-pose.head_nod)
    head = neck + trunk @ np.array([0, -0.04, 0.008]) + skull @ np.array([0, -0.065, 0.012])
    size = build.head
    joints = np.zeros((18, 3))
    joints[0] = head + size * skull @ np.array([0, 0.012, 0.07])
    joints[1] = neck
    for joint, place in (
        (14, (-0.022, -0.012, 0.058)),
        (15, (0.022, -0.012, 0.058)),
        (16, (-0.058, 0.0, 0.0)),
        (17, (0.058, 0.0, 0.0)),
    ):
        joints[joint] = head + size * skull @ np.array(place)
    pelvis = yaw @ (0.03 * DOWN)
    parts = {
        "torso": (neck, pelvis, trunk @ FORWARD),
        "neck": (head, neck, trunk @ FORWARD),
        "head": (
            head - size * 0.085 * skull @ DOWN,
            head + size * 0.083 * skull @ DOWN,
            skull @ FORWARD,
        ),
        "hair": (
            head + size * skull @ np.array([0, -0.07, -0.02]),
            head + size * skull @ np.array([0, 0.14, -0.045]),
            skull @ FORWARD,
        ),
    }
    for side, name, shoulder, hip in ((-1, "right", 2, 8), (1, "left", 5, 11)):
        limb = {key.removeprefix(f"{name}_"): value for key, value in pose._asdict().items()}
        arm = trunk @ _about_z(-side * limb["arm_out"]) @ _about_x(limb["arm_swing"])
        arm = arm @ _about_y(-side * limb["arm_twist"])
        forearm = arm @ _about_x(limb["arm_bend"])
        joints[shoulder] = neck + trunk @ np.array([side * build.shoulders, 0.038, 0])
        joints[shoulder + 1] = joints[shoulder] + 0.165 * arm @ DOWN
        joints[shoulder + 2] = joints[shoulder + 1] + 0.145 * forearm @ DOWN
        leg = yaw @ _about_z(-side * limb["leg_out"]) @ _about_x(limb["leg_swing"])
        shin = leg @ _about_x(-limb["leg_bend"])
        joints[hip] = yaw @ np.array([side * build.hips, 0.02, 0])
        joints[hip + 1] = joints[hip] + 0.245 * leg @ DOWN
        joints[hip + 2] = joints[hip + 1] + 0.235 * shin @ DOWN
        wrist, ankle = joints[shoulder + 2], joints[hip + 2]
        sideways = side * np.array([1.0, 0, 0])
        parts |= {
            f"{name} upper arm": (joints[shoulder], joints[shoulder + 1], arm @ sideways),
            f"{name} forearm": (joints[shoulder + 1], wrist, forearm @ sideways),
            f"{name} hand": (wrist, wrist + 0.045 * forearm @ DOWN, forearm @ sideways),
            f"{name} thigh": (joints[hip], joints[hip + 1], leg @ FORWARD),
            f"{name} shin": (joints[hip + 1], ankle, shin @ FORWARD),
            f"{name} foot": (
                ankle + 0.012 * shin @ DOWN,
                ankle + shin @ np.array([0, 0.03, 0.085]),
                shin @ DOWN,
            ),
        }
    return Body(joints, parts)


def _about_x(degrees: float) -> Vector:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(degrees: float) -> Vector:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_z(degrees: float) -> Vector:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
