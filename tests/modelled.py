"""Points of made-up persons of the face model, for the tests of motion."""

import numpy as np
from gfla.animate.face.morphable_model import Faces, draw, load_face_model, rotation
from gfla.animate.motion.person import fit_source
from gfla.animate.motion.retarget import MotionState, follow_driver
from gfla.animate.options import MotionOptions

MODEL = load_face_model()
PLAIN = MotionOptions(smoothing=0)


def person(seed: int) -> np.ndarray:
    weights = np.random.default_rng(seed).uniform(-1.2, 1.2, len(MODEL.identity))
    return MODEL.mean + np.tensordot(weights, MODEL.identity, 1)


def shown(
    shape: np.ndarray, yaw=0.0, pitch=0.0, roll=0.0, scale=52.0, at=(128, 140), **expression
) -> np.ndarray:
    """The points (70, 2) of a person in that pose and expression, in a 256 crop."""
    values = np.zeros((1, len(MODEL.names)))
    for name, value in expression.items():
        values[0, MODEL.names.index(name)] = value
    faces = Faces(rotation(np.array([[yaw, pitch, roll]])), np.array([scale]), np.array([at], float), values)
    return draw(shape, faces, MODEL.expression)[0].astype(np.float32)


def run(source, *driving, options=PLAIN, state=None):
    """The targets of a stream."""
    state = state or MotionState(fit_source(source), options)
    targets = []
    for points in driving:
        moved, state = follow_driver(points, state)
        targets.append(moved.points)
    return targets, state


SOURCE, DRIVER = shown(person(1), 8, 3, 5, scale=48, at=(120, 150)), person(2)
