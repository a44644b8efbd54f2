"""The face model: fitting undoes drawing, angles undo rotations, lids and lips shut, people stay people."""

import numpy as np
import pytest
from gfla.animate.face.morphable_model import (
    GROUPS,
    Faces,
    angles,
    draw,
    fit,
    load_face_model,
    openings,
    own_shape,
    rotation,
    turn_by,
    turn_more,
)
from gfla.animate.ibug68 import LIDS, LIPS
from gfla.animate.motion.parameters import calibrate, lid_range, read_signals

MODEL = load_face_model()


def faces(count: int, seed: int = 0) -> Faces:
    """Faces as in talking heads, pixels of a 256 crop."""
    rng = np.random.default_rng(seed)
    expression = rng.uniform(-1, 1, (count, len(MODEL.names))) * MODEL.spread
    return Faces(
        rotation(rng.uniform(-1, 1, (count, 3)) * (25, 12, 20)),
        rng.uniform(45, 65, count),
        rng.uniform(100, 150, (count, 2)),
        expression,
    )


def person(seed: int) -> np.ndarray:
    """A shape within the model: moderate in every direction."""
    weights = np.random.default_rng(seed).uniform(-1, 1, len(MODEL.identity))
    return MODEL.mean + np.tensordot(weights, MODEL.identity, 1)


def test_the_model_is_small_and_says_what_it_holds():
    assert MODEL.mean.shape == (70, 3)
    assert MODEL.expression.shape == (len(MODEL.names), 70, 3)
    assert MODEL.limits.shape == (2, len(MODEL.names))
    parts = np.stack([MODEL.group(part) for part in GROUPS])
    assert (parts.sum(0) == 1).all(), "every direction belongs to one part"
    irises = np.abs(MODEL.expression[:, 68:]).max((1, 2)) > 0
    np.testing.assert_array_equal(irises, MODEL.group("gaze"))


def test_angles_undo_rotations_and_have_the_pictures_signs():
    degrees = np.random.default_rng(1).uniform(-1, 1, (50, 3)) * (80, 60, 170)
    np.testing.assert_allclose(angles(rotation(degrees)), degrees, atol=1e-9)
    nose = np.array([0.0, 0, -1])  # towards the camera
    assert (rotation(np.array([20.0, 0, 0])) @ nose)[0] > 0  # yaw: to the right
    assert (rotation(np.array([0, 20.0, 0])) @ nose)[1] > 0  # pitch: down
    assert (rotation(np.array([0, 0, 20.0])) @ [1, 0, 0])[1] > 0  # roll: clockwise


def test_gains_of_a_rotation():
    turn = rotation(np.array([[30.0, 10, -5]]))
    np.testing.assert_array_equal(turn_by(turn, 1), turn)
    np.testing.assert_allclose(turn_by(turn, 0), np.eye(3)[None], atol=1e-12)
    half = turn_by(turn, 0.5)
    np.testing.assert_allclose(half @ half, turn, atol=1e-9)
    np.testing.assert_allclose(turn_by(np.eye(3)[None], 0.5), np.eye(3)[None])


def test_a_fit_undoes_drawing():
    shape, shown = person(3), faces(40)
    points = draw(shape, shown, MODEL.expression)
    _, known = fit(MODEL, points, shape)
    assert np.abs(angles(known.turn) - angles(shown.turn)).max() < 1.0
    assert np.abs(draw(shape, known, MODEL.expression) - points).mean() < 0.2
    found, fitted = fit(MODEL, points)
    assert np.abs(draw(found, fitted, MODEL.expression) - points).mean() < 0.5
    assert np.median(np.abs(angles(fitted.turn) - angles(shown.turn))) < 2.0
    near = Faces(*(part[:1] for part in known))
    _, again = fit(MODEL, points[:1], shape, near)
    assert np.abs(draw(shape, again, MODEL.expression) - points[:1]).mean() < 0.2


@pytest.mark.slow
def test_the_person_is_found_whatever_it_does():
    """Two halves of a stream give nearly the same shape; two people do not."""

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.sqrt(((a - b) ** 2).sum(1).mean()))

    shapes = [
        [
            fit(MODEL, draw(person(who), faces(30, seed), MODEL.expression))[0]
            for seed in (2 * who, 2 * who + 1)
        ]
        for who in range(4)
    ]
    floor = np.mean([distance(*halves) for halves in shapes])
    between = np.mean([distance(shapes[a][0], shapes[b][0]) for a in range(4) for b in range(a)])
    assert between > 3 * floor


def test_an_own_shape_gives_back_its_points_exactly(face):
    points = face(0.9, 1.1, roll=12)
    points = np.concatenate([points, points[[36, 42]] + 5])
    shape, found = own_shape(MODEL, points)
    np.testing.assert_allclose(draw(shape, found, MODEL.expression)[0], points, atol=1e-9)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_blink_of_one_shuts_the_mean_eye_and_no_other(side: str):
    blink = MODEL.expression[MODEL.names.index(f"blink_{side}")]
    shut, own = MODEL.mean + blink, (LIDS[:2], LIDS[2:])[side == "right"]
    for up, low in LIDS:
        gap = shut[low, 1] - shut[up, 1]
        if (up, low) in own:
            assert abs(gap) < 0.002
        else:
            assert gap == pytest.approx(MODEL.mean[low, 1] - MODEL.mean[up, 1])


def test_the_mouth_opens_wide():
    wide = MODEL.mean + MODEL.expression[MODEL.names.index("mouth_open")]
    gaps = [wide[low, 1] - wide[up, 1] for up, low in LIPS]
    assert min(gaps) > 0.15


def test_openings_are_of_the_face_not_of_the_picture():
    at = Faces(
        rotation(np.array([[0.0, 0, 25]])), np.array([50.0]), np.array([[128.0, 128]]), np.zeros((1, 23))
    )
    there = openings(draw(MODEL.mean, at, MODEL.expression), at)
    twice = at._replace(scale=at.scale * 2)
    np.testing.assert_allclose(openings(draw(MODEL.mean, twice, MODEL.expression), twice), there)
    expected = np.mean([MODEL.mean[low, 1] - MODEL.mean[up, 1] for up, low in LIDS[:2]])
    assert there[0, 0] == pytest.approx(expected, rel=0.02)


def test_lids_that_a_tracker_sees_a_little_open_are_shut():
    """A driver's eyes stand at 1.1 and fall to 0.3 as our tracker reads them: from open to shut."""
    shown = faces(20)
    signals = read_signals(MODEL, MODEL.mean, shown, draw(MODEL.mean, shown, MODEL.expression))
    opening = np.full((20, 3), 1.1)
    opening[10] = 0.3
    signals = signals._replace(opening=opening)
    eyes = calibrate(signals, lid_range(opening)).opening[:, :2]
    assert (eyes[10] < 0.05).all()
    np.testing.assert_array_equal(np.delete(eyes, 10, 0), 1)
    opening[11] = 0.0  # a tracker that sees them shut is believed: 0.3 is then a slit
    eyes = calibrate(signals, lid_range(opening)).opening[:, :2]
    assert (eyes[11] < 0.05).all()
    assert (eyes[10] > 0.2).all()


def test_eyes_blink_together_and_wink_alone():
    """In frame 5 both shut, and one of them is seen to shut half as far; in frame 12 only one shuts."""
    shown = faces(20)
    signals = read_signals(MODEL, MODEL.mean, shown, draw(MODEL.mean, shown, MODEL.expression))
    opening = np.full((20, 3), 1.1)
    opening[5, :2] = 0.3, 0.75
    opening[12, 1] = 0.3
    eyes = calibrate(signals._replace(opening=opening), lid_range(opening)).opening[:, :2]
    assert eyes[5, 0] < 0.1
    reach = 0.95 - 0.25
    share = (0.95 - 0.75 / 1.1) / reach
    assert eyes[5, 1] == pytest.approx(1 - 2 * share * (reach + (1 - reach) * share), abs=1e-3)
    assert eyes[12, 0] == 1
    assert eyes[12, 1] < 0.1


def test_a_nod_alone_is_made_larger():
    own = rotation(np.array([[10.0, -5.0, 20.0]]))
    across = own[:, :, 0]
    nod = own @ rotation(np.array([[0.0, 8.0, 0.0]])) @ own.transpose(0, 2, 1)
    twice = own @ rotation(np.array([[0.0, 16.0, 0.0]])) @ own.transpose(0, 2, 1)
    np.testing.assert_allclose(turn_more(nod, across, 2.0), twice, atol=1e-9)
    shake = own @ rotation(np.array([[8.0, 0.0, 0.0]])) @ own.transpose(0, 2, 1)
    np.testing.assert_allclose(turn_more(shake, across, 2.0), shake, atol=1e-9)
