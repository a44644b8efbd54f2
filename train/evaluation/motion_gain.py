"""How much of a driver's openings reaches the target landmarks, stage by stage: no generator is needed.

Every driver (a clip with label landmarks) drives every portrait. Openings are measured on the 68 points: the
inner lips' distance over the nose's length, the lids' distance over the eye's width. Gain is the range
(p95 - p5) over that of the driver's labels; correlation is with the labels. Stages:

    tracker   the driver's tracked points
    target    the portrait's target points before `limit_deformation`
    limited   the points that go into the network
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from ...animate import VideoReader, read_image
from ...animate.cli.options import run_command
from ...animate.face.crop import face_square, to_crop
from ...animate.face.landmarkers import load_landmarker
from ...animate.face.landmarks import Landmarker
from ...animate.ibug68 import EYES, LIDS
from ...animate.motion import retarget
from ...animate.motion.person import fit_source
from ...animate.motion.recording import DriverMotion, Tracked, track_driver
from ...animate.motion.retarget import MotionState, follow_driver
from ..face.faces import mouth_opening

DRIVERS = (
    "edtalk_mouth-source_0",
    "lia_driving3_0",
    "rerenderavid_pexels-cottonbro-studio-6649832-960x506-25fps_0",
    "vtoonify_7154235_0",
)
PORTRAITS = (
    "aaai22onesho_AdamSmith-0",
    "cocosnet_25807",
    "cocosnet_26969",
    "deep3dfacere_000055",
    "deep3dfacere_015384",
    "ghost_beckham",
    "styleheat_100",
    "vtoonify_077559",
)


class Gain(NamedTuple):
    """Of one pair and stage: gain and correlation of the mouth and of the eyes."""

    driver: str
    portrait: str
    stage: str
    mouth: tuple[float, float]
    eyes: tuple[float, float]


def measure_openings(points: NDArray) -> NDArray:
    """(T, 2) opening of the mouth over the nose's length, and of the eyes over their width; of (T, 68, 2)."""

    def gap(pairs: tuple[tuple[int, int], ...]) -> NDArray:
        return np.mean([np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in pairs], axis=0)

    width = gap(tuple((eye[0], eye[3]) for eye in EYES))
    return np.stack([mouth_opening(points), gap(LIDS) / width], 1)


def compare(points: NDArray, truth: NDArray) -> list[tuple[float, float]]:
    """(gain, correlation) of the mouth and of the eyes in (T, 68, 2) against the labels (T, 68, 2)."""
    got, real = measure_openings(points), measure_openings(truth)
    gains = np.ptp(np.percentile(got, (5, 95), axis=0), axis=0) / np.ptp(
        np.percentile(real, (5, 95), axis=0), axis=0
    )
    return [
        (float(gain), float(np.corrcoef(a, b)[0, 1])) for gain, a, b in zip(gains, got.T, real.T, strict=True)
    ]


def targets(motion: DriverMotion, source: NDArray) -> NDArray:
    """(F, 68, 2) target points of a source (70, 2) in every frame with a face."""
    state = MotionState(fit_source(source))
    state = replace(state, reference=motion.reference_signals(state.source))
    points = []
    for pts in motion.pts.tolist():
        if isinstance(seen := motion.sighting(pts).landmarks, Tracked):
            moved, state = follow_driver(source, state, seen.signals)
            points.append(moved.points[:68])
    return np.stack(points)


def measure_gains(
    faces: Path, drivers: tuple[str, ...], portraits: tuple[str, ...], landmarker: Landmarker
) -> Iterator[Gain]:
    """The gains of each pair, one after another."""
    sources = {}
    for name in portraits:
        image = read_image(faces / "portraits" / f"{name}.jpg")[0]
        found = landmarker.find(image)[0]
        sources[name] = to_crop(found.places, face_square(found, (image.shape[1], image.shape[0])))
    for driver in drivers:
        with VideoReader(faces / "clips" / f"{driver}.mp4") as reader:
            tracked = track_driver(landmarker, reader)
        truth = np.load(faces / "clips" / f"{driver}.npz")["lmk68"][tracked.found]
        assert tracked.points is not None
        yield Gain(driver, "", "tracker", *compare(tracked.points[:, :68], truth))
        motion = tracked.ready(1.0)
        for name, source in sources.items():
            with patch.object(retarget, "limit_deformation", lambda target, *_: target):
                yield Gain(driver, name, "target", *compare(targets(motion, source), truth))
            yield Gain(driver, name, "limited", *compare(targets(motion, source), truth))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gfla.train.evaluation.motion_gain", description=__doc__)
    parser.add_argument("faces", type=Path, help="the folder with clips/ and portraits/")
    parser.add_argument("--drivers", nargs="+", default=DRIVERS, metavar="NAME")
    parser.add_argument("--portraits", nargs="+", default=PORTRAITS, metavar="NAME")
    args = parser.parse_args(argv)

    def run() -> None:
        rows = []
        print(f"{'driver':20} {'portrait':24} {'stage':8}  mouth gain corr   eyes gain corr")
        for row in measure_gains(args.faces, tuple(args.drivers), tuple(args.portraits), load_landmarker()):
            rows.append(row)
            print(_line(row), flush=True)
        for stage in dict.fromkeys(row.stage for row in rows):
            those = [row for row in rows if row.stage == stage]
            mouth, eyes = (np.median([getattr(row, part) for row in those], 0) for part in ("mouth", "eyes"))
            print(_line(Gain("median", "", stage, tuple(mouth), tuple(eyes))))

    return run_command(parser.prog, run)


def _line(row: Gain) -> str:
    (a, b), (c, d) = row.mouth, row.eyes
    return f"{row.driver[:20]:20} {row.portrait:24} {row.stage:8} {a:10.2f} {b:4.2f} {c:11.2f} {d:4.2f}"


if __name__ == "__main__":
    sys.exit(main())
