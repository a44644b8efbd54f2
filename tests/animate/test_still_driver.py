"""A photograph shown again and again with a sensor's noise moves nothing that one could see.

That blinks and steps survive the same smoothing is in `test_smoothing`.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import gfla.animate
import numpy as np
import pytest
from gfla.animate import Animator, Frame, VideoReader
from gfla.animate.io.image import read_image
from gfla.animate.options import AnimateOptions

ASSETS = Path(gfla.animate.__file__).parent / "assets"
MOST = 0.5
"""Levels of 255, mean difference of neighbouring frames in the face."""


@pytest.fixture(scope="module")
def animator() -> Animator:
    return Animator.from_pretrained("face-256", device="cpu", backend="torch")


@pytest.fixture(scope="module")
def people() -> tuple[np.ndarray, np.ndarray]:
    """A photograph, and a drawn head of another shape."""
    with VideoReader(ASSETS / "driver.mp4") as reader:
        drawn = next(iter(reader)).image
    return read_image(ASSETS / "astronaut.jpg")[0], drawn


def noisy(picture: np.ndarray, count: int, moving: bool = False) -> Iterator[Frame]:
    rng = np.random.default_rng(0)
    for index in range(count):
        shifted = np.roll(picture, 6 * index, axis=0) if moving else picture
        grains = shifted + rng.normal(0, 4, picture.shape)
        yield Frame(np.clip(np.rint(grains), 0, 255).astype(np.uint8), index, Fraction(1, 25))


def unrest(animator: Animator, source: np.ndarray, frames: Iterator[Frame]) -> float:
    """Mean difference of neighbouring frames in the middle of the crop."""
    state = animator.prepare(source, AnimateOptions(crop_only=True))
    made = [frame.image.astype(np.float32) for frame in animator.animate(state, frames)]
    side = made[0].shape[0]
    face = slice(side // 4, side * 3 // 4)
    return float(np.abs(np.diff([picture[face, face] for picture in made], axis=0)).mean())


@pytest.mark.slow
@pytest.mark.parametrize("of", ["another", "the same"])
def test_a_still_driver_gives_a_still_picture(animator: Animator, people, of: str):
    source, drawn = people
    driver = drawn if of == "another" else source
    assert unrest(animator, source, noisy(driver, 20)) < MOST


@pytest.mark.slow
def test_one_that_moves_does_not(animator: Animator, people):
    source, drawn = people
    assert unrest(animator, source, noisy(drawn, 4, moving=True)) > 2 * MOST
