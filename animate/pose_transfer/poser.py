"""One picture in many poses: a person by joints or an object by views, drawn by one generator.

Unlike in `animator` the poses are given: encode the picture once, draw each pose, write. State is a value.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...models import (
    AnyGenerator,
    GeneratorMemory,
    OriginalConfig,
    OriginalReference,
    Reference,
    load_generator,
)
from ...models.config import Task
from ..authors.guidance import original_structure
from ..authors.skeletons import coco17, human36m
from ..compute.devices import choose_device, fast_arithmetic, fast_precision
from ..errors import InputError, Stopped, Warn, ignore
from ..streaming.pipeline import Stage, Stream
from ..streaming.provenance import tag
from ..structure import pose_structure
from ..video import Encoding, Frame, VideoWriter

Image = NDArray[np.uint8]
Points = NDArray[np.float32]


class Fit(NamedTuple):
    """Where a picture is placed in the network's input: scaled by `scale`, across by `stretch` times that, in
    the rectangle `inner`, (top, bottom, left, right) pixels."""

    scale: float
    inner: tuple[int, int, int, int]
    stretch: float = 1.0

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of that rectangle, not stretched."""
        top, bottom, left, right = self.inner
        return round((right - left) / self.stretch), bottom - top


@dataclass(frozen=True, eq=False)
class PoseState:
    """What one pose leaves to the next.

    reference: the encoded picture. points: (N, 2) of the last pose, in the network's pixels or degrees; an
    unknown pose (all NaN) repeats it.
    """

    reference: Reference | OriginalReference
    fit: Fit
    points: Points
    memory: GeneratorMemory = field(default_factory=GeneratorMemory)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the output pictures."""
        return self.fit.size


class Poser:
    """Draws a source picture in given poses with one generator; keeps no state between poses."""

    def __init__(self, generator: AnyGenerator, *, device: str | torch.device = "cpu", name: str = ""):
        self.device = torch.device(device)
        self.generator = generator.to(self.device).eval()
        self.task: Task = generator.config.task
        self.original = generator.config if isinstance(generator.config, OriginalConfig) else None
        self.name, self.precision = name, fast_precision(self.device)

    @property
    def dances(self) -> bool:
        """Whether it is the authors' dance network, whose skeletons have 17 joints."""
        return self.original is not None and self.original.network == "dance"

    @classmethod
    def from_pretrained(cls, name: str | Path, task: Task, device: str = "auto") -> Self:
        """Load weights for `task` by shipped name or path. InputError if they cannot be loaded or are for
        another task."""
        chosen, _ = choose_device(device)
        try:
            generator = load_generator(name, chosen, task)
        except (FileNotFoundError, ValueError) as error:
            raise InputError(error) from None
        return cls(generator, device=chosen, name=str(name))

    def prepare(self, image: Image, points: Points) -> PoseState:
        """The state before the first pose. image: (h, w, 3) uint8 RGB. points: the person's joints in it,
        (18, 2) pixels, or the view of the object, (1, 2) degrees."""
        shown = self.original.shown if self.original else None
        height, width = self.generator.config.shape
        fit = fit_picture(image.shape[:2], (height, width), shown)
        method = cv2.INTER_AREA if fit.scale < 1 else cv2.INTER_LINEAR
        top, bottom, left, right = fit.inner
        scaled = cv2.resize(image, (right - left, bottom - top), interpolation=method)
        edges = (top, height - bottom, left, width - right)
        how = cv2.BORDER_CONSTANT if shown else cv2.BORDER_REPLICATE
        picture = cv2.copyMakeBorder(scaled, *edges, how, value=(255, 255, 255))
        points = self._fitted(points, fit)
        with self._fast():
            pixels = torch.from_numpy(picture).to(self.device).permute(2, 0, 1)[None].float() / 127.5 - 1
            places = self._tensor(coco17(points) if self.dances else points)
            structure = self._structure(places, source=True)
            reference = self.generator.encode_reference(pixels, structure, places)
        return PoseState(reference, fit, human36m(points) if self.dances else points)

    def step(self, points: Points, state: PoseState) -> tuple[Image, PoseState]:
        """The source in the pose `points`, given in the source picture's pixels, and the next state. For the
        dance network a pose may be (17, 2) joints of Human3.6M too, as `dance.clean_poses` gives them."""
        if self.dances and len(points) == 18:
            points = human36m(points)
        fitted = self._fitted(points, state.fit)
        if np.isnan(fitted).all():
            fitted = state.points
        with self._fast():
            places = self._tensor(fitted)
            structure = self._structure(places)
            images, memory, _ = self.generator(
                structure[:, None],
                places[:, None],
                state.reference,
                state.memory,
            )
            drawn = (images[0, 0].float().clamp(-1, 1) * 127.5 + 127.5).round().byte()
        top, bottom, left, right = state.fit.inner
        image = drawn[:, top:bottom, left:right].permute(1, 2, 0).contiguous().cpu().numpy()
        if state.fit.stretch != 1:
            image = cv2.resize(image, state.size, interpolation=cv2.INTER_AREA)
        return image, replace(state, points=fitted, memory=memory)

    def animate(self, state: PoseState, poses: Iterable[Points]) -> Iterator[Image]:
        """One image a pose, in order, as they come."""
        for points in poses:
            image, state = self.step(points, state)
            yield image

    def render(
        self,
        state: PoseState,
        poses: Iterable[Points],
        output: str | os.PathLike,
        *,
        rate: Fraction = Fraction(25),
        overwrite: bool = False,
        expected: int | None = None,
        progress: Callable[[int, int | None], None] | None = None,
        warn: Warn = ignore,
    ) -> Path:
        """Write a video of `poses`, `rate` a second; drawing and encoding run on their own threads.

        Returns its path. expected: the number of poses, if known. InputError for a bad output, with no file
        left. Ctrl-C ends the video there and raises Stopped.
        """
        with VideoWriter(
            output,
            state.size,
            rate,
            1 / rate,
            encoding=Encoding(comment=tag(self.name)),
            overwrite=overwrite,
            warn=warn,
        ) as writer:
            last, done = state, 0

            def draw(numbered: tuple[int, Points]) -> Frame:
                nonlocal last
                index, points = numbered
                image, last = self.step(points, last)
                return Frame(image, index, 1 / rate)

            def encode(frame: Frame) -> Frame:
                writer.write(frame)
                return frame

            def count(_: Frame) -> None:
                nonlocal done
                done += 1
                if progress:
                    progress(done, expected)

            stages = [Stage("draw", draw), Stage("encode", encode)]
            with Stream(enumerate(poses), stages, first="pose", describe=_name) as stream:
                interrupted = stream.run(count)
        if interrupted:
            raise Stopped(f"Stopped after {done} frames; {output} holds what was done until then.")
        return writer.path

    def _fitted(self, points: Points, fit: Fit) -> Points:
        if self.task != "person":
            return points.astype(np.float32)
        top, _, left, _ = fit.inner
        scale, half = (fit.scale * fit.stretch, fit.scale), 0.5  # pixel centres are at integers
        if self.original:  # the authors scaled their numbers as they were
            half = 0.0
        return ((points + half) * scale - half + (left, top)).astype(np.float32)

    def _structure(self, points: Tensor, *, source: bool = False) -> Tensor:
        with torch.autocast(self.device.type, enabled=False):
            if self.original:
                return original_structure(self.original, points, source=source)
            return pose_structure(self.task, points, self.generator.config.shape)

    def _tensor(self, points: Points) -> Tensor:
        return torch.from_numpy(points).to(self.device)[None]

    @contextmanager
    def _fast(self) -> Iterator[None]:
        with torch.inference_mode(), fast_arithmetic(self.device):
            yield


def fit_picture(size: tuple[int, ...], shape: tuple[int, int], shown: tuple[int, int] | None = None) -> Fit:
    """The largest undistorted placement of a picture of `size` (height, width), centred in `shape`; or in a
    picture of `shown`, which is then stretched across to `shape`.

    >>> fit_picture((100, 50), (64, 64))
    Fit(scale=0.64, inner=(0, 64, 16, 48), stretch=1.0)
    >>> fit_picture((128, 88), (256, 256), (256, 176)).inner
    (0, 256, 0, 256)
    """
    stretch = 1.0 if shown is None else shape[1] * shown[0] / (shape[0] * shown[1])
    scale = min(shape[0] / size[0], shape[1] / (size[1] * stretch))
    height, width = round(size[0] * scale), round(size[1] * scale * stretch)
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    return Fit(scale, (top, top + height, left, left + width), stretch)


def follow_person(poses: list[Points], own: Points) -> list[Points]:
    """`poses`, (18, 2) each, of another person, moved and scaled so that the first known trunk has the place
    and length of that in `own` (18, 2). InputError if either shows no neck and hips."""
    first = next((pose for pose in poses if not np.isnan(_trunk(pose)).any()), None)
    if first is None or np.isnan(_trunk(own)).any():
        raise InputError("to fit poses to the source both must show neck and hips", remedy="pass --as-is")
    (neck, hips), (own_neck, own_hips) = _trunk(first), _trunk(own)
    scale = float(np.linalg.norm(own_hips - own_neck) / max(float(np.linalg.norm(hips - neck)), 1e-3))
    return [((pose - hips) * scale + own_hips).astype(np.float32) for pose in poses]


def _trunk(pose: Points) -> NDArray[Any]:
    return np.stack([pose[1], (pose[8] + pose[11]) / 2])


def _name(item: object) -> str:
    return f"pose {item[0]}" if isinstance(item, tuple) else repr(item)
