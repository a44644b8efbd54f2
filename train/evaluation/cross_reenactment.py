"""Cross-reenactment measured: does the output keep the source's identity and follow the driver's motion?

Every source (a clip's first frame, or a portrait) is driven by clips of other people. Identity is the face
model's shape, fitted to the landmarks tracked in the output; motion is the change of pose and openings since
the reference frame. `--targets` measures the landmarks that the generator is given instead of its output: it
takes seconds and separates errors of the motion from errors of the generator.
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
from ...animate.face.landmarks import Landmarker
from ...animate.face.morphable_model import angles, fit, load_face_model, openings
from ...animate.motion.recording import DriverMotion, Tracked, track_driver
from ...animate.motion.retarget import follow_driver
from ...animate.options import AnimateOptions, MotionKind, MotionOptions
from ..data.clips import find_dataset

KINDS: tuple[MotionKind, ...] = ("relative", "copy")
COLUMNS = ("yaw", "pitch", "roll", "mouth", "eyes")
GOALS = (0.9, 0.85, 0.9, 0.9, 0.75)
"""The correlation that each column should reach."""
IDENTITY_FRAMES = 300
"""Frames of a clip used for the person's shape."""
RANGES = (8.0, 8.0, 8.0, 0.1, 0.1)
"""Smallest p95 - p5 of a driver for a column to count: degrees, or openings over the person's usual one."""
Points = NDArray[np.float64]


class FaceTrack(NamedTuple):
    """A face over time: the person's shape (P, 3) and its motion (T, 5), by COLUMNS."""

    shape: NDArray
    motion: NDArray


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


def fit_track(points: Points) -> FaceTrack:
    """Fit the face model to points (T, 70, 2)."""
    model = load_face_model()
    shape, faces = fit(model, points)
    opened = openings(points, faces)
    rest = np.maximum(np.percentile(opened, 75, axis=0), 0.05)
    eyes = opened[:, :2].mean(1) / rest[:2].mean()
    return FaceTrack(shape, np.column_stack([angles(faces.turn), opened[:, 2], eyes]))


def distance(a: NDArray, b: NDArray) -> float:
    """Distance of two shapes: root mean square over points, in eye distances."""
    return float(np.sqrt(((a - b) ** 2).sum(1).mean()))


def correlations(output: NDArray, driving: NDArray) -> list[float | None]:
    """Correlation of motions (T, 5), column by column; None where the driver hardly moves."""
    found: list[float | None] = []
    for column, least in enumerate(RANGES):
        a, b = output[:, column], driving[:, column]
        low, high = np.percentile(b, [5, 95])
        if high - low < least:
            found.append(None)
        else:
            found.append(float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-6 else 0.0)
    return found


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


def output_points(
    animator: Animator, source: Source, driver: Driver, kind: MotionKind
) -> tuple[Points, NDArray[np.bool_], NDArray[np.uint8]]:
    """The points tracked in the generated crops.

    Returns the points of the F frames with a face, a mask of these among the driver's frames with a face, and
    the crop at the driver's frame farthest from its first.
    """
    state = animator.prepare(source.image, AnimateOptions(motion=MotionOptions(kind), crop_only=True))
    if kind != "copy":
        state = animator.follow(state, driver.recording)
    assert driver.recording.points is not None
    away = np.abs(driver.recording.points - driver.recording.points[0]).mean((1, 2))
    points, tracked, last, shown = [], [], None, source.image
    with VideoReader(driver.path, None, len(driver.recording.pts) / 25) as reader:
        for index, frame in enumerate(animator.animate(state, reader)):
            if not driver.recording.found[index]:
                continue
            last = animator.networks.landmarker.follow(frame.image, last)
            tracked.append(last is not None)
            if last is not None:
                points.append(last.places)
            if len(tracked) - 1 == int(away.argmax()):
                shown = frame.image
    return np.array(points, np.float64).reshape(-1, 70, 2), np.array(tracked), shown


def evaluate(data: Path, weights: str, out: Path, count: int, frames: int, targets: bool) -> dict:
    """Measure all pairs of different people. Writes motion.json and, unless `targets`, sheet.png (a row per
    source, a column per driver, relative motion) to `out`."""
    animator = Animator.from_pretrained(weights, device="cpu", backend="torch")
    drivers = read_drivers(data, animator.networks.landmarker, count, frames)
    sources = read_sources(data, animator.networks.landmarker, count)
    motions = {driver.identity: fit_track(_points(driver)).motion for driver in drivers}
    # Shapes use longer clips: of a few seconds one half may be all silence, the other all speech.
    clips = {
        d.identity: _points(d)
        for d in read_drivers(data, animator.networks.landmarker, count, IDENTITY_FRAMES)
    }
    shapes = {identity: fit_track(points).shape for identity, points in clips.items()}
    halves = [_halves(points) for points in clips.values()]
    people = {source.identity: _own_shape(animator, source, shapes) for source in sources}
    result: dict = {
        "floor": float(np.mean([distance(*pair) for pair in halves])),
        "between people": float(
            np.mean([distance(shapes[a], shapes[b]) for a, b in combinations(shapes, 2)])
        ),
    }
    cells: dict[tuple[str, str], NDArray[np.uint8]] = {}
    follows: dict[str, list[list[float | None]]] = {driver.name: [] for driver in drivers}
    lost = dict.fromkeys(KINDS, 0)
    for kind in KINDS:
        away: list[float] = []
        for source, driver in tqdm([(s, d) for s in sources for d in drivers if s.identity != d.identity]):
            motion = motions[driver.identity]
            if targets:
                track = fit_track(target_points(animator, source, driver, kind))
            else:
                points, tracked, shown = output_points(animator, source, driver, kind)
                cells[source.name, driver.name] = cells.get((source.name, driver.name), shown)
                if tracked.mean() < 0.5:  # no face: counts as another person that follows nothing
                    lost[kind] += 1
                    away.append(result["between people"])
                    if kind == "relative":
                        moves = correlations(motion, motion)
                        follows[driver.name].append([None if c is None else 0.0 for c in moves])
                    continue
                track, motion = fit_track(points), motion[tracked]
            away.append(distance(track.shape, people[source.identity]))
            if kind == "relative":
                follows[driver.name].append(correlations(track.motion, motion))
        result[kind] = float(np.mean(away))
    result["lost"] = lost
    result["followed"] = {name: _columns(np.mean, rows) for name, rows in follows.items() if rows}
    result["of pairs"] = _columns(np.median, [row for rows in follows.values() for row in rows])
    (out / "motion.json").write_text(json.dumps(result, indent=1))
    if not targets:
        _sheet(sources, drivers, cells).save(out / "sheet.png")
    return result


def report(result: dict) -> str:
    """The results and whether they meet the goals, line by line."""
    floor, between, relative, copy = (
        result[name] for name in ("floor", "between people", "relative", "copy")
    )
    lines = [
        f"same person, two halves of a clip (floor)  {floor:.4f}",
        f"different people                           {between:.4f}  {_met(between >= 3 * floor)} 3 x floor",
        f"copy, to the source                        {copy:.4f}",
        f"relative, to the source                    {relative:.4f}  "
        f"{_met(relative - floor <= (copy - floor) / 3)} (copy - floor) / 3 above the floor",
    ]
    if any(result["lost"].values()):
        counts = ", ".join(f"{kind} {count}" for kind, count in result["lost"].items())
        lines.append(f"pairs without a face in half of the frames (counted as strangers): {counts}")
    for index, (column, goal) in enumerate(zip(COLUMNS, GOALS, strict=True)):
        values = [row[index] for row in result["followed"].values() if row[index] is not None]
        if values:
            middle = float(np.median(values))
            lines.append(
                f"{column:6} followed: median {middle:.3f} over {len(values)} drivers, "
                f"least {min(values):.3f}  {_met(middle >= goal)} {goal}; of all pairs "
                f"{result['of pairs'][index]:.3f}"
            )
        else:
            lines.append(f"{column:6} no driver moves enough")
    return "\n".join(lines)


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


def _met(met: bool) -> str:
    return "met:" if met else "MISSED:"


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
