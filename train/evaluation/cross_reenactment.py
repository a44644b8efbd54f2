"""Cross-reenactment measured: does the output keep the source's identity and follow the driver's motion?

Every source (a clip's first frame, or a portrait) is driven by clips of other people. Identity is the face
model's shape, fitted to the landmarks tracked in the output; motion is the change of pose and openings since
the reference frame: its correlation with the driver's and its gain, the range (p95 - p5) over the driver's;
a mouth that follows in time may still hardly open. Sharpness is the output's over the source's.
`--targets` measures the landmarks that the generator is given instead of its output: it takes seconds and
separates errors of the motion from errors of the generator.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from tqdm import tqdm

from ...animate import Animator, VideoReader, read_image
from ...animate.cli.options import run_command
from ...animate.face.crop import crop, face_square, to_crop
from ...animate.face.landmarks import Landmarker
from ...animate.face.morphable_model import fit, load_face_model, openings
from ...animate.motion.recording import DriverMotion, Tracked, track_driver
from ...animate.motion.retarget import follow_driver
from ...animate.options import AnimateOptions, MotionKind, MotionOptions
from ..data.clips import find_dataset
from . import metrics
from .motion_scores import COLUMNS, Follows, distance, fit_track, follows, report

KINDS: tuple[MotionKind, ...] = ("relative", "copy")
SHUT = 0.02
"""Opening of inner lips, in the face model's units, up to which a source's mouth counts as shut."""
IDENTITY_FRAMES = 300
"""Frames of a clip used for the person's shape."""
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Driver:
    name: str
    identity: str
    path: Path
    recording: DriverMotion


@dataclass(frozen=True)
class Source:
    name: str
    identity: str
    image: NDArray[np.uint8]

    def crop(self, landmarker: Landmarker) -> tuple[NDArray[np.uint8], Points]:
        """The face's square (256, 256, 3), and its landmarks (68, 2) there."""
        face = landmarker.find(self.image)[0]
        square = face_square(face, (self.image.shape[1], self.image.shape[0]))
        return crop(self.image, square), to_crop(face.points, square).astype(np.float64)

    def mouth(self, landmarker: Landmarker) -> float:
        """How far the lips are open, in the face model's units."""
        points = landmarker.find(self.image)[0].places[None].astype(np.float64)
        return float(openings(points, fit(load_face_model(), points)[1])[0, 2])


class Pair(NamedTuple):
    """What was measured of one source and one driver. away: distance of the shape seen to the source's own.
    sharpness: of the face and of all, over the source's; None without pictures. lost: no face was found in
    half of the frames."""

    source: Source
    driver: str
    away: float
    follows: Follows
    sharpness: tuple[float, float] | None
    lost: bool


def read_drivers(data: Path, landmarker: Landmarker, count: int, frames: int) -> list[Driver]:
    """The first clip of each of `count` people of split val, tracked for `frames` frames at 25 a second."""
    drivers: dict[str, Driver] = {}
    for row in _rows(data, "clip"):
        if row["identity"] not in drivers and len(drivers) < count:
            path = data / row["file"]
            with VideoReader(path, None, frames / 25) as reader:
                drivers[row["identity"]] = Driver(
                    path.stem, row["identity"], path, track_driver(landmarker, reader)
                )
    return list(drivers.values())


def read_sources(data: Path, landmarker: Landmarker, count: int) -> list[Source]:
    """First frames of clips and portraits, half and half, of `count` people of split val."""
    sources: dict[str, Source] = {}
    for kind, limit in (("clip", (count + 1) // 2), ("portrait", count)):
        for row in _rows(data, kind):
            if row["identity"] in sources or len(sources) >= limit:
                continue
            path = data / row["file"]
            if kind == "clip":
                with VideoReader(path) as reader:
                    image = next(iter(reader)).image
            else:
                image, _ = read_image(path)
            if landmarker.find(image):
                sources[row["identity"]] = Source(path.stem, row["identity"], image)
    return list(sources.values())


def target_points(animator: Animator, source: Source, driver: Driver, kind: MotionKind) -> Points:
    """The source's points as driven, frame by frame, (T, 70, 2), without the generator."""
    state = animator.prepare(source.image, AnimateOptions(motion=MotionOptions(kind), crop_only=True))
    recording = driver.recording
    if kind != "copy":
        state = animator.follow(state, recording)
        recording = state.driver or recording
    moved, motion = [], state.motion.motion
    for pts in recording.pts.tolist():
        if isinstance(seen := recording.sighting(pts).landmarks, Tracked):
            points = seen.places
            to, motion = follow_driver(points, motion, seen.signals if kind != "copy" else None)
            moved.append(to.points)
    return np.stack(moved).astype(np.float64)


class Shown(NamedTuple):
    """What is seen in generated crops.

    points: (T, 70, 2), of the frames with a face. tracked: which these are, of the driver's frames with a
    face. sharpness: of the face and of all, over the source's, medians over frames. picture: the crop at the
    driver's frame farthest from its first.
    """

    points: Points
    tracked: NDArray[np.bool_]
    sharpness: tuple[float, float]
    picture: NDArray[np.uint8]


def output_points(animator: Animator, source: Source, driver: Driver, kind: MotionKind) -> Shown:
    """The points tracked in the generated crops, and how sharp these are."""
    state = animator.prepare(source.image, AnimateOptions(motion=MotionOptions(kind), crop_only=True))
    if kind != "copy":
        state = animator.follow(state, driver.recording)
    assert driver.recording.points is not None
    away = np.abs(driver.recording.points - driver.recording.points[0]).mean((1, 2))
    own, places = source.crop(animator.networks.landmarker)
    points, tracked, sharp, last, shown = [], [], [], None, source.image
    with VideoReader(driver.path, None, len(driver.recording.pts) / 25) as reader:
        for index, frame in enumerate(animator.animate(state, reader)):
            if not driver.recording.found[index]:
                continue
            last = animator.networks.landmarker.follow(frame.image, last)
            tracked.append(last is not None)
            if last is not None:
                points.append(last.places)
                sharp.append(_sharpness(frame.image, last.points))
            if len(tracked) - 1 == int(away.argmax()):
                shown = frame.image
    ratio = np.median(sharp or [(0.0, 0.0)], axis=0) / np.maximum(_sharpness(own, places), 1.0)
    found = np.array(points, np.float64).reshape(-1, 70, 2)
    return Shown(found, np.array(tracked), (float(ratio[0]), float(ratio[1])), shown)


def evaluate(data: Path, weights: str, out: Path, count: int, frames: int, targets: bool) -> dict:
    """Measure all pairs of different people. Writes motion.json and, unless `targets`, sheet.png (a row per
    source, a column per driver, relative motion) to `out`."""
    animator = Animator.from_pretrained(weights, device="cpu", backend="torch")
    landmarker = animator.networks.landmarker
    drivers, sources = read_drivers(data, landmarker, count, frames), read_sources(data, landmarker, count)
    motions = {driver.identity: fit_track(_points(driver)).motion for driver in drivers}
    # Shapes use longer clips: of a few seconds one half may be all silence, the other all speech.
    clips = {d.identity: _points(d) for d in read_drivers(data, landmarker, count, IDENTITY_FRAMES)}
    shapes = {identity: fit_track(points).shape for identity, points in clips.items()}
    people = {source.identity: _own_shape(animator, source, shapes) for source in sources}
    apart = float(np.mean([distance(shapes[a], shapes[b]) for a, b in combinations(shapes, 2)]))
    cells: dict[tuple[str, str], NDArray[np.uint8]] = {}
    pairs: dict[MotionKind, list[Pair]] = {kind: [] for kind in KINDS}
    for kind in KINDS:
        for source, driver in tqdm([(s, d) for s in sources for d in drivers if s.identity != d.identity]):
            motion, sharp, tracked = motions[driver.identity], None, None
            if targets:
                points = target_points(animator, source, driver, kind)
            else:
                points, tracked, sharp, shown = output_points(animator, source, driver, kind)
                cells.setdefault((source.name, driver.name), shown)
            if tracked is not None and tracked.mean() < 0.5:
                # No face: counts as another person that follows nothing.
                pair = Pair(source, driver.name, apart, follows(0 * motion, motion), sharp, lost=True)
            else:
                track = fit_track(points)
                followed = follows(track.motion, motion if tracked is None else motion[tracked])
                away = distance(track.shape, people[source.identity])
                pair = Pair(source, driver.name, away, followed, sharp, lost=False)
            pairs[kind].append(pair)
    halves = [_halves(points) for points in clips.values()]
    result = {"floor": float(np.mean([distance(*pair) for pair in halves])), "between people": apart}
    result |= summary(pairs, landmarker)
    (out / "motion.json").write_text(json.dumps(result, indent=1))
    if not targets:
        _sheet(sources, drivers, cells).save(out / "sheet.png")
    return result


def summary(pairs: dict[MotionKind, list[Pair]], landmarker: Landmarker) -> dict[str, Any]:
    """Means and medians over pairs: identity of each kind, the rest of relative motion."""
    result: dict[str, Any] = {
        kind: float(np.mean([pair.away for pair in each])) for kind, each in pairs.items()
    }
    result["lost"] = {kind: sum(pair.lost for pair in each) for kind, each in pairs.items()}
    relative = pairs["relative"]
    drivers = dict.fromkeys(pair.driver for pair in relative)
    result["followed"] = {
        name: _columns(np.mean, [pair.follows.correlations for pair in relative if pair.driver == name])
        for name in drivers
    }
    result["of pairs"] = _columns(np.median, [pair.follows.correlations for pair in relative])
    result["gains"] = _columns(np.median, [pair.follows.gains for pair in relative])
    mouth = COLUMNS.index("mouth")
    shut = [
        gain
        for pair in relative
        if pair.source.mouth(landmarker) <= SHUT and (gain := pair.follows.gains[mouth]) is not None
    ]
    result["shut mouths"] = {"pairs": len(shut), "median": float(np.median(shut)) if shut else None}
    sharp = [pair.sharpness for pair in relative if pair.sharpness]
    result["sharpness"] = [float(value) for value in np.median(sharp, axis=0)] if sharp else None
    return result


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gfla.train.evaluation.cross_reenactment", description=__doc__
    )
    parser.add_argument("--data", type=Path, help="folder with index.csv (default: GFLA_DATA)")
    parser.add_argument("--out", type=Path, required=True, help="folder for motion.json and sheet.png")
    parser.add_argument("--weights", default="face-256", help="a shipped name or a weights file")
    parser.add_argument("--count", type=int, default=10, help="number of sources and of drivers")
    parser.add_argument("--frames", type=int, default=100, help="frames of each driver")
    parser.add_argument("--targets", action="store_true", help="measure landmarks, without the generator")
    options = parser.parse_args(arguments)

    def work() -> None:
        data, out = find_dataset(options.data), options.out
        out.mkdir(parents=True, exist_ok=True)
        print(report(evaluate(data, options.weights, out, options.count, options.frames, options.targets)))

    return run_command("cross_reenactment", work)


def _points(driver: Driver) -> Points:
    assert driver.recording.points is not None
    return driver.recording.points.astype(np.float64)


def _sharpness(image: NDArray[np.uint8], points: NDArray) -> tuple[float, float]:
    return metrics.sharpness(image, points), metrics.sharpness(image, metrics.whole(image))


def _halves(points: Points) -> tuple[NDArray, NDArray]:
    middle = len(points) // 2
    return fit_track(points[:middle]).shape, fit_track(points[middle:]).shape


def _own_shape(animator: Animator, source: Source, shapes: dict[str, NDArray]) -> NDArray:
    """From the source's clip if it is also a driver, else from its one picture."""
    if source.identity in shapes:
        return shapes[source.identity]
    face = animator.networks.landmarker.find(source.image)[0]
    return fit_track(face.places[None].astype(np.float64)).shape


def _columns(average: Callable[[list[float]], Any], rows: list[list[float | None]]) -> list[float | None]:
    """The average of the values that are not None, column by column."""
    known = [[value for value in column if value is not None] for column in zip(*rows, strict=True)]
    return [float(average(column)) if column else None for column in known]


def _sheet(
    sources: list[Source], drivers: list[Driver], cells: dict[tuple[str, str], NDArray[np.uint8]]
) -> PillowImage.Image:
    def small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.asarray(PillowImage.fromarray(image).resize((160, 160)))

    heads = [np.zeros((160, 160, 3), np.uint8)]
    for driver in drivers:
        away = np.abs(_points(driver) - _points(driver)[0]).mean((1, 2)).argmax()
        wanted = driver.recording.pts[driver.recording.found][away]
        with VideoReader(driver.path) as reader:
            heads.append(small(next(frame.image for frame in reader if frame.pts == wanted)))
    rows = [np.hstack(heads)]
    for source in sources:
        own = small(source.image)
        others = [cells.get((source.name, driver.name)) for driver in drivers]
        rows.append(np.hstack([own, *(own * 0 if cell is None else small(cell) for cell in others)]))
    return PillowImage.fromarray(np.vstack(rows))


def _rows(data: Path, kind: str) -> list[dict[str, str]]:
    with (data / "index.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["split"] == "val" and row["kind"] == kind]


if __name__ == "__main__":
    sys.exit(main())
