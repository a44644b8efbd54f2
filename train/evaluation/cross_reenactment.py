"""Cross-reenactment measured: whose face is in the output, and does it follow the driver?

Every source (a clip's first frame, or a portrait) is driven by every clip of other people. Identity is the
face model's shape, fitted on what the tracker sees in the output; motion is the change of pose and openings
since the reference frame. `--targets` measures the landmarks that the generator would be given, which takes
seconds and says what is the motion's and what is the generator's.
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
from ...animate.face.landmarks import Landmarker
from ...animate.face.morphable_model import angles, fit, load_face_model, openings
from ...animate.motion.recording import DriverMotion, Tracked, record
from ...animate.motion.retarget import follow_driver
from ...animate.options import AnimateOptions, MotionKind, MotionOptions
from ..data.clips import find_dataset

KINDS: tuple[MotionKind, ...] = ("relative", "copy")
COLUMNS = ("yaw", "pitch", "roll", "mouth", "eyes")
WANTED = (0.9, 0.85, 0.9, 0.9, 0.75)
WHOLE = 300
"""Frames of a clip that say who is in it."""
RANGES = (8.0, 8.0, 8.0, 0.1, 0.1)
"""p95 - p5 of a driver, degrees or model units over the person's usual opening, from which it is counted."""
Points = NDArray[np.float64]


class Seen(NamedTuple):
    """A face over time: the person's shape (P, 3) and its motion (T, 5), COLUMNS."""

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


def see(points: Points) -> Seen:
    """What can be told from points (T, 70, 2) alone."""
    model = load_face_model()
    shape, faces = fit(model, points)
    opened = openings(points, faces)
    rest = np.maximum(np.percentile(opened, 75, axis=0), 0.05)
    eyes = opened[:, :2].mean(1) / rest[:2].mean()
    return Seen(shape, np.column_stack([angles(faces.turn), opened[:, 2], eyes]))


def distance(a: NDArray, b: NDArray) -> float:
    """Between two shapes: root mean square over points, in eye distances."""
    return float(np.sqrt(((a - b) ** 2).sum(1).mean()))


def followed(output: NDArray, driving: NDArray) -> list[float | None]:
    """Correlation of each column of motions (T, 5); None where the driver hardly moves."""
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
    """The first clip of each of `count` people of `val`, tracked for `frames` frames of 25 a second."""
    drivers: dict[str, Driver] = {}
    for row in _rows(data, "clip"):
        if row["identity"] not in drivers and len(drivers) < count:
            path = data / row["file"]
            with VideoReader(path, None, frames / 25) as reader:
                drivers[row["identity"]] = Driver(
                    path.stem, row["identity"], path, record(landmarker, reader)
                )
    return list(drivers.values())


def read_sources(data: Path, landmarker: Landmarker, count: int) -> list[Source]:
    """The first frames of clips and the portraits of `count` people of `val`, half and half."""
    sources: dict[str, Source] = {}
    for kind, upto in (("clip", (count + 1) // 2), ("portrait", count)):
        for row in _rows(data, kind):
            if row["identity"] in sources or len(sources) >= upto:
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
    """Where the source's points go, frame by frame, (T, 70, 2): no generator."""
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
    """What the tracker sees in the generated crops: points of the F frames with a face, which of the
    driver's own frames with a face those are, and the crop where the driver is farthest from its start."""
    state = animator.prepare(source.image, AnimateOptions(motion=MotionOptions(kind), crop_only=True))
    if kind != "copy":
        state = animator.follow(state, driver.recording)
    assert driver.recording.points is not None
    away = np.abs(driver.recording.points - driver.recording.points[0]).mean((1, 2))
    points, there, last, shown = [], [], None, source.image
    with VideoReader(driver.path, None, len(driver.recording.pts) / 25) as reader:
        for index, frame in enumerate(animator.animate(state, reader)):
            if not driver.recording.found[index]:
                continue
            last = animator.networks.landmarker.follow(frame.image, last)
            there.append(last is not None)
            if last is not None:
                points.append(np.concatenate([last.points, last.iris]))
            if len(there) - 1 == int(away.argmax()):
                shown = frame.image
    return np.array(points, np.float64).reshape(-1, 70, 2), np.array(there), shown


def evaluate(data: Path, weights: str, out: Path, count: int, frames: int, targets: bool) -> dict:
    """All pairs of different people; writes motion.json and, with outputs, sheet.png (a row a source, a
    column a driver, relative) to `out`."""
    animator = Animator.from_pretrained(weights, device="cpu")
    drivers = read_drivers(data, animator.networks.landmarker, count, frames)
    sources = read_sources(data, animator.networks.landmarker, count)
    known = {driver.identity: see(_points(driver)).motion for driver in drivers}
    # Who somebody is takes the whole clip: in a few seconds a half may be all silence, the other all speech.
    clips = {d.identity: _points(d) for d in read_drivers(data, animator.networks.landmarker, count, WHOLE)}
    shapes = {identity: see(points).shape for identity, points in clips.items()}
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
            motion = known[driver.identity]
            if targets:
                seen = see(target_points(animator, source, driver, kind))
            else:
                points, there, shown = output_points(animator, source, driver, kind)
                cells[source.name, driver.name] = cells.get((source.name, driver.name), shown)
                if there.mean() < 0.5:  # torn: nobody's face, and nothing is followed
                    lost[kind] += 1
                    away.append(result["between people"])
                    if kind == "relative":
                        follows[driver.name].append(
                            [None if c is None else 0.0 for c in followed(motion, motion)]
                        )
                    continue
                seen, motion = see(points), motion[there]
            away.append(distance(seen.shape, people[source.identity]))
            if kind == "relative":
                follows[driver.name].append(followed(seen.motion, motion))
        result[kind] = float(np.mean(away))
    result["lost"] = lost
    result["followed"] = {name: _columns(np.mean, rows) for name, rows in follows.items() if rows}
    result["of pairs"] = _columns(np.median, [row for rows in follows.values() for row in rows])
    (out / "motion.json").write_text(json.dumps(result, indent=1))
    if not targets:
        _sheet(sources, drivers, cells).save(out / "sheet.png")
    return result


def report(result: dict) -> str:
    """What came out against what is wanted, line by line."""
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
        lines.append(f"pairs in which no face is found in half of the frames (as far as strangers): {counts}")
    for index, (column, wanted) in enumerate(zip(COLUMNS, WANTED, strict=True)):
        values = [row[index] for row in result["followed"].values() if row[index] is not None]
        if values:
            middle = float(np.median(values))
            lines.append(
                f"{column:6} followed: median {middle:.3f} over {len(values)} drivers, "
                f"least {min(values):.3f}  {_met(middle >= wanted)} {wanted}; of all pairs "
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
    parser.add_argument("--count", type=int, default=10, help="sources and drivers")
    parser.add_argument("--frames", type=int, default=100, help="of each driver")
    parser.add_argument("--targets", action="store_true", help="the landmarks alone, without the generator")
    options = parser.parse_args(arguments)
    try:
        data = find_dataset(options.data)
        options.out.mkdir(parents=True, exist_ok=True)
        print(
            report(
                evaluate(data, options.weights, options.out, options.count, options.frames, options.targets)
            )
        )
    except ValueError as error:
        print(f"evaluate_motion: {error}", file=sys.stderr)
        return 2
    return 0


def _points(driver: Driver) -> Points:
    assert driver.recording.points is not None
    return driver.recording.points.astype(np.float64)


def _halves(points: Points) -> tuple[NDArray, NDArray]:
    middle = len(points) // 2
    return see(points[:middle]).shape, see(points[middle:]).shape


def _own_shape(animator: Animator, source: Source, shapes: dict[str, NDArray]) -> NDArray:
    """From the source's whole clip where it is also a driver, else from its one picture."""
    if source.identity in shapes:
        return shapes[source.identity]
    face = animator.networks.landmarker.find(source.image)[0]
    return see(np.concatenate([face.points, face.iris])[None].astype(np.float64)).shape


def _columns(average: Callable[[list[float]], Any], rows: list[list[float | None]]) -> list[float | None]:
    """The average of what is known, column by column."""
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
