"""Typical input for a generator, from what we ship, to measure the ranges of its activations for eight bits.

Our photograph follows our driver, as it is, too dark and too bright; and drawn people talk.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..io.image import read_image
from ..video import Frame, VideoReader

_ASSETS = Path(__file__).parents[1] / "assets"
_EVERY = 8  # frames: frames in between add nothing
_PEOPLE = 4
_SECONDS = 4
_LIGHTS = (1.0, 0.5, 1.6)


def calibration_scenes() -> Iterator[tuple[np.ndarray, Iterator[Frame]]]:
    """Pairs of a portrait, (H, W, 3) uint8 RGB, and driving frames: some 125 frames in all."""
    from ..synthetic.talking_head import TalkingHead, act
    from ..synthetic.talking_head.acting import RATE

    photograph, _ = read_image(_ASSETS / "astronaut.jpg")
    for light in _LIGHTS:
        with VideoReader(_ASSETS / "driver.mp4") as driver:
            frames = (frame for index, frame in enumerate(driver) if index % _EVERY == 0)
            yield (photograph * light).clip(0, 255).astype(np.uint8), frames
    for person in range(1, 1 + _PEOPLE):
        head = TalkingHead(person)
        drawn = [head.render(pose).image for pose in act(_SECONDS, RATE, person)[::_EVERY]]
        yield drawn[0], (Frame(image, index, 1 / RATE) for index, image in enumerate(drawn))
