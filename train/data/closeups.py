"""Close-ups of mouths and eyes from clips of faces, as training sees them: drawn most often from what is
hardest.

Half of the samples are mouths, half eyes (see `animate.closeups`). Of a mouth most go from shut lips to open
ones or back, of an eye from open to shut or back; frames that show such extremes are rare and drawn often.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ...animate.compositing.closeups import PARTS, Part, closeup_matrix, into_square, read_square
from ...animate.errors import InputError
from ...animate.ibug68 import MIRROR
from ...animate.structure import EDGE_CHANNEL
from ...models import AttentionFlow, Generator, GeneratorConfig, new_generator
from ..config import Augmentation
from .clips import Batch, Clip, Sample, collate
from .drawing import Broken, check_length, draw
from .flow_teacher import maybe, teach_flow
from .index import Clips

Floats = NDArray[np.float64]

_SHUT_LIPS, _OPEN_LIPS = 0.025, 0.09  # between inner lips, in the face's measure: below, above
_SHUT_LIDS, _OPEN_LIDS = 0.35, 0.75  # of the clip's own wide-open eye
_LIPS = ([61, 62, 63], [67, 66, 65])
_LIDS = {"right": ([37, 38], [41, 40]), "left": ([43, 44], [47, 46])}


@dataclass(frozen=True)
class _Scene:
    """A clip and what its frames do: places (T, 70, 2), gaps (T,) by part, looks (T,) by eye: the iris from
    corner to corner; moving as `Clip.moving`."""

    clip: Clip
    places: NDArray[np.float32]
    gaps: dict[Part, Floats]
    looks: dict[Part, Floats]

    @classmethod
    def of(cls, clip: Clip) -> _Scene:
        places = np.concatenate((clip.points, clip.irises), axis=1)
        points = places.astype(np.float64)
        right, left = points[:, [36, 39]].mean(1), points[:, [42, 45]].mean(1)
        across, down = left - right, points[:, 33] - (left + right) / 2
        measure = np.sqrt((across**2 + down**2).sum(1))

        def gap(pairs: tuple[list[int], list[int]]) -> Floats:
            return np.linalg.norm(points[:, pairs[1]] - points[:, pairs[0]], axis=2).mean(1) / measure

        gaps = {"mouth": gap(_LIPS)}
        looks = {}
        for part, iris, corners in (("right", 68, (36, 39)), ("left", 69, (42, 45))):
            lids = gap(_LIDS[part])
            gaps[part] = lids / max(float(np.percentile(lids, 90)), 1e-3)
            along = points[:, corners[1]] - points[:, corners[0]]
            away = points[:, iris] - points[:, corners[0]]
            looks[part] = (away * along).sum(1) / np.maximum((along * along).sum(1), 1)
        return cls(clip, places, gaps, looks)  # type: ignore[arg-type]


class CloseupSampler:
    """An endless, seeded stream of batches, as `data.Sampler`; `points` are (B, 1 + T, 70, 2) in squares."""

    in_order = False

    def __init__(
        self,
        clips: Clips,
        batch: int,
        length: int,
        size: int,
        seed: int,
        *,
        rank: int = 0,
        extra: Augmentation | None = None,
    ):
        self.batch, self.length, self.size, self.seed, self.rank = batch, length, size, seed, rank
        self.extra = extra or Augmentation()
        self.clips = clips
        self.people = clips.people(length)
        self.left_out = Broken()
        if not self.people:
            raise InputError("the clips", f"none has more than {length} moving frames", "give longer ones")

    def __call__(self, number: int) -> Batch:
        first = self.rank * self.batch
        seeds = ((self.seed, number, first + i) for i in range(self.batch))
        return collate([draw(self._sample, np.random.default_rng(seed), self.left_out) for seed in seeds])

    def _sample(self, rng: np.random.Generator) -> Sample:
        clips = self.people[rng.integers(len(self.people))]
        weights = np.sqrt(self.clips.counts[clips])
        clip = self.clips[int(clips[rng.choice(len(clips), p=weights / weights.sum())])]
        check_length(clip, self.length)
        scene = _Scene.of(clip)
        part = PARTS[rng.choice(3, p=(0.5, 0.25, 0.25))]
        source, target = self._frames(scene, part, rng)
        moving = scene.clip.moving
        step = int(rng.integers(1, 3)) * int(rng.choice((-1, 1)))
        order = np.clip(target + step * np.arange(self.length), 0, len(moving) - 1)
        frames = moving[[source, *order]]
        images, points = self._squares(scene, frames, part, rng)
        flow, weight, fine = teach_flow(images, points, task="closeup")
        return images, points, 0, flow, weight, maybe(fine, self.extra.fine, rng)

    def _frames(self, scene: _Scene, part: Part, rng: np.random.Generator) -> tuple[int, int]:
        """Numbers among the moving frames: the source's and the (first) target's."""
        moving = scene.clip.moving
        gaps = scene.gaps[part][moving]
        shut, wide = (_SHUT_LIPS, _OPEN_LIPS) if part == "mouth" else (_SHUT_LIDS, _OPEN_LIDS)
        closed, opened = np.flatnonzero(gaps < shut), np.flatnonzero(gaps > wide)
        if not len(closed):
            closed = np.argsort(gaps)[: max(len(gaps) // 20, 1)]
        if not len(opened):
            opened = np.argsort(gaps)[-max(len(gaps) // 20, 1) :]

        def wide_one() -> int:  # the widest of two: wide ones are rarer the wider
            return int(max(rng.choice(opened, 2 if part == "mouth" else 1), key=lambda i: gaps[i]))

        def any_one() -> int:
            return int(rng.integers(len(moving)))

        def small_one() -> int:  # openings in all sizes alike, also those that speech runs through
            wanted = rng.uniform(gaps.min(), gaps.max())
            return int(min(rng.integers(len(gaps), size=24), key=lambda i: abs(gaps[i] - wanted)))

        if rng.random() < 0.12:  # hardly anything changes: the picture is to stay as sharp as it is
            target = small_one()
            return int(np.clip(target + rng.integers(-3, 4), 0, len(moving) - 1)), target
        dice = rng.random()
        opening = (0.4, 0.55, 0.8) if part == "mouth" else (0.25, 0.55, 0.75)
        if dice < opening[0]:
            return int(rng.choice(closed)), wide_one() if rng.random() < 0.6 else small_one()
        if dice < opening[1]:
            return wide_one(), int(rng.choice(closed)) if rng.random() < 0.7 else small_one()
        if dice < opening[2] or part == "mouth":
            return any_one(), small_one()
        looks, source = scene.looks[part][moving], any_one()
        return source, int(
            max(rng.integers(len(moving), size=4), key=lambda i: abs(looks[i] - looks[source]))
        )

    def _squares(
        self, scene: _Scene, frames: NDArray, part: Part, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The squares (1 + T, S, S, 3) with their points (1 + T, 70, 2): slightly misplaced, as by a
        tracker's points, some wider, mirrored, or with other colours, light and shapes."""
        size, mirrored = self.size, part == "mouth" and rng.random() < 0.5
        images, points = [], []
        noise, bent = rng.uniform(0, 0.5), _bent(rng, size)
        if (
            rng.random() < 0.4
        ):  # an eye of a clip is drawn larger than it was seen: show some as sharp as seen
            bent = _scaled(rng.uniform(0.8 if part == "mouth" else 0.65, 1), size) @ bent
        slips = np.repeat((_slip(rng, size) @ bent, _slip(rng, size) @ bent), (1, len(frames) - 1), axis=0)
        for frame, slip in zip(frames, slips, strict=True):
            places = scene.places[frame]
            matrix = slip @ np.concatenate((closeup_matrix(places, part, size), [[0, 0, 1]]))
            square, seen = (
                read_square(scene.clip.frames[frame], matrix[:2], size),
                into_square(places, matrix[:2], part),
            )
            if mirrored:
                square, seen = square[:, ::-1], _mirror(seen, size)
            images.append(square)
            points.append(seen + rng.normal(0, noise, seen.shape))
        pictures = np.stack(images)
        if rng.random() < 0.25:
            sigma = rng.uniform(0.3, 1.0)
            pictures = np.stack([cv2.GaussianBlur(picture, (0, 0), sigma) for picture in pictures])
        if rng.random() < 0.5:
            pictures = _lit(pictures, rng)
        gain, shift = rng.uniform(0.85, 1.15, 3) * rng.uniform(0.75, 1.2), rng.uniform(-20, 20)
        table = np.clip(np.arange(256)[:, None] * gain + shift, 0, 255).astype(np.uint8)
        pictures = np.stack([cv2.LUT(picture, table[None]) for picture in pictures])
        return pictures.astype(np.uint8), np.stack(points).astype(np.float32)


def looked_closer(face: Generator | AttentionFlow, config: GeneratorConfig) -> Generator | AttentionFlow:
    """The generator of close-ups that does what that of `face` does: the same widths, and zero weights for
    channels that only a map of close-ups has. ValueError if it has other widths."""
    closer = new_generator(config)
    names = ("task", "size", "structure_channels", "previous", "layered")
    own = {name: getattr(config, name) for name in names}
    if replace(face.config, **own) != config or config.previous > face.config.previous:
        raise ValueError(f"These weights are of another configuration: {face.config}.")
    tensors = face.state_dict()
    fitted = {}
    for name, value in closer.state_dict().items():  # what previous frames and layers need comes last
        fitted[name] = tensors[name][tuple(slice(0, side) for side in value.shape)]
    name = "structure_encoder.enter.weight"
    fitted[name] = closer.state_dict()[name].zero_()
    fitted[name][:, :EDGE_CHANNEL] = tensors[name][:, :EDGE_CHANNEL]
    closer.load_state_dict(fitted)
    return closer


def _bent(rng: np.random.Generator, size: int) -> Floats:
    """(3, 3): a face of other proportions, about the square's middle."""
    wide, high = np.exp(rng.uniform(-0.08, 0.08, 2))
    bent = np.array([[wide, rng.uniform(-0.05, 0.05), 0], [0, high, 0], [0, 0, 1]])
    return _about_middle(bent, size)


def _scaled(scale: float, size: int) -> Floats:
    return _about_middle(np.diag((scale, scale, 1.0)), size)


def _about_middle(matrix: Floats, size: int) -> Floats:
    middle = np.array([(size - 1) / 2] * 2)
    matrix[:2, 2] = middle - matrix[:2, :2] @ middle
    return matrix


def _lit(pictures: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Brighter towards one side."""
    steps = np.linspace(-1, 1, pictures.shape[1])
    along = rng.uniform(-0.3, 0.3, 2)
    light = 1 + along[0] * steps[None, :] + along[1] * steps[:, None]
    return (pictures * light[..., None]).clip(0, 255).astype(np.uint8)


def _slip(rng: np.random.Generator, size: int) -> Floats:
    """(3, 3): a small similarity about the square's middle."""
    middle = (size - 1) / 2
    turn = cv2.getRotationMatrix2D(
        (middle, middle), rng.uniform(-5, 5), float(np.exp(rng.uniform(-0.08, 0.08)))
    )
    turn[:, 2] += rng.normal(0, 0.015, 2) * size
    return np.concatenate((turn, [[0, 0, 1]]))


def _mirror(points: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    return points[MIRROR] * np.array([-1, 1], np.float32) + np.array([size - 1, 0], np.float32)
