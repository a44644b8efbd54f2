"""Pictures such as a generator will have to make, from what ships with us, to measure the ranges it works in.

Our photograph follows our driver, once as it is and once too bright and too dark, and drawn people talk.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...models import Generator
from ..io.image import read_image
from ..synthetic.talking_head import TalkingHead, act
from ..synthetic.talking_head.acting import RATE
from ..video import Frame, VideoReader

_ASSETS = Path(__file__).parents[1] / "assets"
_EVERY = 8  # frames: neighbours tell nothing new
_PEOPLE = 4
_SECONDS = 4
_LIGHTS = (1.0, 0.5, 1.6)


def rehearse(generator: Generator) -> None:
    """Some 125 frames by `generator`, on the CPU."""
    from ..animator import Animator
    from ..face.landmarkers import load_landmarker

    animator = Animator(generator, load_landmarker("builtin"))
    for source, frames in _scenes():
        for _ in animator.animate(source, frames):
            pass


def _scenes() -> Iterator[tuple[np.ndarray, Iterator[Frame]]]:
    photograph, _ = read_image(_ASSETS / "astronaut.jpg")
    for light in _LIGHTS:
        with VideoReader(_ASSETS / "driver.mp4") as driver:
            frames = (frame for index, frame in enumerate(driver) if index % _EVERY == 0)
            yield (photograph * light).clip(0, 255).astype(np.uint8), frames
    for person in range(1, 1 + _PEOPLE):
        head = TalkingHead(person)
        drawn = [head.render(pose).image for pose in act(_SECONDS, RATE, person)[::_EVERY]]
        yield drawn[0], (Frame(image, index, 1 / RATE) for index, image in enumerate(drawn))
