"""Measures the tracker on people it was not trained on: error, lost and false faces, speed and jitter.

    python -m gfla.train.face.evaluate --data DIR [--weights FILE] [--landmarks face-alignment] [--every N]

NME is the mean distance of the 68 points over the distance of the outer eye corners. A face is lost where
none is found, or one that is more than 20 % off. Random numbers have a fixed seed, so the table is
reproducible.
"""

import argparse
import csv
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...animate.face.builtin import BuiltinLandmarker
from ...animate.face.landmarkers import load_landmarker
from ...animate.face.landmarks import Landmarker, Landmarks
from ...animate.face.pose import transform, warp
from ...animate.ibug68 import EYE_CORNERS
from ...models.tracker import load_tracker
from .faces import Image, Points, eye_opening, head_yaw, read_frames, read_meshes, read_points
from .samples import texture

LOST = 0.2
"""NME above which a detection is not counted as the face."""
BINS = ("yaw < 10", "yaw 10-20", "yaw < 20", "yaw >= 20")
PEOPLE = ("astronaut", "camera", "no_time_for_that_tiny")
"""scikit-image's pictures with people in them."""


@dataclass
class Tally:
    """Errors of one kind of picture."""

    name: str
    errors: list[float] = field(default_factory=list)
    iris: list[float] = field(default_factory=list)
    lost: int = 0

    def add(self, found: Landmarks | None, truth: Points) -> None:
        """found against truth (70, 2) pixels of the same image."""
        scale = float(np.linalg.norm(truth[EYE_CORNERS[0]] - truth[EYE_CORNERS[-1]]))
        error = math.inf
        if found is not None:
            error = float(np.linalg.norm(found.points - truth[:68], axis=1).mean()) / scale
        if error > LOST:
            self.lost += 1
            return
        assert found is not None
        self.errors.append(error)
        self.iris.append(float(np.linalg.norm(found.iris - truth[68:], axis=1).mean()) / scale)

    def line(self) -> str:
        count = len(self.errors) + self.lost
        if not self.errors:
            return f"{self.name:34} {count:6} frames, lost {self.lost}"
        nme, iris, tail = np.mean(self.errors), np.mean(self.iris), np.percentile(self.errors, 95)
        lost = self.lost / count
        return f"{self.name:34} {count:6} {nme:9.2%} {tail:9.2%} {iris:9.2%} {lost:9.2%}"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m gfla.train.face.evaluate", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with faces/ and raw_val/")
    parser.add_argument("--weights", type=Path, help="a trained tracker (default: the shipped one)")
    parser.add_argument("--landmarks", default="builtin", help="builtin or face-alignment")
    parser.add_argument(
        "--every", type=int, default=5, help="detect in every n-th frame (tracking uses all frames)"
    )
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    landmarker = load_landmarker(options.landmarks, options.device)
    if options.weights:
        landmarker = BuiltinLandmarker(load_tracker(options.device, options.weights))
    print(f"{'':34} {'frames':>6} {'NME':>9} {'95th':>9} {'iris':>9} {'lost':>9}")
    for tally in (
        *evaluate_found(landmarker, options.data, options.every),
        *evaluate_followed(landmarker, options.data),
    ):
        print(tally.line(), flush=True)
    for name, images in (
        ("windows of raw_val without the face", windows(options.data, 500)),
        ("textures", (texture(np.random.default_rng(k), 320) for k in range(100))),
        ("scikit-image without people", pictures_without_people()),
    ):
        scores = [[face.score for face in landmarker.find(image)] for image in images]
        false = [f"{max(found):.2f}" for found in scores if found]
        print(f"{name:34} {len(scores):6} pictures, faces in {len(false)} {' '.join(false)}", flush=True)


def evaluate_found(landmarker: Landmarker, data: Path, every: int) -> list[Tally]:
    """Detection in every n-th frame of val: unchanged, turned, pasted on canvases, and in its whole raw
    frame."""
    tallies = {name: Tally(f"found, {name}") for name in (*BINS, "turned", "on canvases", "whole raw frames")}
    rng = np.random.default_rng(0)
    for row in val_rows(data):
        path = data / "faces" / row["file"]
        truth, yaw = read_points(path.with_suffix(".npz")), head_yaw(read_meshes(path.with_suffix(".npz")))
        for t, image in read_frames(path, every):
            found = _largest(landmarker, image)
            for name in bins(yaw[t]):
                tallies[name].add(found, truth[t])
            turn = cv2.getRotationMatrix2D((127.5, 127.5), rng.uniform(-30, 30), 1.0)
            found = _largest(landmarker, warp(image, turn, (256, 256)))
            tallies["turned"].add(found, transform(turn, truth[t]))
            canvas, points = on_canvas(image, truth[t], rng)
            tallies["on canvases"].add(_largest(landmarker, canvas), points)
    for frames in raw_clips(data, every):
        for image, points in frames:
            tallies["whole raw frames"].add(_largest(landmarker, image), points)
    return list(tallies.values())


def evaluate_followed(landmarker: Landmarker, data: Path) -> list[Tally]:
    """Tracking through every clip of val, in crops and in whole raw frames; prints speed and jitter."""
    tallies = {name: Tally(f"followed, {name}") for name in (*BINS, "whole raw frames")}
    people: dict[str, Tally] = {}
    jitter, seconds = [], []
    opened: list[NDArray] = []
    for row in val_rows(data):
        path = data / "faces" / row["file"]
        truth, yaw = read_points(path.with_suffix(".npz")), head_yaw(read_meshes(path.with_suffix(".npz")))
        last, track = None, []
        for t, image in read_frames(path):
            start = time.perf_counter()
            last = landmarker.follow(image, last)
            seconds.append(time.perf_counter() - start)
            for name in bins(yaw[t]):
                tallies[name].add(last, truth[t])
            people.setdefault(row["identity"], Tally(f"  {row['identity'][:30]}")).add(last, truth[t])
            track.append(last.points if last else np.full((68, 2), np.nan, np.float32))
        if len(track) > 2:
            both = np.stack(track), truth[: len(track), :68]
            opened.append(np.stack([relative_opening(points) for points in both]))
            jitter.append([np.nanmean(np.abs(np.diff(points, 2, axis=0))) for points in both])
    for frames in raw_clips(data):
        last = None
        for image, points in frames:
            last = landmarker.follow(image, last)
            tallies["whole raw frames"].add(last, points)
    ours, theirs = np.mean(jitter, 0)
    print(f"second difference of points, pixels of 256: tracked {ours:.3f}, labels {theirs:.3f}")
    found, labels = np.concatenate(opened, 1)
    shut = labels < 0.4
    print(
        f"opening of the eyes, 1 as usual: mean error {np.nanmean(np.abs(found - labels)):.3f}; "
        f"{shut.sum()} frames of shut eyes: labels {labels[shut].mean():.2f}, "
        f"tracked {np.nanmean(found[shut]):.2f}"
    )
    print(f"tracking: median {np.median(seconds) * 1e3:.1f}, minimum {np.min(seconds) * 1e3:.1f} ms a frame")
    return [*tallies.values(), *people.values()]


def relative_opening(points: Points) -> NDArray[np.float32]:
    """Opening of the eyes over the clip's usual opening, (T,), from its points (T, 68, 2)."""
    opening = eye_opening(points)
    return opening / np.nanpercentile(opening, 75)


def bins(yaw: float) -> list[str]:
    """The groups of a frame by its yaw in degrees."""
    turn = abs(float(yaw))
    return [BINS[3]] if turn >= 20 else [BINS[2], BINS[0] if turn < 10 else BINS[1]]


def val_rows(data: Path) -> list[dict[str, str]]:
    with open(data / "faces" / "index.csv", newline="") as file:
        return [row for row in csv.DictReader(file) if row["split"] == "val"]


def on_canvas(image: Image, points: Points, rng: np.random.Generator) -> tuple[Image, Points]:
    """The 256 crop, scaled to 90 to 400 pixels, anywhere on a texture of 480 to 1280 pixels."""
    width, height = rng.integers(480, 1281, 2)
    canvas = cv2.resize(texture(rng, 320), (int(width), int(height)))
    side = int(rng.uniform(90, min(400, width, height)))
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    x, y = rng.integers(0, width - side + 1), rng.integers(0, height - side + 1)
    canvas[y : y + side, x : x + side] = small
    return canvas, ((points + 0.5) * side / 256 - 0.5 + [x, y]).astype(np.float32)  # type: ignore[return-value]


def raw_clips(data: Path, every: int = 1) -> Iterator[Iterator[tuple[Image, Points]]]:
    """For each file of raw_val: every n-th frame used by its val clip, with its points (70, 2)."""
    originals = {path.stem: path for path in (data / "raw_val").glob("*.mp4")}
    for row in val_rows(data):
        stem = Path(row["file"]).stem.rsplit("_", 1)[0]
        if stem in originals:
            yield _raw_frames(data, row, originals[stem], every)


def _raw_frames(
    data: Path, row: dict[str, str], original: Path, every: int
) -> Iterator[tuple[Image, Points]]:
    """The frames of one original: at 25 a second the clip used the newest one not later."""
    truth = read_points((data / "faces" / row["file"]).with_suffix(".npz"))
    scale, corner = float(row["crop_side"]) / 256, [float(row["crop_x"]), float(row["crop_y"])]
    video = cv2.VideoCapture(str(original))
    rate = Fraction(video.get(cv2.CAP_PROP_FPS)).limit_denominator(1001)
    wanted: dict[int, int] = {}
    for t in range(0, len(truth), every):
        wanted.setdefault(int(Fraction(int(row["source_start_frame"]) + t, 25) * rate), t)
    for number in range(max(wanted) + 1):
        if not video.grab():
            break
        if number in wanted:
            image = cv2.cvtColor(video.retrieve()[1], cv2.COLOR_BGR2RGB)
            points = (truth[wanted[number]] + 0.5) * scale + corner - 0.5
            yield image, points.astype(np.float32)  # type: ignore[misc]
    video.release()


def windows(data: Path, count: int) -> Iterator[Image]:
    """Windows of raw_val's frames that do not touch the face's box, forehead included."""
    frames = [pair for clip in raw_clips(data, 40) for pair in clip]
    rng, made = np.random.default_rng(1), 0
    while made < count:
        image, points = frames[int(rng.integers(len(frames)))]
        (x0, y0), (x1, y1) = points[:68].min(0), points[:68].max(0)
        y0 -= 0.3 * (y1 - y0)
        height, width = image.shape[:2]
        w, h = int(rng.uniform(0.12, 0.7) * width), int(rng.uniform(0.12, 0.7) * height)
        x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
        if min(w, h) >= 32 and (x >= x1 or x + w <= x0 or y >= y1 or y + h <= y0):
            made += 1
            yield np.ascontiguousarray(image[y : y + h, x : x + w])


def pictures_without_people() -> Iterator[Image]:
    """The pictures in scikit-image's package, without those of people."""
    import skimage.data

    for path in sorted(Path(skimage.data.__file__).parent.iterdir()):
        if path.suffix in (".png", ".jpg") and path.stem not in PEOPLE:
            yield cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)  # type: ignore[misc, arg-type]


def _largest(landmarker: Landmarker, image: Image) -> Landmarks | None:
    faces = landmarker.find(image)
    return faces[0] if faces else None


if __name__ == "__main__":
    main()
