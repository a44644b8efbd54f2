"""Heads that roll over: no further than a portrait can show, and with every part of the face in its place."""

import math

import numpy as np
import pytest
from gfla.animate.face.morphable_model import fit
from gfla.animate.motion.limits import _STEADY, _similarity
from gfla.animate.motion.person import fit_source
from gfla.animate.motion.retarget import MotionState
from gfla.animate.options import MotionKind, MotionOptions
from modelled import DRIVER, MODEL, PLAIN, person, run, shown


@pytest.mark.parametrize("kind", ["relative", "absolute", "copy"])
@pytest.mark.parametrize("own", [0, 30, -25])
@pytest.mark.parametrize("way", [1, -1])
def test_a_head_that_rolls_over_keeps_the_face_whole(kind: MotionKind, own: float, way: int):
    """From upright to upside down: the face's shape stays the portrait's, and it rolls no further from it
    than the generator can draw."""
    source = shown(person(1), roll=own)
    rolls = range(0, 180, 12)
    driving = [shown(DRIVER if kind != "copy" else person(1), roll=way * roll) for roll in rolls]
    targets, state = run(source, *driving, options=MotionOptions(kind, smoothing=0))
    assert state.beyond == ("the turn of the head",)
    for target in targets:
        turn = _similarity(source.astype(float), target.astype(float))
        rolled = np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))
        assert abs(rolled) < 43
        at_rest = (source - source.mean(0)) @ turn.T + target.mean(0)
        assert np.abs(target - at_rest).max() < 0.02 * np.ptp(source, axis=0).max()


@pytest.mark.parametrize("most", [42.0, 32.0])
@pytest.mark.parametrize("roll", [65, 70, 75, 80, 87, -70, -87])
def test_a_mouth_is_in_its_place_however_far_the_head_rolls(roll: int, most: float):
    """In the face's own frame, as when the driver says the same upright; the head goes aside as it rolls."""
    acts = [{}, {"yaw": 9}, {"pitch": -8, "mouth_open": 0.5}, {"yaw": -6, "pitch": 5, "smile": 0.6}]
    source, mouth = shown(person(1), 4, 2, 3).astype(float), slice(48, 68)
    seen = []
    for angle, aside in ((0, 0), (roll, 14)):
        first = shown(DRIVER)
        driving = [shown(DRIVER, roll=angle, at=(128 + aside, 140), **act) for act in acts]
        state = MotionState(fit_source(source), PLAIN, roll=most)
        targets, state = run(source, first, *driving, state=state)
        turns = [_similarity(source[_STEADY], target[_STEADY].astype(float)) for target in targets]
        frames = [
            (target - target[_STEADY].mean(0)) @ np.linalg.inv(turn).T
            for target, turn in zip(targets, turns, strict=True)
        ]
        seen.append([frame[mouth] for frame in frames[1:]])
        rolled = [np.degrees(np.arctan2(turn[1, 0], turn[0, 0])) for turn in turns[1:]]
    assert rolled == pytest.approx([math.copysign(most, roll)] * len(acts), abs=4)
    for upright, over in zip(*seen, strict=True):
        np.testing.assert_allclose(over, upright, atol=0.4)
    assert state.beyond == ("the turn of the head",)


def test_a_head_held_back_in_its_roll_is_held_back_as_much_on_its_way():
    source = shown(person(1))
    ways = []
    for roll in (0, 84):
        driving = shown(DRIVER, roll=roll, at=(140, 136))
        targets, _ = run(source, shown(DRIVER), driving)
        ways.append(fit(MODEL, targets[1][None].astype(float))[1].shift[0] - fit_source(source).face.shift[0])
    assert ways[1] == pytest.approx(ways[0] * 42 / 84, abs=1)
