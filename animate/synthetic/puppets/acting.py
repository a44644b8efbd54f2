"""What puppets do: random poses and cameras for pairs, and smooth named sequences for videos."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .body import Camera, Pose, blend
from .looks import choose_look
from .paint import Drawn, draw

STAGE = Camera(4.0, 214.0, 128.0, 124.0)
"""Shows the whole figure in an image of 256 x 256."""
SEQUENCES = ("walk", "wave", "turn", "dance")


class Pair(NamedTuple):
    """One person in two poses, seen by two cameras."""

    source: Drawn
    target: Drawn


def draw_pair(seed: int, index: int, size: tuple[int, int] = (128, 128)) -> Pair:
    """Pair `index` of the endless dataset `seed`, images of `size` (height, width): a new person for every
    index, both images in the same room."""
    rng = np.random.default_rng((seed, index))
    look = choose_look(int(rng.integers(2**31)))
    near = bool(rng.random() < 0.25)
    return Pair(*(draw(look, choose_pose(rng), choose_camera(rng, size, near=near), size) for _ in range(2)))


def choose_pose(rng: np.random.Generator) -> Pose:
    """A random pose: standing, walking, gesturing or sitting without a chair; mostly facing the viewer."""
    turn = rng.choice([rng.normal(0, 28), rng.normal(180, 30), rng.uniform(-180, 180)], p=[0.6, 0.15, 0.25])
    values = {
        "turn": float(turn),
        "lean": rng.normal(2, 5),
        "sway": rng.normal(0, 4),
        "head_turn": float(np.clip(rng.normal(0, 22), -60, 60)),
        "head_nod": rng.normal(3, 8),
    }
    phase = rng.uniform(0, 2 * np.pi)
    step = rng.random() < 0.4
    for side, name in ((0, "right"), (np.pi, "left")):
        swing = 28 * np.sin(phase + side) if step else rng.normal(0, 6)
        arm = {
            "hang": (rng.uniform(3, 18), rng.normal(0, 12), 0.0, rng.uniform(3, 30)),
            "stride": (rng.uniform(4, 12), -swing, 10.0, rng.uniform(8, 50)),
            "hip": (rng.uniform(38, 52), rng.uniform(-22, -8), rng.uniform(70, 95), rng.uniform(85, 110)),
            "raise": (rng.uniform(80, 165), rng.normal(0, 15), rng.uniform(-60, 60), rng.uniform(0, 90)),
            "front": (rng.uniform(0, 25), rng.uniform(20, 80), rng.uniform(0, 70), rng.uniform(20, 115)),
        }[str(rng.choice(["hang", "stride", "hip", "raise", "front"], p=[0.28, 0.22, 0.16, 0.16, 0.18]))]
        values |= dict(zip((f"{name}_arm_{k}" for k in ("out", "swing", "twist", "bend")), arm, strict=True))
        bend = max(0.0, 32 * np.cos(phase + side)) + 4 if step else abs(rng.normal(0, 7))
        values |= {
            f"{name}_leg_out": abs(rng.normal(4, 4)),
            f"{name}_leg_swing": swing,
            f"{name}_leg_bend": bend,
        }
    if rng.random() < 0.08:
        for name in ("right", "left"):
            values |= {f"{name}_leg_swing": rng.uniform(50, 85), f"{name}_leg_bend": rng.uniform(70, 100)}
    return Pose(**{name: float(value) for name, value in values.items()})


def choose_camera(rng: np.random.Generator, size: tuple[int, int], *, near: bool) -> Camera:
    """A random camera that shows the whole figure, or its upper half if `near`."""
    height, width = size
    scale = height * (rng.uniform(1.25, 1.6) if near else rng.uniform(0.76, 0.92))
    x = width / 2 + rng.normal(0, 0.03) * height
    y = height * (rng.uniform(0.74, 0.86) if near else rng.uniform(0.47, 0.51))
    return Camera(float(np.clip(rng.normal(4, 6), -8, 22)), float(scale), float(x), float(y))


def act(name: str, frames: int = 50) -> list[Pose]:
    """The sequence `name` of `SEQUENCES` as `frames` poses that loop. ValueError for another name."""
    if name not in SEQUENCES:
        raise ValueError(f"There is no sequence {name!r}; there are {', '.join(SEQUENCES)}.")
    return [_at(name, index / frames) for index in range(frames)]


def _at(name: str, share: float) -> Pose:
    angle = 2 * np.pi * share
    if name == "turn":
        return Pose(turn=360 * share, right_arm_out=20, left_arm_out=20)
    if name == "wave":
        hand = Pose(right_arm_out=125, right_arm_twist=-90, right_arm_bend=55 + 35 * np.sin(3 * angle))
        return blend(Pose(), hand, float((1 - np.cos(angle)) / 2) ** 0.5)
    if name == "dance":
        beat, slow = np.sin(2 * angle), np.sin(angle)
        return Pose(
            turn=25 * slow,
            sway=8 * beat,
            head_turn=-15 * slow,
            right_arm_out=70 + 55 * slow,
            right_arm_bend=45 + 30 * beat,
            left_arm_out=70 - 55 * slow,
            left_arm_bend=45 - 30 * beat,
            right_leg_out=8 + 5 * beat,
            left_leg_out=8 - 5 * beat,
            right_leg_swing=18 * max(0.0, beat),
            right_leg_bend=30 * max(0.0, beat),
            left_leg_swing=18 * max(0.0, -beat),
            left_leg_bend=30 * max(0.0, -beat),
        )
    swing = 27 * np.sin(2 * angle)
    return Pose(
        turn=35.0,
        lean=3.0,
        right_arm_swing=-swing,
        left_arm_swing=swing,
        right_arm_bend=22.0,
        left_arm_bend=22.0,
        right_leg_swing=swing,
        left_leg_swing=-swing,
        right_leg_bend=4 + 34 * max(0.0, float(np.cos(2 * angle))),
        left_leg_bend=4 + 34 * max(0.0, float(-np.cos(2 * angle))),
    )
