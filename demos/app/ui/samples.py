"""Samples to try: the shipped portraits, driver and motions, and drawn people who do not exist."""

import shutil
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from gfla.animate import InputError
from gfla.animate.io.image import read_image, write_image
from gfla.animate.motion.presets import SHIPPED
from gfla.animate.synthetic.talking_head import Pose, TalkingHead
from gfla.animate.video import VideoReader
from gfla.demos.app.ui.images import Image, data_url, shrink

_PEOPLE = {"Eileen": "astronaut.jpg", "Grace": "hopper.jpg"}
_DRAWN = {"Mara": 15, "Theo": 3, "Ida": 14}
_MOTION_PERSON = 6
_PEAKS = {
    "blink": Pose(blink=1),
    "nod": Pose(pitch=12, y=6),
    "shake": Pose(yaw=20, x=4),
    "smile": Pose(smile=1, brows=0.3),
    "talk": Pose(mouth=0.75, brows=0.3, yaw=-4),
    "look-around": Pose(gaze_x=-0.9, yaw=-10),
}
_THUMB = 144  # pixels
SHOWCASE = Path(__file__).parent / "showcase"
"""Folder of finished results, made with the shipped weights."""
_SHOWN = (
    ("Eileen", "A speech", "eileen.mp4"),
    ("Grace", "talk", "grace.mp4"),
    ("Theo", "smile", "theo.mp4"),
    ("Ida", "look-around", "ida.mp4"),
)


@dataclass(frozen=True)
class Sample:
    """One sample. name: shown and used as its key. file: None for a motion. thumb: an <img>'s src."""

    name: str
    file: Path | None
    thumb: str


@dataclass(frozen=True)
class Samples:
    """All samples; `drivers` are the videos, then the motions. showcase: finished results: portrait, driver,
    file in SHOWCASE."""

    portraits: tuple[Sample, ...]
    drivers: tuple[Sample, ...]
    showcase: tuple[tuple[str, str, str], ...] = _SHOWN

    def portrait(self, name: str) -> Sample:
        """The portrait of that name; InputError if there is none."""
        return _named(self.portraits, name)

    def driver(self, name: str) -> Sample:
        """The driver of that name; InputError if there is none."""
        return _named(self.drivers, name)


def make_samples(folder: Path) -> Samples:
    """Write the files into `folder` and draw the thumbnails."""
    folder.mkdir(parents=True, exist_ok=True)
    assets = files("gfla.animate") / "assets"
    for name in (*_PEOPLE.values(), "driver.mp4"):
        with as_file(assets / name) as path:
            shutil.copy(path, folder / name)
    portraits = [_portrait(name, folder / file) for name, file in _PEOPLE.items()]
    for name, seed in _DRAWN.items():
        path = folder / f"{name.lower()}.png"
        image = _draw(seed)
        write_image(image, path)
        portraits.append(Sample(name, path, _thumb(image)))
    with VideoReader(folder / "driver.mp4") as reader:
        first = next(iter(reader)).image
    return Samples(
        tuple(portraits),
        (
            Sample("A speech", folder / "driver.mp4", _thumb(first)),
            *(Sample(name, None, _thumb(_draw(_MOTION_PERSON, name))) for name in SHIPPED),
        ),
    )


def _named(samples: tuple[Sample, ...], name: str) -> Sample:
    for sample in samples:
        if sample.name == name:
            return sample
    raise InputError(name, "there is no such sample")


@cache
def _person(seed: int) -> TalkingHead:
    return TalkingHead(seed)


@cache
def _draw(seed: int, motion: str = "") -> Image:
    """A drawn person at rest or at the peak of a motion; cached, as drawing takes a tenth of a second."""
    return _person(seed).render(_PEAKS.get(motion, Pose())).image


def _portrait(name: str, path: Path) -> Sample:
    return Sample(name, path, _thumb(read_image(path)[0]))


def _thumb(image: Image) -> str:
    return data_url(shrink(image, _THUMB), 80)
