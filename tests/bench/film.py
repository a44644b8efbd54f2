"""From file to file, by stage: the shipped driver on portraits of 256, 512 and 720p, as gfla-animate does."""

import tempfile
from pathlib import Path

import cv2
import gfla.animate
import numpy as np
import torch
from bench.timing import Row
from gfla.animate import Animator
from gfla.animate.io.image import read_image
from gfla.animate.streaming.render import RenderHooks

ASSETS = Path(gfla.animate.__file__).parent / "assets"


def measure(device: torch.device, repeats: int) -> list[Row]:
    """Milliseconds a frame: of the whole (wall), of each stage's own thread. seconds to the first frame are
    not in it; frames: how many."""
    animator = Animator.from_pretrained("face-256", device.type)
    driver = animator.record(ASSETS / "driver.mp4")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for case, (width, height) in {"256": (256, 256), "512": (512, 512), "720p": (1280, 720)}.items():
            output, hooks = Path(folder) / f"{case}.mp4", RenderHooks(driver=driver)
            result = animator.render(portrait(width, height), ASSETS / "driver.mp4", output, hooks=hooks)
            whole = result.stats.seconds / result.frames * 1e3
            rows.append(Row("film", case, "whole", whole, whole, 1.0, {"frames/s": 1e3 / whole}))
            rows += [
                Row("film", case, stage.name, ms := stage.seconds / result.frames * 1e3, ms, ms / whole)
                for stage in result.stats.stages
            ]
    return rows


def portrait(width: int, height: int) -> np.ndarray:
    """The shipped portrait, (height, width, 3) uint8, what it lacks at the sides repeated from its border."""
    image, _ = read_image(ASSETS / "astronaut.jpg")
    square = cv2.resize(image, (height, height), interpolation=cv2.INTER_AREA)
    left = (width - height) // 2
    return cv2.copyMakeBorder(square, 0, 0, left, width - height - left, cv2.BORDER_REPLICATE)
